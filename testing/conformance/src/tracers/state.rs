//! The accounts of a case as a state.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use execution::simulate::BlockingReader;
use serde::Deserialize;
use state::{AccountRecord, StateError, StateKey, StateValue};

use super::case::Number;

/// One account of `alloc`.
#[derive(Debug, Deserialize)]
pub(super) struct Account {
    balance: Number,
    #[serde(default)]
    nonce: Number,
    #[serde(default)]
    code: Bytes,
    #[serde(default)]
    storage: BTreeMap<B256, B256>,
}

/// Values by key.
#[derive(Debug)]
pub(super) struct Values(BTreeMap<StateKey, StateValue>);

impl Values {
    pub(super) fn of(accounts: &BTreeMap<Address, Account>) -> Self {
        let mut values = BTreeMap::new();
        for (address, account) in accounts {
            let code_hash = match account.code.is_empty() {
                true => KECCAK256_EMPTY,
                false => keccak256(&account.code),
            };
            let record = AccountRecord {
                nonce: account.nonce.0.saturating_to(),
                balance: account.balance.0,
                code_hash,
            };
            values.insert(StateKey::Account(*address), StateValue::Account(record));
            values.insert(StateKey::Code(code_hash), StateValue::Code(account.code.clone()));
            for (slot, value) in &account.storage {
                let key = StateKey::Storage(*address, U256::from_be_bytes(slot.0));
                values.insert(key, StateValue::Storage(U256::from_be_bytes(value.0)));
            }
        }
        Self(values)
    }
}

impl BlockingReader for Values {
    fn read_many(&self, keys: &[StateKey]) -> Result<Vec<Option<StateValue>>, StateError> {
        Ok(keys.iter().map(|key| self.0.get(key).cloned()).collect())
    }
}
