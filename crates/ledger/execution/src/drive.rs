//! One loop that executes a block over a reader, wherever the caller wants the EVM to run.

use std::{future::Future, time::Duration};

use state::{StateError, StateReader};

use crate::{
    BlockExecutor, BlockOutcome, InvalidBlock, InvalidTransaction, Step,
    loading::{Later, Loading},
};

/// Why a block was not executed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DriveError {
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The block cannot be valid.
    #[error(transparent)]
    Invalid(#[from] InvalidBlock),
    /// The system gave no thread to execute on.
    #[error("no thread for execution: {0}")]
    Thread(String),
}

/// How long a proposer may take. What it proposes is its own choice, so it may look at its clock;
/// verifying has no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildTime {
    /// After it no further transaction is added.
    pub block: Duration,
    /// A single large transaction that takes longer is left out for good.
    pub transaction: Duration,
}

/// Where the EVM runs.
pub trait Workers: Sync {
    /// Time since execution of the block began.
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    /// Runs `work` to its end, which may take long.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send;

    /// Runs `work`, which blocks for a moment until another thread has got further.
    fn wait<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        self.run(work)
    }
}

/// The calling task.
pub struct Here;

impl Workers for Here {
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        work()
    }
}

/// Executes a block over a reader of its parent's state: the EVM on `workers`, reads in the calling
/// task. `time` is for building only.
pub async fn drive(
    mut executor: BlockExecutor,
    reader: &impl StateReader,
    workers: &impl Workers,
    time: Option<BuildTime>,
) -> Result<BlockOutcome, DriveError> {
    loop {
        if time.is_some_and(|time| workers.elapsed() > time.block) {
            executor.close();
        }
        let work = move || {
            let step = executor.step();
            (executor, step)
        };
        let (returned, step) = workers.run(work).await;
        executor = returned;
        match step {
            Step::Done(outcome) => return Ok(*outcome),
            Step::Invalid(invalid) => return Err(invalid.into()),
            Step::NeedState(keys) => {
                let values = reader.read_many(&keys).await?;
                for (key, value) in keys.into_iter().zip(values) {
                    executor.provide(key, value);
                }
            }
            Step::Pause => {}
            Step::NeedSource => {
                let before = workers.elapsed();
                executor = load_next(executor, reader, workers).await?;
                let took = workers.elapsed().saturating_sub(before);
                if let Some(time) = time.filter(|time| took > time.transaction) {
                    executor.refuse_next(InvalidTransaction::TooSlow {
                        took_ms: milliseconds(took),
                        limit_ms: milliseconds(time.transaction),
                    });
                }
            }
        }
    }
}

/// Answers [`Step::NeedSource`].
async fn load_next(
    executor: BlockExecutor,
    reader: &impl StateReader,
    workers: &impl Workers,
) -> Result<BlockExecutor, DriveError> {
    let mut loading =
        Loading::start(executor).map_err(|error| DriveError::Thread(error.to_string()))?;
    loop {
        let listen = move || (loading.question_soon(), loading);
        let (soon, returned) = workers.wait(listen).await;
        loading = returned;
        let question = match soon {
            Ok(question) => question,
            Err(Later) => {
                let listen = move || (loading.next_question(), loading);
                let (question, returned) = workers.run(listen).await;
                loading = returned;
                question
            }
        };
        let Some(key) = question else {
            return Ok(loading.finish());
        };
        let value = reader.read_many(&[key]).await?.pop().flatten();
        loading.answer(value);
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
