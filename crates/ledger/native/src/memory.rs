//! A host in memory, for tests of native contracts.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, Log, U256};

use crate::{Host, HostError, Loaded};

/// Storage in a map; remembers logs and which slots were accessed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryHost {
    /// Values other than zero.
    pub storage: BTreeMap<(Address, U256), U256>,
    /// Logs in order.
    pub logs: Vec<Log>,
    warm: BTreeSet<(Address, U256)>,
}

impl Host for MemoryHost {
    fn load(&mut self, address: Address, slot: U256) -> Result<Loaded, HostError> {
        let is_cold = self.warm.insert((address, slot));
        let value = self.storage.get(&(address, slot)).copied().unwrap_or_default();
        Ok(Loaded { value, is_cold })
    }

    fn store(&mut self, address: Address, slot: U256, value: U256) -> Result<Loaded, HostError> {
        let before = self.load(address, slot)?;
        if value.is_zero() {
            self.storage.remove(&(address, slot));
        } else {
            self.storage.insert((address, slot), value);
        }
        Ok(before)
    }

    fn log(&mut self, log: Log) {
        self.logs.push(log);
    }
}
