//! What a native contract asks its surroundings for.

use alloy_primitives::{Address, Log, U256};

/// A storage value and whether this was its first access in the transaction (EIP-2929).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The value.
    pub value: U256,
    /// First access in the transaction.
    pub is_cold: bool,
}

/// The value could not be read now; the host knows why. The call is abandoned without effect and
/// repeated once the value is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostError;

/// Storage and log of the running transaction.
pub trait Host {
    /// Reads a slot.
    fn load(&mut self, address: Address, slot: U256) -> Result<Loaded, HostError>;

    /// Writes a slot; answers the value before and whether the access was the first.
    fn store(&mut self, address: Address, slot: U256, value: U256) -> Result<Loaded, HostError>;

    /// Appends a log.
    fn log(&mut self, log: Log);
}
