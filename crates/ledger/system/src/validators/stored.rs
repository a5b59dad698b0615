//! Reading the current set, the observers and their names straight from storage, as consensus and
//! the network do.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use alloy_primitives::{Address, U256, keccak256};
use native::layout::Text;
use types::{
    ValidatorKey, ValidatorSet, ValidatorSetError,
    limits::{OBSERVERS_MAX, VALIDATORS_MAX},
};

use super::{ADDRESS, CURRENT, ORGANISATIONS, PENDING, observers};

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

/// An observer as the network needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredObserver {
    /// Its key.
    pub key: ValidatorKey,
    /// Where its connections come from and where it listens.
    pub address: SocketAddr,
}

/// Which slots hold the observers, and how to read them.
#[derive(Clone, Copy, Debug)]
pub struct StoredObservers;

impl StoredObservers {
    /// Account whose storage it is.
    pub const ADDRESS: Address = ADDRESS;

    /// Slot that changes whenever the list does.
    pub fn changes_slot() -> U256 {
        observers::CHANGES.slot()
    }

    /// Slot that holds the number of observers.
    pub fn length_slot() -> U256 {
        observers::KEYS.slot()
    }

    /// Slots of the keys, for the number read from [`Self::length_slot`]. At most
    /// [`OBSERVERS_MAX`]: the contract never stores more.
    pub fn key_slots(length: U256) -> Vec<U256> {
        let length = u64::try_from(length).unwrap_or(u64::MAX).min(OBSERVERS_MAX as u64);
        (0..length).map(|index| observers::KEYS.item_slot(index)).collect()
    }

    /// Slot of the address of the observer with this key, as read from [`Self::key_slots`].
    pub fn address_slot(key: U256) -> U256 {
        of_key(key, observers::ADDRESSES.slot())
    }

    /// An observer from the values of its two slots.
    pub fn decode(key: U256, address: U256) -> StoredObserver {
        let (ip, port) = observers::address_of_word(address);
        let ip = IpAddr::V6(Ipv6Addr::from(ip.0)).to_canonical();
        StoredObserver { key: ValidatorKey(key.to_be_bytes()), address: SocketAddr::new(ip, port) }
    }
}

/// Which slots hold the names of validators and observers, and how to read them.
#[derive(Clone, Copy, Debug)]
pub struct StoredNames;

impl StoredNames {
    /// Account whose storage it is.
    pub const ADDRESS: Address = ADDRESS;

    /// Slot of the name of the node with this key.
    pub fn slot(key: ValidatorKey) -> U256 {
        of_key(U256::from_be_bytes(key.0), ORGANISATIONS.slot())
    }

    /// Slots of the rest of a name, for the value read from [`Self::slot`]; none for a short one.
    pub fn word_slots(key: ValidatorKey, head: U256) -> Vec<U256> {
        Text::at(Self::slot(key)).word_slots(head)
    }

    /// The name from the values of its slots; `None` where none is known.
    pub fn decode(head: U256, words: &[U256]) -> Option<String> {
        Text::decode(head, words).filter(|name| !name.is_empty())
    }
}

/// Slot of a key's value in a mapping.
fn of_key(key: U256, mapping: U256) -> U256 {
    let mut bytes = [0u8; 64];
    bytes[..32].copy_from_slice(&key.to_be_bytes::<32>());
    bytes[32..].copy_from_slice(&mapping.to_be_bytes::<32>());
    U256::from_be_bytes(keccak256(bytes).0)
}
