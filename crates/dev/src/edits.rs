//! Values that a user sets between blocks. They show at the head at once; the next block commits
//! to them.

use alloy_primitives::{Address, KECCAK256_EMPTY, U256, keccak256};
use ledger_api::{DevelopmentError, Edit};
use state::{AccountRecord, StateKey, StateValue};

use crate::{ledger::DevLedger, timeline::Changes};

/// Longest code that can be set, bytes.
const CODE_BYTES_MAX: usize = 16 * 1024 * 1024;

impl DevLedger {
    pub(crate) fn record(&self, address: Address) -> Option<AccountRecord> {
        match self.store.timeline().current(&StateKey::Account(address)) {
            Some(StateValue::Account(record)) => Some(record),
            _ => None,
        }
    }

    /// Sets one value.
    pub(crate) fn edit_value(&self, address: Address, edit: Edit) -> Result<(), DevelopmentError> {
        // Between blocks, not while one is made.
        let writer = self.writer();
        let held = self.record(address);
        let mut record = held.unwrap_or_default();
        let mut changes = Changes::new();
        // An account that holds nothing but storage is there all the same.
        let mut present = false;
        match edit {
            Edit::Balance(wei) => record.balance = wei,
            Edit::AddedBalance(wei) => record.balance = record.balance.saturating_add(wei),
            Edit::Nonce(u64::MAX) => {
                return Err(DevelopmentError::Value("a nonce is at most 2^64 - 2".into()));
            }
            Edit::Nonce(nonce) => record.nonce = nonce,
            Edit::Code(code) if code.len() > CODE_BYTES_MAX => {
                let text = format!("code exceeds the limit of {CODE_BYTES_MAX} bytes");
                return Err(DevelopmentError::Value(text));
            }
            Edit::Code(code) if code.is_empty() => record.code_hash = KECCAK256_EMPTY,
            Edit::Code(code) => {
                record.code_hash = keccak256(&code);
                changes.insert(StateKey::Code(record.code_hash), Some(StateValue::Code(code)));
            }
            Edit::Storage(slot, word) => {
                changes.insert(StateKey::Storage(address, slot), stored(word));
                present = true;
            }
        }
        present |= record != AccountRecord::default();
        let account = present.then_some(StateValue::Account(record));
        changes.insert(StateKey::Account(address), account);
        self.store.write().edit(changes);
        if held.map(|held| held.nonce) != Some(record.nonce) {
            self.restart_pool(Vec::new());
        }
        drop(writer);
        Ok(())
    }

    /// Begins the pool anew under the rules of the next block, with what it held and `also`. What
    /// these rules refuse is gone.
    pub(crate) fn restart_pool(&self, also: Vec<std::sync::Arc<types::Transaction>>) {
        let held = self.pool.content(pool::TRANSACTIONS_MAX);
        self.pool.restart(self.pool_rules(&self.settings()));
        for transaction in also.into_iter().chain(held.executable).chain(held.queued) {
            let (hash, account) = (transaction.hash(), self.record(transaction.sender()));
            if let Err(reason) = self.pool.insert(transaction, account, pool::Origin::Local) {
                tracing::debug!(%hash, %reason, "a waiting transaction is refused now");
            }
        }
    }
}

fn stored(word: U256) -> Option<StateValue> {
    (!word.is_zero()).then_some(StateValue::Storage(word))
}
