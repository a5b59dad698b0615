//! The block executor: runs the frame and the transactions of one block, asking for the values of
//! the state that it needs.
//!
//! It is a state machine without I/O. [`BlockExecutor::step`] works until it is done or needs
//! values; [`BlockExecutor::provide`] gives them. It can be moved between threads at any time.
//!
//! What bounds the work, whatever transactions read: a small one that misses a value is run again
//! a few times once it is there ([`look_ahead`]); a large one, and a small one whose reads depend
//! on one another, runs once and waits for each value where it is read
//! ([`BlockExecutor::load_next`]). Between parts of limited gas the caller may end a block that it
//! builds.

mod frame;
mod invalid;
mod look_ahead;
mod outcome;
mod prefetch;
mod replay;
#[cfg(test)]
mod tests;
mod transactions;

use std::{collections::BTreeSet, sync::Arc};

use revm::Database as _;
use state::{StateKey, StateValue};
use system::validators::StoredSet;
use types::{Transaction, ValidatorSet};

use crate::{AccessPatterns, BlockEnvironment, BlockState, ChainRules, LedgerEvm, Missing};
use frame::SystemOperation;

pub use frame::{PREDEPLOY_GAS, SYSTEM_CALL_GAS, VALIDATORS_CALL_GAS, check_genesis};
pub(crate) use frame::{SystemCall, system_calls_after, system_calls_before};
pub use invalid::InvalidBlock;
pub use outcome::{BlockOutcome, Rejected, TransactionResult};
pub use replay::{Replay, Replayed};
use transactions::Progress;

/// What the transactions are to the executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Candidates: those that are not valid or do not fit are left out.
    Build(BuildLimits),
    /// A block: all of them must be valid and fit.
    Verify,
}

/// How large a built block may become; its gas is limited by the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildLimits {
    /// Sum of the encoded transactions, bytes.
    pub transaction_bytes_max: usize,
    /// Transactions.
    pub transactions_max: usize,
}

impl Default for BuildLimits {
    /// The formats' limits, with 64 KiB left for header, extension and list prefixes.
    fn default() -> Self {
        Self {
            transaction_bytes_max: types::limits::BLOCK_BYTES_MAX - 64 * 1024,
            transactions_max: types::limits::BLOCK_TRANSACTIONS_MAX,
        }
    }
}

/// Where the executor stands.
#[derive(Debug)]
pub enum Step {
    /// Provide a value (or its absence) for every key, then step again.
    NeedState(Vec<StateKey>),
    /// The next transaction is large or reads values that depend on one another: call
    /// [`BlockExecutor::load_next`], then step again.
    NeedSource,
    /// A part of the transactions is done: step again, or [`BlockExecutor::close`] first.
    Pause,
    /// The block is executed.
    Done(Box<BlockOutcome>),
    /// The block cannot be valid.
    Invalid(InvalidBlock),
}

/// Why a phase stopped.
enum Pause {
    Need(Vec<StateKey>),
    NeedSource,
    Breath,
    Window,
    Invalid(InvalidBlock),
}

impl From<Missing> for Pause {
    fn from(missing: Missing) -> Self {
        Self::Need(vec![missing.0])
    }
}

impl From<InvalidBlock> for Pause {
    fn from(invalid: InvalidBlock) -> Self {
        Self::Invalid(invalid)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Prefetch,
    Begin,
    Transactions,
    /// As the first, for the next window of candidates.
    PrefetchMore,
    End,
    Finish,
    Over,
}

/// Executes one block.
pub struct BlockExecutor {
    environment: BlockEnvironment,
    rules: ChainRules,
    patterns: Arc<AccessPatterns>,
    transactions: Vec<Arc<Transaction>>,
    mode: Mode,
    state: BlockState,
    phase: Phase,
    /// Operations of the current frame half that are still to run, last one first.
    operations: Vec<SystemOperation>,
    progress: Progress,
}

impl BlockExecutor {
    /// Nothing has run yet.
    pub fn new(
        environment: BlockEnvironment,
        rules: ChainRules,
        transactions: Vec<Arc<Transaction>>,
        mode: Mode,
    ) -> Self {
        let hashes = rules.block_hashes.clone();
        let state = if rules.frame.genesis.is_some() {
            BlockState::before_genesis(hashes)
        } else {
            BlockState::new(hashes)
        };
        let progress = Progress::new(transactions.len());
        Self {
            environment,
            rules,
            patterns: Arc::default(),
            transactions,
            mode,
            state,
            phase: Phase::Prefetch,
            operations: Vec::new(),
            progress,
        }
    }

