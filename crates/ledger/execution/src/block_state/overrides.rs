//! Pretended state: what `eth_call` may put in place of what is there.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, KECCAK256_EMPTY, U256, keccak256};
use revm::{Database as _, state::AccountInfo};

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
