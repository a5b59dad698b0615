//! Why there is no trace.

use revm::context_interface::result::InvalidTransaction as Refusal;
use state::{StateError, StateKey};

use super::bounded::Exceeded;
use crate::{InvalidBlock, simulate::SimulateError};

/// Why there is no trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The block cannot be executed again.
    #[error(transparent)]
    Invalid(#[from] InvalidBlock),
    /// The call cannot be simulated.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// A value of the state was not there when it was needed.
    #[error("value of the state not loaded: {0:?}")]
    Unread(StateKey),
    /// The EVM refused the transaction.
    #[error("{0}")]
    Refused(Refusal),
    /// The EVM refused the block.
    #[error("block environment: {0}")]
    Environment(String),
    /// The caller's options are wrong; the text says how.
    #[error("{0}")]
    Options(String),
    /// The recording would exceed a limit.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// All transactions of the block were run.
    #[error("the block has no further transaction")]
    NoTransaction,
}
