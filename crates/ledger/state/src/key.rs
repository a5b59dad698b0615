//! What can be read from the state.

use alloy_primitives::{Address, B256, U256};

/// Name of one value of the state. The order is the order in which diffs are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateKey {
    /// Nonce, balance and code hash of an account.
    Account(Address),
    /// One storage slot.
    Storage(Address, U256),
    /// Code by its keccak256.
    Code(B256),
}
