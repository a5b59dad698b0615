//! Building a block on a parent.

use std::time::Duration;

use alloy_primitives::B256;
use consensus::{BlockError, ConsensusBlock, Context, validator_key};
use execution::{
    BlockEnvironment, BlockExecutor, BuildLimits, BuildTime, Disposition, DriveError, Mode, rules,
};
use pool::Order;
use state::qmdb::{ApplyError, BatchReader, Batches, Sealed, apply_diff, commitment};
use types::{
    Block, Extension, FeeMode, Header, Parameters, UnknownActivation, blank_header, next_mix_hash,
};

use crate::{Runtime, application::App, executed::Executed, stages::Stage};

/// Candidates are chosen for so many blocks' worth of gas limits, because transactions use far
/// less than their limit.
const GAS_OVERSUBSCRIPTION: u64 = 4;

/// Part of the leader time-out for which transactions are added to a block, percent. The rest is
/// for sending it and for the other validators, who execute it as well.
const BUILD_PERCENT: u32 = 25;
/// Part of the leader time-out that a single transaction may take, percent. One that takes longer
/// would make every block that has it miss its time, and nothing would ever be final again.
const TRANSACTION_PERCENT: u32 = 60;

fn build_time(parameters: &Parameters) -> BuildTime {
    let leader = Duration::from_millis(parameters.leader_timeout_ms);
    BuildTime {
        block: leader * BUILD_PERCENT / 100,
        transaction: leader * TRANSACTION_PERCENT / 100,
    }
}

/// Large transactions wait until all others were tried, so that a row of slow ones costs the others
/// no more than a block; in every fourth block they do not, so that they come in a flood of others.
fn order(number: u64) -> Order {
    match number.is_multiple_of(4) {
        true => Order::Arrival,
        false => Order::LargeLast,
    }
}

/// Why no block was built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error(transparent)]
    Execute(#[from] DriveError),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Block(#[from] BlockError),
    #[error("the state has no validators")]
    NoValidators,
    #[error(transparent)]
    UnknownActivation(#[from] UnknownActivation),
}

impl App {
    /// A block of what the pool holds, on top of `parent`.
    pub(crate) async fn build<E: Runtime>(
        &self,
        parent: &ConsensusBlock,
        context: &Context,
        clock: &E,
        batches: Batches<E>,
    ) -> Result<(ConsensusBlock, Sealed<E>), BuildError> {
        let core = &self.core;
        let leader = validator_key(&context.leader);
        let time_ms = consensus::pacing::now_ms(clock).max(parent.time_ms().saturating_add(1));
        let header = self.next_header(parent, context, time_ms);
        core.genesis.parameters.check_known_at(header.number)?;
        let limits = BuildLimits::default();
        // The first block applies the allocation and carries no transactions.
        let candidates = if header.number == 1 {
            Vec::new()
        } else {
            let used = core.executed.used_by(parent.hash());
            core.pool.select(
                &used.hashes,
                &used.next_nonces,
                header.gas_limit.saturating_mul(GAS_OVERSUBSCRIPTION),
                limits.transaction_bytes_max,
                limits.transactions_max,
                order(header.number),
            )
        };
        let executor = BlockExecutor::new(
            BlockEnvironment::of_header(&header, time_ms),
            rules(&core.genesis, header.number),
            candidates.clone(),
            Mode::Build(limits),
        );
        let reader = BatchReader::<E>(&batches);
        let time = Some(build_time(&core.genesis.parameters));
        let outcome = core.execute(executor, candidates.len(), &reader, clock, time).await?;
        for rejected in &outcome.rejected {
            if rejected.reason.disposition() == Disposition::Drop {
                let hash = candidates[rejected.index].hash();
                core.pool.drop_invalid(hash, &rejected.reason.to_string());
            }
        }
        let writing = apply_diff::<E>(batches, &outcome.diff);
        let sealed = core.stages.time(Stage::Merkleization, writing).await?;
        let next = outcome.next_validators.as_ref().ok_or(BuildError::NoValidators)?;
        let extension = Extension {
            epoch: context.round.epoch().get(),
            view: context.round.view().get(),
            leader,
            parent_view: context.parent.0.get(),
            time_ms,
            next_validators_hash: next.hash(),
            state: commitment::<E>(&sealed),
            genesis_commitment: None,
        };
        let header = Header {
            gas_used: outcome.gas_used,
            transactions_root: outcome.transactions_root,
            receipts_root: outcome.receipts_root,
            logs_bloom: outcome.logs_bloom,
            ..header
        };
        let transactions: Vec<_> =
            outcome.included.iter().map(|index| candidates[*index].clone()).collect();
        let encoded = transactions.iter().map(|transaction| transaction.encoded().clone());
        let block = ConsensusBlock::new(Block::new(header, extension, encoded.collect()))?;
        let executed =
            Executed { number: block.number(), parent: parent.hash(), transactions, outcome };
        core.executed.insert(block.hash(), executed);
        Ok((block, sealed))
    }

    /// Header fields that follow from the parent, the context and the parameters.
    pub(crate) fn next_header(
        &self,
        parent: &ConsensusBlock,
        context: &Context,
        time_ms: u64,
    ) -> Header {
        let parameters = &self.core.genesis.parameters;
        let leader = validator_key(&context.leader);
        let view = context.round.view().get();
        Header {
            parent_hash: B256::from(parent.hash()),
            beneficiary: parameters.fee_recipient,
            number: parent.number() + 1,
            gas_limit: parameters.block_gas_limit,
            timestamp: time_ms / 1000,
            mix_hash: next_mix_hash(parent.header().mix_hash, &leader.0, view),
            base_fee_per_gas: Some(match parameters.fee_mode {
                FeeMode::Free => 0,
                FeeMode::Metered => parameters.base_fee_wei,
            }),
            ..blank_header()
        }
    }
}
