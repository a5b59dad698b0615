//! Pretended state: what `eth_call` may put in place of what is there.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, KECCAK256_EMPTY, U256, keccak256};
use revm::{Database as _, state::AccountInfo};

use state::StateKey;

use super::{BlockState, Missing, bytecode};

/// Pretended values of one account; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountOverride {
    /// Wei.
    pub balance: Option<U256>,
    /// Nonce.
    pub nonce: Option<u64>,
    /// Code.
    pub code: Option<Bytes>,
    /// The whole storage: slots not listed are zero.
    pub state: Option<BTreeMap<U256, U256>>,
    /// Single slots. Not to be combined with [`Self::state`].
    pub state_diff: Option<BTreeMap<U256, U256>>,
    /// Where the precompiled contract of this address is moved. See [`precompile_places`].
    pub move_precompile_to: Option<Address>,
}

impl BlockState {
    /// Pretends values of an account. Must happen before the account is provided.
    pub(crate) fn override_account(&mut self, address: Address, pretended: AccountOverride) {
        let slots = self.storage.entry(address).or_default();
        if let Some(storage) = &pretended.state {
            slots.complete = true;
            slots.values.extend(storage);
        }
        if let Some(storage) = &pretended.state_diff {
            slots.values.extend(storage);
        }
        if let Some(code) = &pretended.code
            && !code.is_empty()
        {
            self.code.insert(keccak256(code), bytecode(code.clone()));
        }
        self.overrides.insert(address, pretended);
    }

    /// The same for an account that may have been provided or changed already.
    pub(crate) fn override_present(
        &mut self,
        address: Address,
        pretended: AccountOverride,
    ) -> Result<(), Missing> {
        let present = self.basic(address)?;
        if pretended.state.is_some()
            && let Some(slots) = self.storage.get_mut(&address)
        {
            slots.values.clear();
        }
        self.override_account(address, pretended);
        let info = self.overridden(address, present);
        self.accounts.insert(address, info);
        Ok(())
    }

    /// Writes the values instead of pretending them: they count as changes of the state, and hold
    /// for all that follows. An account that is named without any value stays as it is.
    pub(crate) fn write_override(
        &mut self,
        address: Address,
        written: &AccountOverride,
    ) -> Result<(), Missing> {
        let AccountOverride { balance, nonce, code, state, state_diff, .. } = written;
        let slots = state.as_ref().or(state_diff.as_ref());
        if balance.is_none() && nonce.is_none() && code.is_none() && slots.is_none() {
            return Ok(());
        }
        let present = self.basic(address)?;
        let mut info = present.unwrap_or_else(|| AccountInfo::default().without_code());
        info.balance = balance.unwrap_or(info.balance);
        info.nonce = nonce.unwrap_or(info.nonce);
        if let Some(code) = code {
            info.code_hash = if code.is_empty() { KECCAK256_EMPTY } else { keccak256(code) };
            info.code = None;
            if !code.is_empty() {
                self.written.insert(StateKey::Code(info.code_hash));
                self.code.entry(info.code_hash).or_insert_with(|| bytecode(code.clone()));
            }
        }
        self.written.insert(StateKey::Account(address));
        self.accounts.insert(address, Some(info));
        let held = self.storage.entry(address).or_default();
        if state.is_some() {
            held.values.clear();
            held.complete = true;
            self.wiped.insert(address);
        }
        for (slot, value) in slots.into_iter().flatten() {
            held.values.insert(*slot, *value);
            self.written.insert(StateKey::Storage(address, *slot));
        }
        Ok(())
    }

    /// Adds wei to an account: block rewards and withdrawals of chains that have them.
    pub(crate) fn credit(&mut self, address: Address, wei: U256) -> Result<(), Missing> {
        let present = self.basic(address)?;
        let mut info = present.unwrap_or_else(|| AccountInfo::default().without_code());
        info.balance = info.balance.saturating_add(wei);
        self.written.insert(StateKey::Account(address));
        self.accounts.insert(address, (!info.is_empty()).then_some(info));
        Ok(())
    }

    pub(super) fn overridden(
        &self,
        address: Address,
        info: Option<AccountInfo>,
    ) -> Option<AccountInfo> {
        let Some(pretended) = self.overrides.get(&address) else {
            return info;
        };
        let mut info = info.unwrap_or_else(|| AccountInfo::default().without_code());
        if let Some(balance) = pretended.balance {
            info.balance = balance;
        }
        if let Some(nonce) = pretended.nonce {
            info.nonce = nonce;
        }
        if let Some(code) = &pretended.code {
            info.code_hash = if code.is_empty() { KECCAK256_EMPTY } else { keccak256(code) };
        }
        Some(info)
    }
}
