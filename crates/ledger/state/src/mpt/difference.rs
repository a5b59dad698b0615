//! What leads from one state to another.

use std::{collections::BTreeSet, sync::Arc};

use alloy_primitives::{Address, U256};

use super::MptState;
use crate::{Change, StateDiff, StateKey};

impl MptState {
    /// The effect that leads from this state to `later`: slot by slot, so nothing is `wiped`.
    /// Accounts that the two states share cost one comparison.
    pub fn diff_to(&self, later: &Self) -> StateDiff {
        let mut diff = StateDiff::default();
        for address in self.accounts.keys().chain(later.accounts.keys()) {
            self.account_diff(later, *address, &mut diff);
        }
        for hash in self.code.keys().chain(later.code.keys()) {
            self.value_diff(later, StateKey::Code(*hash), &mut diff);
        }
        diff
    }

    fn account_diff(&self, later: &Self, address: Address, diff: &mut StateDiff) {
        let (before, after) = (self.accounts.get(&address), later.accounts.get(&address));
        if let (Some(before), Some(after)) = (before, after)
            && Arc::ptr_eq(before, after)
        {
            return;
        }
        self.value_diff(later, StateKey::Account(address), diff);
        let slots: BTreeSet<U256> = [before, after]
            .into_iter()
            .flatten()
            .flat_map(|account| account.storage().keys().copied())
            .collect();
        for slot in slots {
            self.value_diff(later, StateKey::Storage(address, slot), diff);
        }
    }

    fn value_diff(&self, later: &Self, key: StateKey, diff: &mut StateDiff) {
        let (previous, current) = (self.get(&key), later.get(&key));
        if previous != current {
            diff.changes.insert(key, Change { previous, current });
        }
    }
}
