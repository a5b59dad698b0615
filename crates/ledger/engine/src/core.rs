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
use ledger_api::{HeadSignal, LedgerError};
use pool::Pool;
use state::{StateError, StateKey, StateReader, StateValue};
use types::{Genesis, Namespace};

use crate::{
    divergence::Divergences,
    executed::ExecutedBlocks,
    halt::Halt,
    joining::Joining,
    latest::Latest,
    names::Names,
    stages::{MeasuredReader, Stage, StageTimes},
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
    pub(crate) stages: StageTimes,
    pub(crate) halt: Halt,
    pub(crate) names: Names,
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
        let (strategy, stages) = (&self.strategy, &self.stages);
        let workers = WorkerPool { strategy, size, clock, started: clock.current(), stages };
        let reader = &MeasuredReader { reader, stages };
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
    stages: &'a StageTimes,
}

impl<C: Clock> Workers for WorkerPool<'_, C> {
    fn elapsed(&self) -> Duration {
        self.clock.current().duration_since(self.started).unwrap_or_default()
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let work = measured(self.stages, work);
        self.strategy.spawn(self.size, move |_| work()).await
    }

    // Apart from `run`, because the pool learns from each place how long its work takes.
    async fn wait<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let work = measured(self.stages, work);
        self.strategy.spawn(1, move |_| work()).await
    }
}

/// Work that counts as execution, wherever the pool runs it.
fn measured<T, W>(stages: &StageTimes, work: W) -> impl FnOnce() -> T + Send + use<T, W>
where
    W: FnOnce() -> T + Send,
{
    let stages = stages.clone();
    move || {
        let _running = stages.begin(Stage::Execution);
        work()
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
