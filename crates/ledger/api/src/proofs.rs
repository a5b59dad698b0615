//! Merkle Patricia proofs (EIP-1186), of ledgers whose state is such a trie.

use alloy_primitives::{Address, B256, Bytes, U256};
use state::AccountRecord;

/// An account with its proof against a block's `stateRoot`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// Whose.
    pub address: Address,
    /// What the account is; an empty one where the proof shows its absence.
    pub record: AccountRecord,
    /// Root of its storage trie.
    pub storage_root: B256,
    /// Encoded nodes from the root on.
    pub nodes: Vec<Bytes>,
    /// One per slot asked for, in that order.
    pub slots: Vec<SlotProof>,
}

/// A slot with its proof against an account's storage root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotProof {
    /// Which.
    pub slot: U256,
    /// Its value, zero where the proof shows its absence.
    pub value: U256,
    /// Encoded nodes from the root on.
    pub nodes: Vec<Bytes>,
}
