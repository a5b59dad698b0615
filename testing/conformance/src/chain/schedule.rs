//! Which rules a block runs under.

use std::collections::{BTreeMap, BTreeSet};

use alloy_eips::{
    eip7594::MAX_BLOBS_PER_TX_FUSAKA,
    eip7840::{BLOB_BASE_COST, BlobParams},
};
use alloy_primitives::{Address, U256};
use revm::primitives::hardfork::SpecId;
use serde::Deserialize;

use crate::machine::Rules;

/// The genesis file's `config`. Forks go by block number up to the merge, by time after it; an
/// absent fork never begins.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForkConfiguration {
    /// EIP-155 chain id.
    pub chain_id: u64,
    homestead_block: Option<u64>,
    eip150_block: Option<u64>,
    eip155_block: Option<u64>,
    eip158_block: Option<u64>,
    byzantium_block: Option<u64>,
    constantinople_block: Option<u64>,
    petersburg_block: Option<u64>,
    istanbul_block: Option<u64>,
    berlin_block: Option<u64>,
    london_block: Option<u64>,
    muir_glacier_block: Option<u64>,
    arrow_glacier_block: Option<u64>,
    gray_glacier_block: Option<u64>,
    merge_netsplit_block: Option<u64>,
    terminal_total_difficulty: Option<U256>,
    shanghai_time: Option<u64>,
    cancun_time: Option<u64>,
    prague_time: Option<u64>,
    osaka_time: Option<u64>,
    bpo1_time: Option<u64>,
    bpo2_time: Option<u64>,
    /// Whose logs are deposits (EIP-6110).
    pub deposit_contract_address: Option<Address>,
    #[serde(default)]
    blob_schedule: BTreeMap<String, BlobParams>,
}

/// What a block's rules depend on.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    /// Block number.
    pub number: u64,
    /// Seconds since the Unix epoch.
    pub timestamp: u64,
    /// Sum of the difficulties of all blocks before it.
    pub difficulty_before: U256,
}

/// The rules of one block.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Rules of the EVM.
    pub rules: Rules,
    /// Blob market; `None` before Cancun.
    pub blobs: Option<BlobParams>,
    /// Whether old transactions may name a chain (EIP-155).
    pub replay_protection: bool,
}

impl ForkConfiguration {
    /// The rules at a position.
    pub fn schedule(&self, position: Position) -> Schedule {
        let spec = self.spec(position);
        let blobs = self.blobs(position.timestamp);
        let mut rules = if self.is_first_constantinople(position.number) {
            Rules::constantinople()
        } else {
            Rules::new(spec)
        };
        rules.blobs_max = blobs.map(|blobs| blobs.max_blobs_per_tx);
        rules.blob_update_fraction =
            blobs.and_then(|blobs| u64::try_from(blobs.update_fraction).ok());
        let replay_protection = reached(self.eip155_block, position.number);
        Schedule { rules, blobs, replay_protection }
    }

    fn spec(&self, position: Position) -> SpecId {
        let merged = self
            .terminal_total_difficulty
            .is_some_and(|terminal| position.difficulty_before >= terminal);
        let by_number = |fork| reached(fork, position.number);
        let by_time = |fork| merged && reached(fork, position.timestamp);
        [
            (by_time(self.osaka_time), SpecId::OSAKA),
            (by_time(self.prague_time), SpecId::PRAGUE),
            (by_time(self.cancun_time), SpecId::CANCUN),
            (by_time(self.shanghai_time), SpecId::SHANGHAI),
            (merged, SpecId::MERGE),
            (by_number(self.london_block), SpecId::LONDON),
            (by_number(self.berlin_block), SpecId::BERLIN),
            (by_number(self.istanbul_block), SpecId::ISTANBUL),
            (by_number(self.constantinople_block), SpecId::PETERSBURG),
            (by_number(self.byzantium_block), SpecId::BYZANTIUM),
            (by_number(self.eip158_block), SpecId::SPURIOUS_DRAGON),
            (by_number(self.eip150_block), SpecId::TANGERINE),
            (by_number(self.homestead_block), SpecId::HOMESTEAD),
        ]
        .into_iter()
        .find_map(|(begun, spec)| begun.then_some(spec))
        .unwrap_or(SpecId::FRONTIER)
    }

    /// When the fork at `timestamp` began, and the numbers and times at which all forks up to it
    /// did, each once and in order (EIP-2124).
    pub fn forks_passed(&self, timestamp: u64) -> (u64, Vec<u64>) {
        let by_number: BTreeSet<u64> = [
            self.homestead_block,
            self.eip150_block,
            self.eip155_block,
            self.eip158_block,
            self.byzantium_block,
            self.constantinople_block,
            self.petersburg_block,
            self.istanbul_block,
            self.muir_glacier_block,
            self.berlin_block,
            self.london_block,
            self.arrow_glacier_block,
            self.gray_glacier_block,
            self.merge_netsplit_block,
        ]
        .into_iter()
        .flatten()
        .filter(|number| *number > 0)
        .collect();
        let by_time: BTreeSet<u64> = [
            self.shanghai_time,
            self.cancun_time,
            self.prague_time,
            self.osaka_time,
            self.bpo1_time,
            self.bpo2_time,
        ]
        .into_iter()
        .flatten()
        .filter(|time| *time <= timestamp)
        .collect();
        let began = by_time.last().copied().unwrap_or(0);
        (began, by_number.into_iter().chain(by_time).collect())
    }

    fn is_first_constantinople(&self, number: u64) -> bool {
        reached(self.constantinople_block, number) && !reached(self.petersburg_block, number)
    }

    fn blobs(&self, timestamp: u64) -> Option<BlobParams> {
        let forks = [
            ("bpo2", self.bpo2_time),
            ("bpo1", self.bpo1_time),
            ("osaka", self.osaka_time),
            ("prague", self.prague_time),
            ("cancun", self.cancun_time),
        ];
        let (name, _) = forks.into_iter().find(|(_, time)| reached(*time, timestamp))?;
        let parameters = *self.blob_schedule.get(name)?;
        if !reached(self.osaka_time, timestamp) {
            return Some(parameters);
        }
        Some(
            parameters
                .with_max_blobs_per_tx(MAX_BLOBS_PER_TX_FUSAKA)
                .with_blob_base_cost(BLOB_BASE_COST),
        )
    }
}

fn reached(fork: Option<u64>, position: u64) -> bool {
    fork.is_some_and(|fork| position >= fork)
}

#[cfg(test)]
mod tests;
