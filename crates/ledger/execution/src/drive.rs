//! The simple way to execute: one loop over a reader, for callers without a thread pool.

use state::{StateError, StateReader};

use crate::{BlockExecutor, BlockOutcome, InvalidBlock, Step};

/// Why a block was not executed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DriveError {
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The block cannot be valid.
    #[error(transparent)]
    Invalid(#[from] InvalidBlock),
}

/// Executes a block over a reader of its parent's state, in the calling task.
pub async fn drive(
    mut executor: BlockExecutor,
    reader: &impl StateReader,
) -> Result<BlockOutcome, DriveError> {
    loop {
        match executor.step() {
            Step::Done(outcome) => return Ok(*outcome),
            Step::Invalid(invalid) => return Err(invalid.into()),
            Step::NeedState(keys) => {
                let values = reader.read_many(&keys).await?;
                for (key, value) in keys.into_iter().zip(values) {
                    executor.provide(key, value);
                }
            }
        }
    }
}