    /// Reads early what `patterns` tell, and teaches them.
    #[must_use]
    pub fn with_patterns(self, patterns: Arc<AccessPatterns>) -> Self {
        Self { patterns, ..self }
    }

    /// Answers one key of [`Step::NeedState`]; `None` where the state has no such value.
    pub fn provide(&mut self, key: StateKey, value: Option<StateValue>) {
        self.state.provide(key, value);
    }

    /// Works until values are needed or the block is done, which it is once: the outcome is taken
    /// out, and a further step is refused.
    pub fn step(&mut self) -> Step {
        loop {
            let result = match self.phase {
                Phase::Prefetch | Phase::PrefetchMore => self.prefetch(),
                Phase::Begin | Phase::End => self.run_operations(),
                Phase::Transactions => self.run_transactions(),
                Phase::Finish => match self.finish() {
                    Ok(outcome) => {
                        self.phase = Phase::Over;
                        return Step::Done(Box::new(outcome));
                    }
                    Err(pause) => Err(pause),
                },
                Phase::Over => {
                    let said = "the block was executed and its outcome taken".to_owned();
                    return Step::Invalid(InvalidBlock::Environment(said));
                }
            };
            match result {
                Ok(()) => {
                    if let Err(invalid) = self.next_phase() {
                        return Step::Invalid(invalid);
                    }
                }
                Err(Pause::Need(keys)) => return Step::NeedState(keys),
                Err(Pause::NeedSource) => return Step::NeedSource,
                Err(Pause::Breath) => return Step::Pause,
                Err(Pause::Window) => self.phase = Phase::PrefetchMore,
                Err(Pause::Invalid(invalid)) => return Step::Invalid(invalid),
            }
        }
    }

    fn next_phase(&mut self) -> Result<(), InvalidBlock> {
        self.phase = match self.phase {
            Phase::Prefetch => {
                self.operations = frame::begin(&self.rules, &self.environment)?;
                Phase::Begin
            }
            Phase::Begin | Phase::PrefetchMore => Phase::Transactions,
            Phase::Transactions => {
                self.operations = frame::end(&self.rules, &self.environment);
                Phase::End
            }
            Phase::End | Phase::Finish | Phase::Over => Phase::Finish,
        };
        Ok(())
    }

    /// Runs `work` on an EVM over the block's state. The EVM lives only as long: it cannot move
    /// between threads, the executor can.
    fn with_evm<R>(
        &mut self,
        work: impl FnOnce(&mut LedgerEvm<'_, &mut BlockState>, &mut Progress) -> R,
    ) -> R {
        let block = self.environment.block_env();
        let mut evm = LedgerEvm::new(&mut self.state, &self.rules, block);
        work(&mut evm, &mut self.progress)
    }

    fn finish(&mut self) -> Result<BlockOutcome, Pause> {
        let unknown = self.state.code_of_unknown_origin();
        if !unknown.is_empty() {
            return Err(Pause::Need(unknown));
        }
        let next_validators = match self.rules.frame.epoch_blocks {
            Some(_) => Some(self.stored_validators()?),
            None => None,
        };
        let diff = self.state.diff();
        Ok(self.progress.outcome(&self.transactions, diff, next_validators))
    }

    fn stored_validators(&mut self) -> Result<ValidatorSet, Pause> {
        let address = StoredSet::ADDRESS;
        let length = self.state.storage(address, StoredSet::length_slot())?;
        let mut missing = BTreeSet::new();
        let mut values = Vec::new();
        for slot in StoredSet::key_slots(length) {
            match self.state.storage(address, slot) {
                Ok(value) => values.push(value),
                Err(Missing(key)) => {
                    missing.insert(key);
                }
            }
        }
        if !missing.is_empty() {
            return Err(Pause::Need(missing.into_iter().collect()));
        }
        StoredSet::decode(values).map_err(|error| InvalidBlock::Validators(error).into())
    }
}
