//! In-memory Merkle Patricia back end.
//!
//! Holds a whole world state and computes Ethereum's state root: a trie over `keccak256(address)`
//! whose leaves are `rlp([nonce, balance, storage root, code hash])`, with a trie over
//! `keccak256(slot)` for each account's storage (yellow paper, 4.1 and appendix D). For
//! conformance suites and tests, whose expected roots are Ethereum's; the nodes' own back end is
//! QMDB.
//!
//! A clone is a snapshot: accounts are shared until one side changes them, so keeping the state
//! of every block of a short chain is cheap.

mod account;
mod difference;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{HashBuilder, Nibbles};

use self::account::TrieAccount;
pub use self::account::account_leaf;
use crate::{AccountRecord, StateDiff, StateError, StateKey, StateReader, StateValue};

/// A world state in memory with its Merkle Patricia root.
#[derive(Clone, Debug, Default)]
pub struct MptState {
    accounts: BTreeMap<Address, Arc<TrieAccount>>,
    code: BTreeMap<B256, Bytes>,
}

impl MptState {
    /// An empty world.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies a block's effect: first the storages it destroyed, then its values in the order of
    /// the keys.
    ///
    /// An account that becomes absent takes its storage with it; code stays, since several
    /// accounts may share it. The `previous` values are not looked at.
    ///
    /// # Errors
    /// [`StateError::Store`] when a value is not of its key's kind, or a slot is set of an
    /// account that the same diff leaves absent: the trie has no place for it. The state is then
    /// half changed; keep a clone where that matters.
    pub fn apply(&mut self, diff: &StateDiff) -> Result<(), StateError> {
        self.wipe(&diff.wiped);
        for (key, change) in &diff.changes {
            self.set(*key, change.current.clone())?;
        }
        Ok(())
    }

    /// Sets or removes one value.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn set(&mut self, key: StateKey, value: Option<StateValue>) -> Result<(), StateError> {
        match (key, value) {
            (StateKey::Account(address), None) => {
                self.accounts.remove(&address);
            }
            (StateKey::Account(address), Some(StateValue::Account(record))) => {
                Arc::make_mut(self.accounts.entry(address).or_default()).set_record(record);
            }
            (StateKey::Storage(address, slot), None) => self.clear_slot(address, slot),
            (StateKey::Storage(address, slot), Some(StateValue::Storage(value))) => {
                self.set_slot(address, slot, value)?;
            }
            (StateKey::Code(hash), None) => {
                self.code.remove(&hash);
            }
            (StateKey::Code(hash), Some(StateValue::Code(code))) => {
                self.code.insert(hash, code);
            }
            (key, Some(_)) => {
                return Err(StateError::Store(format!("value of another kind at {key:?}")));
            }
        }
        Ok(())
    }

    /// Value at a key.
    pub fn get(&self, key: &StateKey) -> Option<StateValue> {
        match key {
            StateKey::Account(address) => {
                self.accounts.get(address).map(|account| StateValue::Account(account.record()))
            }
            StateKey::Storage(address, slot) => {
                self.accounts.get(address)?.slot(*slot).map(StateValue::Storage)
            }
            StateKey::Code(hash) => self.code.get(hash).cloned().map(StateValue::Code),
        }
    }

    /// Root of the account trie.
    pub fn root(&self) -> B256 {
        let mut leaves: Vec<(B256, Vec<u8>)> = self
            .accounts
            .iter()
            .map(|(address, account)| (keccak256(address), account.leaf()))
            .collect();
        trie_root(&mut leaves)
    }

    /// Root of one account's storage trie; `None` where the account is absent.
    pub fn storage_root(&self, address: Address) -> Option<B256> {
        self.accounts.get(&address).map(|account| account.storage_root())
    }

    /// Every account with its storage, addresses and slots ascending.
    pub fn accounts(
        &self,
    ) -> impl Iterator<Item = (Address, AccountRecord, &BTreeMap<U256, U256>)> {
        self.accounts
            .iter()
            .map(|(address, account)| (*address, account.record(), account.storage()))
    }

    /// Every code held, by hash.
    pub fn codes(&self) -> impl Iterator<Item = (B256, &Bytes)> {
        self.code.iter().map(|(hash, code)| (*hash, code))
    }

    fn wipe(&mut self, addresses: &BTreeSet<Address>) {
        for address in addresses {
            if let Some(account) = self.accounts.get_mut(address) {
                Arc::make_mut(account).clear_storage();
            }
        }
    }

    fn clear_slot(&mut self, address: Address, slot: U256) {
        if let Some(account) = self.accounts.get_mut(&address) {
            Arc::make_mut(account).set_slot(slot, U256::ZERO);
        }
    }

    fn set_slot(&mut self, address: Address, slot: U256, value: U256) -> Result<(), StateError> {
        let account = self.accounts.get_mut(&address).ok_or_else(|| {
            StateError::Store(format!("slot {slot} set of the absent account {address}"))
        })?;
        Arc::make_mut(account).set_slot(slot, value);
        Ok(())
    }
}

impl StateReader for MptState {
    async fn read_many(&self, keys: &[StateKey]) -> Result<Vec<Option<StateValue>>, StateError> {
        Ok(keys.iter().map(|key| self.get(key)).collect())
    }
}

/// Root of the trie with these hashed keys and encoded leaves, in any order.
fn trie_root(leaves: &mut [(B256, Vec<u8>)]) -> B256 {
    leaves.sort_unstable_by_key(|(key, _)| *key);
    let mut builder = HashBuilder::default();
    for (key, leaf) in leaves.iter() {
        builder.add_leaf(Nibbles::unpack(key), leaf);
    }
    builder.root()
}

#[cfg(test)]
mod tests;
