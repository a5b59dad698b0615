//! The state as text, to be loaded again: `{"accounts": {address: {"nonce", "balance", "code",
//! "storage": {slot: word}}}}`.
//!
//! Accounts only, no blocks: a ledger that loads them begins its chain anew. What belongs to a
//! chain (block hashes of EIP-2935, roots of EIP-4788, validators) stays with it.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, KECCAK256_EMPTY, U256, keccak256};
use execution::{BEACON_ROOTS_ADDRESS, HISTORY_ADDRESS};
use ledger_api::DevelopmentError;
use serde::{Deserialize, Serialize};
use state::{AccountRecord, StateKey, StateValue};

use crate::{
    ledger::DevLedger,
    timeline::{Changes, Timeline},
};

/// Longest dump, bytes.
pub const DUMP_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Accounts whose storage speaks of one chain only.
const OF_ONE_CHAIN: [Address; 3] =
    [HISTORY_ADDRESS, BEACON_ROOTS_ADDRESS, system::validators::ADDRESS];

#[derive(Debug, Default, Serialize, Deserialize)]
struct Dump {
    accounts: BTreeMap<Address, DumpedAccount>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct DumpedAccount {
    nonce: u64,
    balance: U256,
    code: Bytes,
    storage: BTreeMap<U256, U256>,
}

impl DevLedger {
    pub(crate) fn dump_state(&self) -> Result<Bytes, DevelopmentError> {
        let dump = dumped(&self.store.timeline());
        let text = serde_json::to_vec(&dump)
            .map_err(|error| DevelopmentError::Failed(error.to_string()))?;
        if text.len() > DUMP_BYTES_MAX {
            let bytes = text.len();
            return Err(DevelopmentError::Value(format!(
                "a dump of {bytes} bytes exceeds the limit of {DUMP_BYTES_MAX}"
            )));
        }
        Ok(text.into())
    }

    pub(crate) fn load_state(&self, dump: &[u8]) -> Result<(), DevelopmentError> {
        if dump.len() > DUMP_BYTES_MAX {
            let text = format!("a dump has at most {DUMP_BYTES_MAX} bytes");
            return Err(DevelopmentError::Value(text));
        }
        let dump: Dump = serde_json::from_slice(dump)
            .map_err(|error| DevelopmentError::Value(format!("not a dump of a state: {error}")))?;
        let writer = self.writer();
        let changes = loaded(&self.store.timeline(), dump);
        self.store.write().edit(changes);
        self.restart_pool(Vec::new());
        drop(writer);
        Ok(())
    }
}

fn dumped(timeline: &Timeline) -> Dump {
    let values = timeline.present();
    let mut dump = Dump::default();
    for (key, value) in &values {
        match (key, value) {
            (StateKey::Account(address), StateValue::Account(record)) => {
                let code = match values.get(&StateKey::Code(record.code_hash)) {
                    Some(StateValue::Code(code)) => code.clone(),
                    _ => Bytes::new(),
                };
                let AccountRecord { nonce, balance, .. } = *record;
                let storage = BTreeMap::new();
                let account = DumpedAccount { nonce, balance, code, storage };
                dump.accounts.insert(*address, account);
            }
            // Accounts come first, so a slot whose account is not there belongs to none.
            (StateKey::Storage(address, slot), StateValue::Storage(word)) => {
                if let Some(account) = dump.accounts.get_mut(address) {
                    account.storage.insert(*slot, *word);
                }
            }
            _ => {}
        }
    }
    dump.accounts.retain(|address, _| !OF_ONE_CHAIN.contains(address));
    dump
}

/// What makes the accounts of a dump what they are there.
fn loaded(timeline: &Timeline, dump: Dump) -> Changes {
    let mut changes = Changes::new();
    for key in timeline.present().into_keys() {
        if let StateKey::Storage(address, _) = key
            && dump.accounts.contains_key(&address)
            && !OF_ONE_CHAIN.contains(&address)
        {
            changes.insert(key, None);
        }
    }
    for (address, account) in dump.accounts {
        if OF_ONE_CHAIN.contains(&address) {
            continue;
        }
        let DumpedAccount { nonce, balance, code, storage } = account;
        let code_hash = if code.is_empty() { KECCAK256_EMPTY } else { keccak256(&code) };
        let record = AccountRecord { nonce, balance, code_hash };
        let present = record != AccountRecord::default() || !storage.is_empty();
        let value = present.then_some(StateValue::Account(record));
        changes.insert(StateKey::Account(address), value);
        if !code.is_empty() {
            changes.insert(StateKey::Code(code_hash), Some(StateValue::Code(code)));
        }
        for (slot, word) in storage {
            let value = (!word.is_zero()).then_some(StateValue::Storage(word));
            changes.insert(StateKey::Storage(address, slot), value);
        }
    }
    changes
}
