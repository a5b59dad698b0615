//! Blocks executed again to be traced, and calls that are traced: in a turn of their own, within a
//! time and a memory of their own.

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, U256};
use execution::{
    BlockEnvironment,
    trace::{Exceeded, Patience, Replay, Replayed, TraceError, TracePlace, Tracer},
};
use tokio::time::Instant;

use crate::{
    chain_rules::{environment, rules_at},
    error::{RpcError, code},
    limits::{TRACE_MS_DEFAULT, TRACE_MS_MAX},
    methods::decoded,
    service::Context,
    simulate::{HeightState, failed, is_over},
    view::{Executed, View},
};

/// How long a trace may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceTime(Duration);

impl Default for TraceTime {
    fn default() -> Self {
        Self(Duration::from_millis(TRACE_MS_DEFAULT))
    }
}

impl TraceTime {
    /// The longest that there is.
    pub const LONGEST: Self = Self(Duration::from_millis(TRACE_MS_MAX));

    /// What a caller asks for, up to the longest.
    pub fn asked(duration: Duration) -> Self {
        Self(duration.min(Self::LONGEST.0))
    }

    /// As a duration.
    pub fn duration(self) -> Duration {
        self.0
    }

    /// When it is over if it begins now.
    pub fn deadline(self) -> Instant {
        Instant::now() + self.0
    }
}

/// Over at `deadline`.
pub fn patience(deadline: Instant) -> Patience {
    Patience::new(move || Instant::now() >= deadline)
}

/// A block that is executed again, up to some transaction.
pub struct Rerun {
    executed: Executed,
    replay: Replay<HeightState>,
    gas_before: u64,
}

/// What a rerun needs, to be moved to another thread.
pub struct BlockToRun {
    executed: Executed,
    environment: BlockEnvironment,
    rules: execution::ChainRules,
    reader: Arc<HeightState>,
    patience: Patience,
}

impl BlockToRun {
    /// Block `number`, which must be visible and kept, as its state must be, until `deadline`. To be
    /// made where the runtime runs.
    pub fn new(
        context: &Context,
        view: &View,
        number: u64,
        deadline: Instant,
    ) -> Result<Self, RpcError> {
        if number == 0 {
            return Err(RpcError::new(code::SERVER, "genesis is not traceable"));
        }
        let executed = view.executed(number)?.ok_or_else(RpcError::unknown_block)?;
        let rules = rules_at(&context.service, number);
        let (header, time_ms) = (executed.block.header(), executed.block.time_ms());
        let environment = environment(header, time_ms, &rules);
        let reader = Arc::new(HeightState::new(view.ledger(), number - 1, deadline));
        Ok(Self { executed, environment, rules, reader, patience: patience(deadline) })
    }

    /// Transactions in the block.
    pub fn transactions(&self) -> usize {
        self.executed.receipts.len()
    }

    /// Runs what comes before the transactions. Blocks; for threads of their own.
    pub fn start(self) -> Result<Rerun, RpcError> {
        let Self { executed, environment, rules, reader, patience } = self;
        let transactions: Result<Vec<_>, RpcError> =
            (0..executed.receipts.len()).map(|at| decoded(&executed, at).map(Arc::new)).collect();
        let replay = Replay::start(environment, rules, transactions?, reader, patience);
        Ok(Rerun { executed, replay: replay.map_err(refused)?, gas_before: 0 })
    }
}

impl Rerun {
    /// The block.
    pub fn executed(&self) -> &Executed {
        &self.executed
    }

    /// Position of the next transaction, `None` after the last.
    pub fn next_index(&self) -> Option<usize> {
        Some(self.replay.next_index()).filter(|next| *next < self.executed.receipts.len())
    }

    /// Hash of transaction `index`.
    pub fn hash(&self, index: usize) -> B256 {
        alloy_primitives::keccak256(&self.executed.block.transactions()[index])
    }

    /// Runs transactions up to before `index`.
    pub fn skip_to(&mut self, index: usize) -> Result<(), RpcError> {
        while self.replay.next_index() < index {
            let at = self.replay.next_index();
            let replayed = self.replay.run_next().map_err(refused)?;
            self.check(at, replayed)?;
        }
        Ok(())
    }

    /// Runs the next transaction and traces it.
    pub fn trace_next<T: Tracer>(&mut self, tracer: &T) -> Result<T::Trace, RpcError> {
        let index = self.replay.next_index();
        let place = TracePlace {
            block_hash: Some(self.executed.block.hash()),
            block_number: Some(self.executed.block.number()),
            index: Some(index),
            hash: (index < self.executed.receipts.len()).then(|| self.hash(index)),
        };
        let (trace, replayed) = self.replay.trace_next(tracer, place).map_err(refused)?;
        self.check(index, replayed)?;
        Ok(trace)
    }

    /// Slots of an account before the next transaction; `None` where there is no account.
    pub fn slots(
        &mut self,
        address: Address,
        slots: &[U256],
    ) -> Result<Option<Vec<U256>>, RpcError> {
        self.replay.slots(address, slots).map_err(refused)
    }

    /// The state in the middle of the block.
    pub fn into_replay(self) -> Replay<HeightState> {
        self.replay
    }

    /// A trace of another execution than the block's would be a lie.
    fn check(&mut self, index: usize, replayed: Replayed) -> Result<(), RpcError> {
        let receipt = &self.executed.receipts[index];
        let gas_used = receipt.cumulative_gas_used.saturating_sub(self.gas_before);
        self.gas_before = receipt.cumulative_gas_used;
        let expected = Replayed { gas_used, success: receipt.success };
        if replayed == expected {
            return Ok(());
        }
        let number = self.executed.block.number();
        Err(RpcError::internal(format_args!(
            "transaction {index} of block {number} executed again came to {replayed:?}, not \
             {expected:?}"
        )))
    }
}

/// Runs `work` in a turn of traces.
pub async fn traced<T: Send + 'static>(
    context: &Context,
    time: TraceTime,
    work: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
) -> Result<T, RpcError> {
    context.service.traces.run_within(time.duration(), work).await
}

/// Why there is no trace, as callers see it.
pub fn refused(error: TraceError) -> RpcError {
    match error {
        TraceError::State(error) if is_over(&error) => {
            RpcError::new(code::SERVER, Exceeded::Time.to_string())
        }
        TraceError::State(error) => error.into(),
        TraceError::Simulate(error) => failed(error),
        TraceError::Options(text) => RpcError::invalid_params(text),
        TraceError::Exceeded(Exceeded::Bytes) => RpcError::limit(error.to_string()),
        TraceError::Exceeded(Exceeded::Time) => RpcError::new(code::SERVER, error.to_string()),
        other => RpcError::internal(other),
    }
}
