//! geth's `prestateTracer`: the accounts and slots that a run touched as they were, or what it made
//! of them (`diffMode`). The library's lacks `codeHash`, `includeEmpty` and deleted slots.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use revm::{
    DatabaseRef as _,
    context_interface::{Block as _, Transaction as _},
    primitives::TxKind,
    state::{Account, AccountInfo},
};
use serde::{Deserialize, Serialize};

use super::{Before, Finished, TraceError};
use crate::Missing;

/// What is wanted; unknown fields are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PrestateOptions {
    diff_mode: bool,
    disable_code: bool,
    disable_storage: bool,
    include_empty: bool,
}

/// One account; what is absent is not wanted, empty or unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrestateAccount {
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_hash: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    storage: BTreeMap<B256, B256>,
}

/// Accounts by address.
pub type PrestateAccounts = BTreeMap<Address, PrestateAccount>;

/// The trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Prestate {
    /// As it was.
    Before(PrestateAccounts),
    /// What changed.
    Changes {
        /// As it was.
        pre: PrestateAccounts,
        /// As it became; deleted accounts are absent.
        post: PrestateAccounts,
    },
}

impl PrestateOptions {
    /// The trace of a run.
    pub(super) fn trace(self, finished: &Finished<'_, '_>) -> Result<Prestate, TraceError> {
        let mut pre = PrestateAccounts::new();
        let mut post = PrestateAccounts::new();
        for address in touched(finished) {
            let info = finished.before.basic_ref(address).map_err(unread)?.unwrap_or_default();
            let present = finished.ran.state.get(&address);
            let was_empty = info.is_empty();
            let mut before = self.before(&info, present, &finished.before)?;
            if self.diff_mode
                && let Some(present) = present
                && !present.is_selfdestructed()
            {
                let after = self.after(&info, &mut before, present, &finished.before)?;
                let Some(after) = after else { continue };
                post.insert(address, after);
            } else if self.diff_mode && present.is_none() {
                continue;
            }
            if !was_empty || self.include_empty {
                pre.insert(address, before);
            }
        }
        Ok(match self.diff_mode {
            true => Prestate::Changes { pre, post },
            false => Prestate::Before(pre),
        })
    }

    fn before(
        self,
        info: &AccountInfo,
        present: Option<&Account>,
        state: &Before<'_>,
    ) -> Result<PrestateAccount, TraceError> {
        let mut account = PrestateAccount {
            balance: Some(info.balance),
            code: None,
            code_hash: has_code(info).then_some(info.code_hash),
            nonce: (info.nonce > 0).then_some(info.nonce),
            storage: BTreeMap::new(),
        };
        if has_code(info) && !self.disable_code {
            account.code = Some(code(info, state)?);
        }
        if let Some(present) = present
            && !self.disable_storage
        {
            let slots = present.storage.iter();
            account.storage =
                slots.map(|(slot, value)| ((*slot).into(), value.original_value.into())).collect();
        }
        Ok(account)
    }

    /// What became of an account, `None` where nothing did. Leaves the slots in `before` that
    /// changed and were not empty.
    fn after(
        self,
        info: &AccountInfo,
        before: &mut PrestateAccount,
        present: &Account,
        state: &Before<'_>,
    ) -> Result<Option<PrestateAccount>, TraceError> {
        let now = &present.info;
        let mut account = PrestateAccount {
            balance: (now.balance != info.balance).then_some(now.balance),
            nonce: (now.nonce != info.nonce).then_some(now.nonce),
            ..PrestateAccount::default()
        };
        let mut modified = account.balance.is_some() || account.nonce.is_some();
        let hash =
            |info: &AccountInfo| if has_code(info) { info.code_hash } else { KECCAK256_EMPTY };
        if hash(now) != hash(info) {
            modified = true;
            account.code_hash = Some(hash(now));
            if !self.disable_code {
                account.code = Some(if has_code(now) { code(now, state)? } else { Bytes::new() });
            }
        }
        if !self.disable_storage {
            let changed: BTreeMap<B256, (U256, U256)> = present
                .storage
                .iter()
                .filter(|(_, value)| value.is_changed())
                .map(|(slot, value)| ((*slot).into(), (value.original_value, value.present_value)))
                .collect();
            modified |= !changed.is_empty();
            before.storage.retain(|slot, value| changed.contains_key(slot) && !value.is_zero());
            account.storage = changed
                .into_iter()
                .filter(|(_, (_, value))| !value.is_zero())
                .map(|(slot, (_, value))| (slot, value.into()))
                .collect();
        }
        Ok(modified.then_some(account))
    }
}

/// Sender, recipient, beneficiary, and what the run loaded.
fn touched(finished: &Finished<'_, '_>) -> BTreeSet<Address> {
    let mut addresses: BTreeSet<Address> = finished.ran.state.keys().copied().collect();
    addresses.insert(finished.transaction.caller());
    addresses.insert(finished.block.beneficiary());
    if let TxKind::Call(to) = finished.transaction.kind() {
        addresses.insert(to);
    }
    addresses
}

fn has_code(info: &AccountInfo) -> bool {
    info.code_hash != KECCAK256_EMPTY && !info.code_hash.is_zero()
}

fn code(info: &AccountInfo, state: &Before<'_>) -> Result<Bytes, TraceError> {
    match &info.code {
        Some(code) => Ok(code.original_bytes()),
        None => Ok(state.code_by_hash_ref(info.code_hash).map_err(unread)?.original_bytes()),
    }
}

fn unread(missing: Missing) -> TraceError {
    TraceError::Unread(missing.0)
}
