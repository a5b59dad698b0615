//! Names of validators and observers as the state has them, so that who was registered after genesis
//! is shown by its name and not by its key.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use alloy_primitives::U256;
use ledger_api::LedgerError;
use system::validators::StoredNames;
use types::{
    ValidatorKey,
    limits::{OBSERVERS_MAX, VALIDATORS_MAX},
};

use crate::{core::Core, validators::StateValidators};

/// Names that are kept: of those who are validators or observers, and of some who were.
const NAMES_MAX: usize = 4 * (VALIDATORS_MAX + OBSERVERS_MAX);

/// Names by key. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(Arc<RwLock<BTreeMap<ValidatorKey, String>>>);

impl Names {
    /// The name that the state last had for a key, where one is known.
    pub(crate) fn of(&self, key: &ValidatorKey) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep(&self, found: Vec<(ValidatorKey, String)>) {
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Who was removed long ago is shown by its key again.
        if names.len().saturating_add(found.len()) > NAMES_MAX {
            names.clear();
        }
        names.extend(found);
    }
}

/// Reads the names of `observers` and of the validators after block `height`.
pub(crate) async fn learn(
    core: &Arc<Core>,
    height: u64,
    observers: &[ValidatorKey],
) -> Result<(), LedgerError> {
    let state = StateValidators(Arc::clone(core));
    let mut keys = state.after(height).await?.keys().to_vec();
    keys.extend(observers);
    keys.sort_unstable();
    keys.dedup();
    let slots: Vec<U256> = keys.iter().map(|key| StoredNames::slot(*key)).collect();
    let heads = state.slots(height, &slots).await?;
    let mut found = Vec::new();
    for (key, head) in keys.into_iter().zip(heads) {
        let words = state.slots(height, &StoredNames::word_slots(key, head)).await?;
        found.extend(StoredNames::decode(head, &words).map(|name| (key, name)));
    }
    core.names.keep(found);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_name_counts_and_the_number_is_bounded() {
        let names = Names::default();
        let key = |number: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            ValidatorKey(key)
        };
        names.keep(vec![(key(1), "Bank A".into())]);
        names.keep(vec![(key(1), "Bank B".into())]);
        assert_eq!(names.of(&key(1)).as_deref(), Some("Bank B"));
        assert_eq!(names.of(&key(2)), None);
        for number in 0..3 * NAMES_MAX {
            names.keep(vec![(key(number), "N".into())]);
        }
        let kept = (0..3 * NAMES_MAX).filter(|number| names.of(&key(*number)).is_some()).count();
        assert!((1..=NAMES_MAX).contains(&kept), "{kept}");
        assert_eq!(names.of(&key(3 * NAMES_MAX - 1)).as_deref(), Some("N"));
    }
}
