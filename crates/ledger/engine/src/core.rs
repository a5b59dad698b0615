//! What all parts of a running ledger share.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use chain::{ChainStore, OldValue};
use commonware_parallel::{Rayon, Strategy as _};
use commonware_runtime::Clock;
use consensus::ConsensusBlock;
use execution::{
    AccessPatterns, BlockExecutor, BlockOutcome, BuildTime, DriveError, Workers, drive,
};
use ledger_api::LedgerError;
use pool::Pool;
use state::{StateError, StateKey, StateReader, StateValue};
use types::{Genesis, Namespace};

use crate::{
    divergence::Divergences, executed::ExecutedBlocks, head::HeadSignal, joining::Joining,
    latest::Latest,
};

/// Shared parts. Nothing here depends on the runtime.
pub(crate) struct Core {
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) genesis_block: ConsensusBlock,
    pub(crate) namespace: Namespace,
    pub(crate) chain: ChainStore,
    pub(crate) pool: Arc<Pool>,
    pub(crate) executed: ExecutedBlocks,
    pub(crate) patterns: Arc<AccessPatterns>,
    pub(crate) head: HeadSignal,
    pub(crate) latest: Latest,
    pub(crate) strategy: Rayon,
    pub(crate) joining: Joining,
    pub(crate) divergences: Divergences,
}

impl Core {
    /// Executes a block of `size` transactions: the EVM on the worker pool, reads in the calling
    /// task. `time` is for building only.
    pub(crate) async fn execute(
        &self,
        executor: BlockExecutor,
        size: usize,
        reader: &impl StateReader,
        clock: &impl Clock,
        time: Option<BuildTime>,
    ) -> Result<BlockOutcome, DriveError> {
        let workers =
            WorkerPool { strategy: &self.strategy, size, clock, started: clock.current() };
        let executor = executor.with_patterns(Arc::clone(&self.patterns));
        drive(executor, reader, &workers, time).await
    }

    /// Values after block `height`, from the applied state and the values overwritten since.
    pub(crate) async fn read_state(
        &self,
        height: u64,
        keys: &[StateKey],
    ) -> Result<Vec<Option<StateValue>>, LedgerError> {
        if height > self.head.get().number {
            return Err(LedgerError::UnknownBlock(height));
        }
        let before = self.latest.applying();
        let mut values = self.latest.state()?.read(keys).await?;
        // Old values of a block are stored before the block is applied, so whatever the read saw
        // too new has an entry now.
        if before == height && self.latest.applying() == height {
            return Ok(values);
        }
        for (key, value) in keys.iter().zip(&mut values) {
            if let OldValue::Was(old) = self.chain.value_after(key, height).map_err(store)? {
                *value = old;
            }
        }
        Ok(values)
    }
}

/// The worker pool, for work on a block of `size` transactions.
struct WorkerPool<'a, C> {
    strategy: &'a Rayon,
    size: usize,
    clock: &'a C,
    started: SystemTime,
}

impl<C: Clock> Workers for WorkerPool<'_, C> {
    fn elapsed(&self) -> Duration {
        self.clock.current().duration_since(self.started).unwrap_or_default()
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.strategy.spawn(self.size, move |_| work()).await
    }

    // Apart from `run`, because the pool learns from each place how long its work takes.
    async fn wait<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.strategy.spawn(1, move |_| work()).await
    }
}

/// A chain store's failure in the words of whoever asked for state.
pub(crate) fn store(error: chain::ChainError) -> LedgerError {
    match error {
        chain::ChainError::Pruned { height, oldest } => {
            StateError::Pruned { height, oldest }.into()
        }
        chain::ChainError::BlockPruned { height, oldest } => LedgerError::Pruned { height, oldest },
        other => StateError::Store(other.to_string()).into(),
    }
}
