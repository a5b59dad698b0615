//! Ethereum's state trie over the values of a ledger, with proofs (EIP-1186).

use alloy_primitives::{Address, B256, U256, keccak256};
use ledger_api::{AccountProof, SlotProof};
use state::{AccountRecord, StateKey, StateValue, mpt::account_leaf};

use crate::trie::{LeafValue, Trie};

/// A storage word in its trie.
#[derive(Clone, Debug)]
struct Word(U256);

impl LeafValue for Word {
    fn encoded(&self) -> Vec<u8> {
        alloy_rlp::encode(self.0)
    }
}

/// An account in the state trie, with its storage.
#[derive(Clone, Debug, Default)]
struct Account {
    record: AccountRecord,
    storage: Trie<Word>,
}

impl LeafValue for Account {
    fn encoded(&self) -> Vec<u8> {
        account_leaf(&self.record, self.storage.root())
    }
}

/// The state trie after some change. A clone is a snapshot.
#[derive(Clone, Debug, Default)]
pub struct World(Trie<Account>);

impl World {
    /// Sets or removes values, in the order of the keys: an account before its slots.
    pub fn apply<'a>(
        &mut self,
        changes: impl Iterator<Item = (&'a StateKey, &'a Option<StateValue>)>,
    ) {
        for (key, value) in changes {
            match (key, value) {
                (StateKey::Account(address), Some(StateValue::Account(record))) => {
                    self.change(*address, |account| account.record = *record);
                }
                (StateKey::Account(address), _) => self.0.remove(keccak256(address)),
                (StateKey::Storage(address, slot), value) => self.set(*address, *slot, value),
                (StateKey::Code(_), _) => {}
            }
        }
    }

    fn set(&mut self, address: Address, slot: U256, value: &Option<StateValue>) {
        let key = keccak256(slot.to_be_bytes::<32>());
        match value {
            Some(StateValue::Storage(word)) if !word.is_zero() => {
                self.change(address, |account| account.storage.insert(key, Word(*word)));
            }
            // An account that went with its storage stays away.
            _ if self.0.get(keccak256(address)).is_some() => {
                self.change(address, |account| account.storage.remove(key));
            }
            _ => {}
        }
    }

    fn change(&mut self, address: Address, change: impl FnOnce(&mut Account)) {
        let key = keccak256(address);
        let mut account = self.0.get(key).cloned().unwrap_or_default();
        change(&mut account);
        self.0.insert(key, account);
    }

    /// Ethereum's state root.
    pub fn root(&self) -> B256 {
        self.0.root()
    }

    /// An account and slots of it with their proofs.
    pub fn prove(&self, address: Address, slots: &[U256]) -> AccountProof {
        let key = keccak256(address);
        let account = self.0.get(key).cloned().unwrap_or_default();
        let prove = |slot: &U256| {
            let key = keccak256(slot.to_be_bytes::<32>());
            SlotProof {
                slot: *slot,
                value: account.storage.get(key).map(|word| word.0).unwrap_or_default(),
                nodes: account.storage.proof(key),
            }
        };
        AccountProof {
            address,
            record: account.record,
            storage_root: account.storage.root(),
            nodes: self.0.proof(key),
            slots: slots.iter().map(prove).collect(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use state::mpt::MptState;

    use super::*;

    fn record(nonce: u64) -> Option<StateValue> {
        Some(StateValue::Account(AccountRecord { nonce, ..AccountRecord::default() }))
    }

    /// Against the other Merkle Patricia back end, which the conformance suites hold to Ethereum.
    #[test]
    fn the_root_is_that_of_the_other_back_end() {
        let (one, two) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let slot = |address, slot: u64| StateKey::Storage(address, U256::from(slot));
        let word = |word: u64| Some(StateValue::Storage(U256::from(word)));
        let steps: [Vec<(StateKey, Option<StateValue>)>; 4] = [
            vec![(StateKey::Account(one), record(1)), (slot(one, 7), word(9))],
            vec![(StateKey::Account(two), record(2)), (slot(one, 8), word(u64::MAX))],
            vec![(slot(one, 7), None), (StateKey::Account(two), record(3))],
            vec![(StateKey::Account(one), None), (slot(one, 8), None)],
        ];
        let (mut world, mut other) = (World::default(), MptState::new());
        for step in steps {
            world.apply(step.iter().map(|(key, value)| (key, value)));
            for (key, value) in step {
                other.set(key, value).unwrap();
            }
            assert_eq!(world.root(), other.root());
        }
        assert_ne!(world.root(), crate::trie::EMPTY_ROOT);
    }
}
