//! A native contract's access to the running transaction: the same journal as bytecode's, so
//! reverts, warm slots and logs are one.

use alloy_primitives::{Address, Log, U256};
use native::{Host, HostError, Loaded};
use revm::{Database, Journal, context_interface::JournalTr};

pub(super) struct JournalHost<'a, DB: Database> {
    journal: &'a mut Journal<DB>,
    /// Why the last access failed.
    pub(super) error: Option<DB::Error>,
}

impl<'a, DB: Database> JournalHost<'a, DB> {
    pub(super) fn new(journal: &'a mut Journal<DB>) -> Self {
        Self { journal, error: None }
    }
}

impl<DB: Database> Host for JournalHost<'_, DB> {
    fn load(&mut self, address: Address, slot: U256) -> Result<Loaded, HostError> {
        match self.journal.sload(address, slot) {
            Ok(load) => Ok(Loaded { value: load.data, is_cold: load.is_cold }),
            Err(error) => {
                self.error = Some(error);
                Err(HostError)
            }
        }
    }

    fn store(&mut self, address: Address, slot: U256, value: U256) -> Result<Loaded, HostError> {
        match self.journal.sstore(address, slot, value) {
            Ok(load) => Ok(Loaded { value: load.data.present_value, is_cold: load.is_cold }),
            Err(error) => {
                self.error = Some(error);
                Err(HostError)
            }
        }
    }

    fn log(&mut self, log: Log) {
        self.journal.log(log);
    }
}
