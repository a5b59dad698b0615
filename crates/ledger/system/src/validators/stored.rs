//! Reading the current set straight from storage, as consensus does.

use alloy_primitives::{Address, U256};
use types::{ValidatorKey, ValidatorSet, ValidatorSetError, limits::VALIDATORS_MAX};

use super::{ADDRESS, CURRENT, PENDING};

/// Which slots hold the current set, and how to read them.
#[derive(Clone, Copy, Debug)]
pub struct StoredSet;

impl StoredSet {
    /// Account whose storage it is.
    pub const ADDRESS: Address = ADDRESS;

    /// Slot that holds the number of validators.
    pub fn length_slot() -> U256 {
        CURRENT.slot()
    }

    /// Slot that holds the number of validators of a change that waits for the end of the epoch; 0
    /// while none waits.
    pub fn pending_length_slot() -> U256 {
        PENDING.slot()
    }

    /// Slots of the keys, for the number read from [`Self::length_slot`]. At most
    /// [`VALIDATORS_MAX`]: the contract never stores more.
    pub fn key_slots(length: U256) -> Vec<U256> {
        let length = u64::try_from(length).unwrap_or(u64::MAX).min(VALIDATORS_MAX as u64);
        (0..length).map(|index| CURRENT.item_slot(index)).collect()
    }

    /// The set from the values of [`Self::key_slots`].
    pub fn decode(
        values: impl IntoIterator<Item = U256>,
    ) -> Result<ValidatorSet, ValidatorSetError> {
        ValidatorSet::new(
            values.into_iter().map(|value| ValidatorKey(value.to_be_bytes())).collect(),
        )
    }
}
