//! Parameters of a ledger, fixed at genesis (governance will change some of them by proposal).

use std::collections::BTreeMap;

use alloy_primitives::Address;
use alloy_rlp::RlpEncodable;
use serde::{Deserialize, Serialize};

/// Who pays for execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeeMode {
    /// Any fee fields are accepted and nothing is charged; `GASPRICE` returns 0.
    #[default]
    Free,
    /// A constant base fee is charged and paid to the fee recipient; tips are charged as offered.
    Metered,
}

/// All numbers that the ledger's rules depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Gas of one block. The slowest contracts use about 20 M gas per second of one processor, and
    /// a block must be built and verified within the time-outs.
    pub block_gas_limit: u64,
    /// Free or metered.
    pub fee_mode: FeeMode,
    /// Wei per gas in metered mode; must be 0 in free mode.
    pub base_fee_wei: u64,
    /// The header's `beneficiary`: who receives fees in metered mode.
    pub fee_recipient: Address,
    /// Blocks in an epoch; the validator set changes only between epochs.
    pub epoch_blocks: u64,
    /// Least time between two blocks that carry transactions, milliseconds.
    pub interval_min_ms: u64,
    /// Time between the empty blocks that follow the last transaction, milliseconds.
    pub interval_idle_ms: u64,
    /// Empty blocks after the last transaction, so that clients that wait for confirmations finish.
    pub trailing_blocks: u64,
    /// Age of the head at which an empty block is built, milliseconds.
    pub heartbeat_ms: u64,
    /// How long validators wait for a leader's block, milliseconds.
    pub leader_timeout_ms: u64,
    /// Validators and observers that may be connected.
    pub peers_max: u64,
    /// Features of the protocol with the first block under each ([`Feature`](crate::Feature)). A file
    /// without any has the hash that it had before there was this list.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub activations: BTreeMap<String, u64>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            block_gas_limit: 60_000_000,
            fee_mode: FeeMode::Free,
            base_fee_wei: 0,
            fee_recipient: Address::ZERO,
            epoch_blocks: 200,
            interval_min_ms: 100,
            interval_idle_ms: 500,
            trailing_blocks: 8,
            heartbeat_ms: 15_000,
            leader_timeout_ms: 2_000,
            peers_max: crate::limits::PEERS_MAX as u64,
            activations: BTreeMap::new(),
        }
    }
}

impl Parameters {
    /// First rule that the values break, in words that name the value and the bound.
    pub fn check(&self) -> Result<(), String> {
        let range = |name: &str, value: u64, low: u64, high: u64| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(format!("parameters.{name} is {value}, allowed are {low} to {high}"))
            }
        };
        range(
            "block_gas_limit",
            self.block_gas_limit,
            1_000_000,
            crate::limits::BLOCK_GAS_LIMIT_MAX,
        )?;
        range("epoch_blocks", self.epoch_blocks, 4, 1_000_000)?;
        range("interval_min_ms", self.interval_min_ms, 0, 60_000)?;
        range("interval_idle_ms", self.interval_idle_ms, 0, 60_000)?;
        range("trailing_blocks", self.trailing_blocks, 0, 1_000)?;
        range("heartbeat_ms", self.heartbeat_ms, 1_000, 24 * 60 * 60 * 1_000)?;
        range("leader_timeout_ms", self.leader_timeout_ms, 100, 60_000)?;
        range("peers_max", self.peers_max, 4, crate::limits::PEERS_MAX as u64)?;
        crate::activations::check(&self.activations)?;
        match (self.fee_mode, self.base_fee_wei) {
            (FeeMode::Free, 0) => Ok(()),
            (FeeMode::Free, _) => Err("parameters.base_fee_wei must be 0 in free mode".into()),
            (FeeMode::Metered, 0) => {
                Err("parameters.base_fee_wei must be above 0 in metered mode".into())
            }
            (FeeMode::Metered, _) => Ok(()),
        }
    }

    /// RLP list of the numbers in the order in which they are declared; and, only where there are
    /// activations, these as `[name, height]` in ascending order of the names.
    pub(crate) fn to_rlp(&self) -> Vec<u8> {
        #[derive(RlpEncodable)]
        struct Activation {
            name: String,
            height: u64,
        }
        #[derive(RlpEncodable)]
        #[rlp(trailing)]
        struct Fields {
            block_gas_limit: u64,
            fee_mode: u8,
            base_fee_wei: u64,
            fee_recipient: Address,
            epoch_blocks: u64,
            interval_min_ms: u64,
            interval_idle_ms: u64,
            trailing_blocks: u64,
            heartbeat_ms: u64,
            leader_timeout_ms: u64,
            peers_max: u64,
            activations: Option<Vec<Activation>>,
        }
        let activations: Vec<Activation> = self
            .activations
            .iter()
            .map(|(name, height)| Activation { name: name.clone(), height: *height })
            .collect();
        alloy_rlp::encode(Fields {
            block_gas_limit: self.block_gas_limit,
            fee_mode: match self.fee_mode {
                FeeMode::Free => 0,
                FeeMode::Metered => 1,
            },
            base_fee_wei: self.base_fee_wei,
            fee_recipient: self.fee_recipient,
            epoch_blocks: self.epoch_blocks,
            interval_min_ms: self.interval_min_ms,
            interval_idle_ms: self.interval_idle_ms,
            trailing_blocks: self.trailing_blocks,
            heartbeat_ms: self.heartbeat_ms,
            leader_timeout_ms: self.leader_timeout_ms,
            peers_max: self.peers_max,
            activations: Some(activations).filter(|activations| !activations.is_empty()),
        })
    }
}
