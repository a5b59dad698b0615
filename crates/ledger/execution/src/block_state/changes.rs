//! What transactions change, and the block's effect as a whole.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, U256, keccak256};
use revm::{
    primitives::hardfork::SpecId,
    state::{Account, AccountInfo, EvmState},
};
use state::{Change, StateDiff, StateKey, StateValue};

use super::{BlockState, account_record, bytecode, destroys_old_accounts, removes_empty_accounts};

impl BlockState {
    /// Takes over what one transaction or system call changed.
    pub fn commit(&mut self, changes: EvmState, spec: SpecId) {
        // In the order of addresses, though no account's effect depends on another's.
        let changes: BTreeMap<Address, Account> = changes.into_iter().collect();
        for (address, account) in changes {
            if !account.is_touched() {
                continue;
            }
            self.written.insert(StateKey::Account(address));
            if account.is_selfdestructed() {
                self.destroy(address, spec);
            } else if account.is_empty() && removes_empty_accounts(spec) {
                self.accounts.insert(address, None);
            } else {
                self.commit_account(address, account);
            }
        }
    }

    fn commit_account(&mut self, address: Address, account: Account) {
        let mut info = account.info.clone();
        let code_before = self
            .accounts
            .get(&address)
            .and_then(Option::as_ref)
            .map_or(alloy_primitives::KECCAK256_EMPTY, |before| before.code_hash);
        if let Some(code) = info.code.take()
            && info.code_hash != code_before
            && !code.is_empty()
        {
            self.written.insert(StateKey::Code(info.code_hash));
            self.code.entry(info.code_hash).or_insert(code);
        }
        self.accounts.insert(address, Some(info));
        let slots = self.storage.entry(address).or_default();
        if account.is_created() {
            slots.values.clear();
            slots.complete = true;
        }
        let changed: BTreeMap<U256, U256> = account
            .storage
            .into_iter()
            .filter(|(_, value)| value.is_changed())
            .map(|(slot, value)| (slot, value.present_value))
            .collect();
        self.written.extend(changed.keys().map(|slot| StateKey::Storage(address, *slot)));
        slots.values.extend(changed);
    }

    fn destroy(&mut self, address: Address, spec: SpecId) {
        self.accounts.insert(address, None);
        let slots = self.storage.entry(address).or_default();
        slots.values.clear();
        slots.complete = true;
        let existed = matches!(self.originals.get(&StateKey::Account(address)), Some(Some(_)));
        if destroys_old_accounts(spec) && existed {
            self.wiped.insert(address);
        }
    }

    /// Writes an account directly: the genesis allocation.
    pub(crate) fn put_account(
        &mut self,
        address: Address,
        nonce: u64,
        balance: U256,
        code: &Bytes,
        storage: &BTreeMap<U256, U256>,
    ) {
        let mut info = AccountInfo::default().without_code();
        info.nonce = nonce;
        info.balance = balance;
        info.code_hash = keccak256(code);
        if !code.is_empty() {
            self.written.insert(StateKey::Code(info.code_hash));
            self.code.entry(info.code_hash).or_insert_with(|| bytecode(code.clone()));
        }
        self.written.insert(StateKey::Account(address));
        self.accounts.insert(address, (!info.is_empty()).then_some(info));
        let slots = self.storage.entry(address).or_default();
        for (slot, value) in storage {
            slots.values.insert(*slot, *value);
            self.written.insert(StateKey::Storage(address, *slot));
        }
    }

    /// Written code of which it is not known whether the state already holds it.
    pub(crate) fn code_of_unknown_origin(&self) -> Vec<StateKey> {
        self.written
            .iter()
            .filter(|key| matches!(key, StateKey::Code(_)) && !self.is_loaded(key))
            .copied()
            .collect()
    }

    /// The effect of the block. Values that end as they began are left out.
    pub fn diff(&self) -> StateDiff {
        let mut changes = BTreeMap::new();
        for key in &self.written {
            let previous = self.originals.get(key).cloned().flatten();
            let current = self.current(key);
            let rewritten = match key {
                StateKey::Storage(address, _) => self.wiped.contains(address),
                _ => false,
            };
            if previous != current || (rewritten && current.is_some()) {
                changes.insert(*key, Change { previous, current });
            }
        }
        StateDiff { changes, wiped: self.wiped.clone() }
    }

    fn current(&self, key: &StateKey) -> Option<StateValue> {
        match key {
            StateKey::Account(address) => {
                let info = self.accounts.get(address).and_then(Option::as_ref)?;
                Some(StateValue::Account(account_record(info)))
            }
            StateKey::Storage(address, slot) => {
                let value = self.storage.get(address)?.values.get(slot)?;
                (!value.is_zero()).then_some(StateValue::Storage(*value))
            }
            StateKey::Code(hash) => Some(StateValue::Code(self.code.get(hash)?.original_bytes())),
        }
    }
}
