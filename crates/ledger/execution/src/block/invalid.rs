//! Why a block cannot be valid.

use types::ValidatorSetError;

use crate::InvalidTransaction;

/// The first rule that the block breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlock {
    /// A transaction cannot stand where it stands.
    #[error("transaction {index} is invalid: {reason}")]
    Transaction {
        /// Position in the block.
        index: usize,
        /// Why.
        reason: InvalidTransaction,
    },
    /// The transactions ask for more gas than the block has.
    #[error("transaction {index} has gas limit {gas}, the block has {remaining} left of {limit}")]
    Gas {
        /// Position in the block of the first one that does not fit.
        index: usize,
        /// Its gas limit.
        gas: u64,
        /// Gas left before it.
        remaining: u64,
        /// Gas of the block.
        limit: u64,
    },
    /// A call of the ledger itself failed.
    #[error("system operation {operation} failed: {reason}")]
    System {
        /// Which.
        operation: String,
        /// Why.
        reason: String,
    },
    /// The genesis file asks for what cannot be.
    #[error("genesis file: {0}")]
    Genesis(String),
    /// The validators in the state are no set.
    #[error("validators in the state: {0}")]
    Validators(#[from] ValidatorSetError),
    /// The EVM refused the block itself.
    #[error("block environment: {0}")]
    Environment(String),
}
