//! Reading the state at one height.

use std::future::Future;

use crate::{StateKey, StateValue};

/// Why a value could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The height is older than the history kept.
    #[error("state at block {height} is pruned; the oldest available is block {oldest}")]
    Pruned {
        /// Height asked for.
        height: u64,
        /// Oldest height that can be read.
        oldest: u64,
    },
    /// The store failed.
    #[error("state store: {0}")]
    Store(String),
}

/// A consistent view of the state at one height.
pub trait StateReader: Send + Sync {
    /// Values in the order of `keys`.
    fn read_many(
        &self,
        keys: &[StateKey],
    ) -> impl Future<Output = Result<Vec<Option<StateValue>>, StateError>> + Send;
}
