//! A block executed again, transaction by transaction, to be traced.
//!
//! It is the block executor: the same frame, the same EVM, the same order. What differs is where it
//! stops, and that each value is read where it is missed.

use std::sync::Arc;

use alloy_primitives::{Address, U256};
use revm::{Database as _, context_interface::result::EVMError};
use state::StateKey;
use types::Transaction;

use super::{BlockExecutor, InvalidBlock, Mode, Pause};
use crate::{
    BlockEnvironment, BlockState, ChainRules, Missing, Payment,
    environment::transaction_env,
    simulate::{BlockingReader, OneByOne},
    trace::{Exceeded, Patience, TraceError, TracePlace, Traced, Tracer, run},
};

/// What a transaction came to; the same as in its receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Gas used after refunds.
    pub gas_used: u64,
    /// Whether it succeeded.
    pub success: bool,
}

/// A block that is executed again on the state of its parent.
pub struct Replay<R> {
    executor: BlockExecutor,
    reader: Arc<R>,
    patience: Patience,
    next: usize,
}

impl<R: BlockingReader> Replay<R> {
    /// Runs what the block does by itself before its transactions. `reader` reads the state after
    /// the parent.
    ///
    /// # Errors
    /// The state cannot be read, or the block is not valid.
    pub fn start(
        environment: BlockEnvironment,
        rules: ChainRules,
        transactions: Vec<Arc<Transaction>>,
        reader: Arc<R>,
        patience: Patience,
    ) -> Result<Self, TraceError> {
        let executor = BlockExecutor::new(environment, rules, transactions, Mode::Verify);
        let mut replay = Self { executor, reader, patience, next: 0 };
        loop {
            match replay.executor.prefetch() {
                Ok(()) => break,
                Err(pause) => replay.provide(pause)?,
            }
        }
        replay.executor.next_phase()?;
        let source = OneByOne::endless(&replay.reader);
        replay.executor.state.ask(Some(Box::new(source)));
        match replay.executor.run_operations() {
            Ok(()) => Ok(replay),
            Err(Pause::Need(keys)) => Err(replay.unread(keys[0])),
            Err(Pause::Invalid(invalid)) => Err(invalid.into()),
            Err(_) => Err(paused()),
        }
    }

    /// Position of the next transaction.
    pub fn next_index(&self) -> usize {
        self.next
    }

    /// Runs the next transaction.
    ///
    /// # Errors
    /// There is none, the state cannot be read, or the time is over.
    pub fn run_next(&mut self) -> Result<Replayed, TraceError> {
        let transaction = self.take_next()?;
        let payment = self.payment();
        let env = transaction_env(&transaction, &self.executor.rules);
        let ran = self.executor.with_evm(|evm, _| {
            let result = evm.transact(env, payment)?;
            let replayed =
                Replayed { gas_used: result.tx_gas_used(), success: result.is_success() };
            let (changes, spec) = (evm.take_changes(), evm.spec());
            evm.database().commit(changes, spec);
            Ok(replayed)
        });
        ran.map_err(|error: EVMError<Missing>| match error {
            EVMError::Database(Missing(key)) => self.unread(key),
            EVMError::Transaction(reason) => TraceError::Refused(reason),
            error => TraceError::Environment(error.to_string()),
        })
    }

    /// Runs the next transaction and traces it.
    ///
    /// # Errors
    /// As [`Self::run_next`], or the trace exceeds a limit.
    pub fn trace_next<T: Tracer>(
        &mut self,
        tracer: &T,
        place: TracePlace,
    ) -> Result<(T::Trace, Replayed), TraceError> {
        let transaction = self.take_next()?;
        let payment = self.payment();
        let patience = self.patience.clone();
        let what = (transaction_env(&transaction, &self.executor.rules), payment);
        let traced = self.executor.with_evm(|evm, _| {
            let Traced { trace, ran } = run(evm, what, tracer, &patience, place)?;
            let replayed =
                Replayed { gas_used: ran.result.tx_gas_used(), success: ran.result.is_success() };
            let spec = evm.spec();
            evm.database().commit(ran.state, spec);
            Ok((trace, replayed))
        });
        traced.map_err(|error| match error {
            TraceError::Unread(key) => self.unread(key),
            other => other,
        })
    }

    /// Slots of an account as the transactions so far left them; `None` where there is no account.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn slots(
        &mut self,
        address: Address,
        slots: &[U256],
    ) -> Result<Option<Vec<U256>>, TraceError> {
        let keys = slots.iter().map(|slot| StateKey::Storage(address, *slot));
        let keys = std::iter::once(StateKey::Account(address)).chain(keys);
        let state = &mut self.executor.state;
        let missing: Vec<StateKey> = keys.filter(|key| !state.is_loaded(key)).collect();
        let values = self.reader.read_many(&missing)?;
        for (key, value) in missing.into_iter().zip(values) {
            state.provide(key, value);
        }
        let unread = |Missing(key)| TraceError::Unread(key);
        if state.basic(address).map_err(unread)?.is_none() {
            return Ok(None);
        }
        let values: Result<_, _> = slots.iter().map(|slot| state.storage(address, *slot)).collect();
        values.map(Some).map_err(unread)
    }

    /// The state as the transactions so far left it, with the block around it, for calls in the
    /// middle of a block.
    pub(crate) fn into_parts(self) -> (BlockState, BlockEnvironment, ChainRules, Arc<R>) {
        let BlockExecutor { environment, rules, state, .. } = self.executor;
        (state, environment, rules, self.reader)
    }

    fn payment(&self) -> Payment {
        self.executor.rules.payment()
    }

    fn take_next(&mut self) -> Result<Arc<Transaction>, TraceError> {
        if self.patience.is_over() {
            return Err(Exceeded::Time.into());
        }
        let found = self.executor.transactions.get(self.next).cloned();
        let transaction = found.ok_or(TraceError::NoTransaction)?;
        self.next += 1;
        Ok(transaction)
    }

    fn provide(&mut self, pause: Pause) -> Result<(), TraceError> {
        match pause {
            Pause::Need(keys) => {
                let values = self.reader.read_many(&keys)?;
                for (key, value) in keys.into_iter().zip(values) {
                    self.executor.provide(key, value);
                }
                Ok(())
            }
            Pause::Invalid(invalid) => Err(invalid.into()),
            _ => Err(paused()),
        }
    }

    /// Why a value could not be read.
    fn unread(&self, key: StateKey) -> TraceError {
        match self.reader.read_many(&[key]) {
            Err(error) => error.into(),
            Ok(_) => TraceError::Unread(key),
        }
    }
}

/// Neither prefetching nor the frame pauses for another reason than missing values.
fn paused() -> TraceError {
    let said = "execution paused where it has nothing to wait for".to_owned();
    TraceError::Invalid(InvalidBlock::Environment(said))
}
