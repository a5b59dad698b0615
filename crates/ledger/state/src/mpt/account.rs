//! One account of the trie: its record and its storage with the storage's root.

use std::{collections::BTreeMap, sync::OnceLock};

use alloy_primitives::{B256, U256, keccak256};
use alloy_rlp::RlpEncodable;

use super::trie_root;
use crate::AccountRecord;

/// What the account trie's leaf encodes.
#[derive(RlpEncodable)]
struct Leaf {
    nonce: u64,
    balance: U256,
    storage_root: B256,
    code_hash: B256,
}

/// An account as the state trie's leaf has it (yellow paper, section 4.1).
pub fn account_leaf(record: &AccountRecord, storage_root: B256) -> Vec<u8> {
    let AccountRecord { nonce, balance, code_hash, .. } = *record;
    alloy_rlp::encode(Leaf { nonce, balance, storage_root, code_hash })
}

/// An account with its storage. The storage root is computed once per change of the storage.
#[derive(Clone, Debug, Default)]
pub(super) struct TrieAccount {
    record: AccountRecord,
    storage: BTreeMap<U256, U256>,
    storage_root: OnceLock<B256>,
}

impl TrieAccount {
    /// Nonce, balance and code hash.
    pub(super) fn record(&self) -> AccountRecord {
        self.record
    }

    /// Replaces nonce, balance and code hash; the storage stays.
    pub(super) fn set_record(&mut self, record: AccountRecord) {
        self.record = record;
    }

    /// Slots with a value, ascending.
    pub(super) fn storage(&self) -> &BTreeMap<U256, U256> {
        &self.storage
    }

    /// A slot's value; `None` where it is zero.
    pub(super) fn slot(&self, slot: U256) -> Option<U256> {
        self.storage.get(&slot).copied()
    }

    /// Sets a slot; zero removes it.
    pub(super) fn set_slot(&mut self, slot: U256, value: U256) {
        self.storage_root = OnceLock::new();
        if value.is_zero() {
            self.storage.remove(&slot);
        } else {
            self.storage.insert(slot, value);
        }
    }

    /// Removes every slot.
    pub(super) fn clear_storage(&mut self) {
        self.storage_root = OnceLock::new();
        self.storage.clear();
    }

    /// Root of the storage trie: `keccak256(slot)` to the RLP of the value.
    pub(super) fn storage_root(&self) -> B256 {
        *self.storage_root.get_or_init(|| {
            let mut leaves: Vec<(B256, Vec<u8>)> = self
                .storage
                .iter()
                .map(|(slot, value)| {
                    (keccak256(slot.to_be_bytes::<32>()), alloy_rlp::encode(value))
                })
                .collect();
            trie_root(&mut leaves)
        })
    }

    /// The account trie's leaf.
    pub(super) fn leaf(&self) -> Vec<u8> {
        account_leaf(&self.record, self.storage_root())
    }
}
