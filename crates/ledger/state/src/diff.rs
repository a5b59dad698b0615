//! The effect of a block on the state.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::Address;

use crate::{StateKey, StateValue};

/// One value before and after a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Value before the block; `None` where it was absent.
    pub previous: Option<StateValue>,
    /// Value after the block; `None` where it is absent.
    pub current: Option<StateValue>,
}

/// All values that a block changed, each once, in the order of the keys. Values that end as they
/// began are not listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateDiff {
    /// Changes by key.
    pub changes: BTreeMap<StateKey, Change>,
    /// Accounts whose whole storage was destroyed. Always empty under the rules of Heqi's own
    /// ledgers (EIP-6780); used by conformance suites that run older rules.
    pub wiped: BTreeSet<Address>,
}
