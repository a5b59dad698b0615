//! Verifying a block: every rule a vote depends on.

use std::sync::Arc;

use alloy_primitives::Bytes;
use commonware_consensus::CertifiableBlock as _;
use commonware_consensus::types::{Epocher as _, Height};
use commonware_parallel::Strategy as _;
use consensus::{ConsensusBlock, settings};
use execution::{BlockEnvironment, BlockExecutor, BlockOutcome, DriveError, Mode, rules};
use state::qmdb::{ApplyError, BatchReader, Batches, Sealed, apply_diff, commitment};
use types::{Receipt, Transaction, TransactionError};

use crate::{Runtime, application::App, executed::Executed, stages::Stage};

/// What keeps this node from executing a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnFailure {
    /// The system gave no thread.
    Thread(String),
    /// The state cannot be read or written.
    State(String),
}

/// The first rule that a block breaks.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{field}: expected {expected}, found {found}")]
    Field { field: &'static str, expected: String, found: String },
    #[error("transaction {index}: {reason}")]
    Transaction { index: usize, reason: TransactionError },
    #[error(transparent)]
    Execute(#[from] DriveError),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// A rule broken by what was executed, with the receipts that this node got.
    #[error("{rule}")]
    Executed { rule: Box<Refused>, receipts: Arc<Vec<Receipt>> },
}

impl Refused {
    /// The rule itself.
    pub(crate) fn rule(&self) -> &Self {
        match self {
            Self::Executed { rule, .. } => rule,
            rule => rule,
        }
    }

    /// This node's receipts, where it came to have them.
    pub(crate) fn receipts(&self) -> &[Receipt] {
        match self {
            Self::Executed { receipts, .. } => receipts,
            _ => &[],
        }
    }

    /// Why this node could not find out what the block gives: no thread, or a state that cannot be
    /// read. It tells nothing about the block.
    pub(crate) fn own_failure(&self) -> Option<OwnFailure> {
        match self {
            Self::Execute(DriveError::Thread(cause)) => Some(OwnFailure::Thread(cause.clone())),
            Self::Execute(DriveError::State(error)) | Self::Apply(ApplyError::Store(error)) => {
                Some(OwnFailure::State(error.to_string()))
            }
            Self::Executed { rule, .. } => rule.own_failure(),
            _ => None,
        }
    }

    fn executed(self, outcome: &BlockOutcome) -> Self {
        Self::Executed { rule: Box::new(self), receipts: Arc::clone(&outcome.receipts) }
    }
}

fn equal<T: PartialEq + std::fmt::Display>(
    field: &'static str,
    expected: T,
    found: T,
) -> Result<(), Refused> {
    if expected == found {
        return Ok(());
    }
    Err(Refused::Field { field, expected: expected.to_string(), found: found.to_string() })
}

impl App {
    /// Rules between a candidate and its parent. The consensus library has checked that the
    /// block's context is that of the view it was proposed in.
    pub(crate) fn check_against_parent(
        &self,
        block: &ConsensusBlock,
        parent: &ConsensusBlock,
    ) -> Result<(), Refused> {
        let (header, extension) = (block.header(), block.extension());
        let expected = self.next_header(parent, &block.context(), extension.time_ms);
        equal("number", expected.number, header.number)?;
        equal("parentHash", expected.parent_hash, header.parent_hash)?;
        equal("miner", expected.beneficiary, header.beneficiary)?;
        equal("gasLimit", expected.gas_limit, header.gas_limit)?;
        equal("mixHash", expected.mix_hash, header.mix_hash)?;
        equal(
            "baseFeePerGas",
            expected.base_fee_per_gas.unwrap_or_default(),
            header.base_fee_per_gas.unwrap_or_default(),
        )?;
        let epocher = settings::epocher(&self.core.genesis.parameters);
        let epoch = epocher.containing(Height::new(header.number)).map(|info| info.epoch().get());
        equal("extension.epoch", epoch.unwrap_or(u64::MAX), extension.epoch)?;
        if extension.time_ms <= parent.time_ms() {
            return Err(Refused::Field {
                field: "extension.time",
                expected: format!("more than {}", parent.time_ms()),
                found: extension.time_ms.to_string(),
            });
        }
        if header.number == 1 {
            equal("transactions", 0, block.transactions().len())?;
        }
        Ok(())
    }

    /// Executes a block on its parent's state and compares everything that it commits to.
    pub(crate) async fn verify<E: Runtime>(
        &self,
        block: &ConsensusBlock,
        clock: &E,
        batches: Batches<E>,
    ) -> Result<Sealed<E>, Refused> {
        let transactions = self.recover(block).await?;
        let header = block.header();
        let executor = BlockExecutor::new(
            BlockEnvironment::of_header(header, block.time_ms()),
            rules(&self.core.genesis, header.number),
            transactions.clone(),
            Mode::Verify,
        );
        let reader = BatchReader::<E>(&batches);
        let outcome = self.core.execute(executor, transactions.len(), &reader, clock, None).await?;
        let compared = self.compare(block, &outcome, batches).await;
        let sealed = compared.map_err(|rule| rule.executed(&outcome))?;
        let executed =
            Executed { number: block.number(), parent: header.parent_hash, transactions, outcome };
        self.core.executed.insert(block.hash(), executed);
        Ok(sealed)
    }

    /// Compares everything that a block commits to with what its execution gave.
    async fn compare<E: Runtime>(
        &self,
        block: &ConsensusBlock,
        outcome: &BlockOutcome,
        batches: Batches<E>,
    ) -> Result<Sealed<E>, Refused> {
        let header = block.header();
        check_outcome(block, outcome)?;
        let writing = apply_diff::<E>(batches, &outcome.diff);
        let sealed = self.core.stages.time(Stage::Merkleization, writing).await?;
        let state = commitment::<E>(&sealed);
        equal("stateRoot", state.state_root(), header.state_root)?;
        if state != block.extension().state {
            return Err(Refused::Field {
                field: "extension.state",
                expected: format!("{state:?}"),
                found: format!("{:?}", block.extension().state),
            });
        }
        Ok(sealed)
    }

    /// Decodes the transactions and recovers their senders; those in the pool are done already.
    async fn recover(&self, block: &ConsensusBlock) -> Result<Vec<Arc<Transaction>>, Refused> {
        let encoded: Vec<Bytes> = block.transactions().to_vec();
        let pool = Arc::clone(&self.core.pool);
        let stages = self.core.stages.clone();
        let work = move |strategy: commonware_parallel::Rayon| {
            let _running = stages.begin(Stage::Recovery);
            let known = pool.find_encoded(&encoded);
            strategy.map_collect_vec(encoded.into_iter().zip(known), |(bytes, known)| match known {
                Some(transaction) => Ok(transaction),
                None => {
                    // Wherever the pool runs it.
                    let _running = stages.begin(Stage::Recovery);
                    Transaction::decode(bytes).map(Arc::new)
                }
            })
        };
        let recovered = self.core.strategy.spawn(block.transactions().len(), work).await;
        recovered
            .into_iter()
            .enumerate()
            .map(|(index, result)| result.map_err(|reason| Refused::Transaction { index, reason }))
            .collect()
    }
}

fn check_outcome(block: &ConsensusBlock, outcome: &BlockOutcome) -> Result<(), Refused> {
    let header = block.header();
    equal("gasUsed", outcome.gas_used, header.gas_used)?;
    equal("transactionsRoot", outcome.transactions_root, header.transactions_root)?;
    equal("receiptsRoot", outcome.receipts_root, header.receipts_root)?;
    equal("logsBloom", outcome.logs_bloom, header.logs_bloom)?;
    let next = outcome.next_validators.as_ref().map(types::ValidatorSet::hash);
    equal(
        "extension.nextValidators",
        next.unwrap_or_default(),
        block.extension().next_validators_hash,
    )
}

#[cfg(test)]
mod tests {
    use execution::{InvalidBlock, InvalidTransaction};
    use state::StateError;

    use super::*;

    #[test]
    fn what_this_node_lacks_is_told_from_what_is_wrong_with_a_block() {
        let thread = Refused::Execute(DriveError::Thread("too many".into()));
        assert_eq!(thread.own_failure(), Some(OwnFailure::Thread("too many".into())));
        let lost = || StateError::Store("lost".into());
        let state = Some(OwnFailure::State(lost().to_string()));
        assert_eq!(Refused::Execute(DriveError::State(lost())).own_failure(), state);
        let write = Refused::Apply(ApplyError::Store(lost()));
        assert_eq!(write.own_failure(), state);
        let receipts = Arc::default();
        assert_eq!(Refused::Executed { rule: Box::new(write), receipts }.own_failure(), state);
        let reason = InvalidTransaction::TooSlow { took_ms: 2, limit_ms: 1 };
        let invalid = DriveError::Invalid(InvalidBlock::Transaction { index: 0, reason });
        let field = Refused::Field { field: "gasUsed", expected: "1".into(), found: "2".into() };
        for blamed in [Refused::Execute(invalid), Refused::Apply(ApplyError::Wipe), field] {
            assert_eq!(blamed.own_failure(), None, "{blamed}");
        }
    }
}
