//! Asking early for what a block surely needs, so that misses are rare.

use std::sync::Arc;

use alloy_consensus::Transaction as _;
use alloy_primitives::KECCAK256_EMPTY;
use revm::Database as _;
use state::StateKey;
use system::validators::StoredSet;
use types::Transaction;

use super::{BlockExecutor, Mode, Pause};
use crate::{
    BEACON_ROOTS_ADDRESS, HISTORY_ADDRESS,
    system_contracts::{beacon_root_slots, history_slot},
};

/// Keys asked for in one round before execution. Beyond it values are asked for as they are
/// missed.
const PREFETCH_KEYS_MAX: usize = 50_000;
/// Gas limits of the candidates that are looked at together, percent of the gas that is left.
/// Transactions use less than their limit, but what does not fit any more is not worth reading.
const WINDOW_PERCENT: u64 = 150;

impl BlockExecutor {
    /// First the accounts and the slots that are known by name or by their contract's pattern, then
    /// the code of those accounts and the slots of the validators. For the transactions up to the
    /// end of the window.
    pub(super) fn prefetch(&mut self) -> Result<(), Pause> {
        if self.progress.window == self.progress.next {
            self.progress.window = self.window_end();
        }
        let wanted = match self.progress.wanted.take() {
            Some(wanted) => wanted,
            None => {
                let wanted = self.first_keys();
                if let Err(pause) = self.need(&wanted) {
                    self.progress.wanted = Some(wanted);
                    return Err(pause);
                }
                wanted
            }
        };
        let second = self.second_keys(&wanted);
        self.need(&second).inspect_err(|_| self.progress.wanted = Some(wanted))
    }

    /// Code of the accounts among `wanted`, and the validators.
    fn second_keys(&mut self, wanted: &[StateKey]) -> Vec<StateKey> {
        let mut keys: Vec<StateKey> = wanted
            .iter()
            .filter_map(|key| match key {
                StateKey::Account(address) => self.state.account(*address).ok().flatten(),
                _ => None,
            })
            .filter(|info| info.code_hash != KECCAK256_EMPTY)
            .map(|info| StateKey::Code(info.code_hash))
            .collect();
        keys.extend(self.validator_keys());
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Slots of the current validators, once their number is loaded.
    fn validator_keys(&mut self) -> Vec<StateKey> {
        if self.rules.frame.epoch_blocks.is_none() {
            return Vec::new();
        }
        let address = StoredSet::ADDRESS;
        let length = self.state.storage(address, StoredSet::length_slot()).unwrap_or_default();
        let slots = StoredSet::key_slots(length).into_iter();
        slots.map(|slot| StateKey::Storage(address, slot)).collect()
    }

    fn window_end(&self) -> usize {
        if self.mode == Mode::Verify {
            return self.transactions.len();
        }
        let start = self.progress.next;
        let mut room = self.gas_left().saturating_mul(WINDOW_PERCENT) / 100;
        let in_window = |transaction: &&Arc<Transaction>| {
            if !self.may_fit(transaction) {
                return true;
            }
            let gas = transaction.gas_limit();
            let fits = gas <= room;
            room = room.saturating_sub(gas);
            fits
        };
        start + self.transactions[start..].iter().take_while(in_window).count()
    }

    fn gas_left(&self) -> u64 {
        self.environment.gas_limit.saturating_sub(self.progress.gas_used)
    }

    /// Candidates that ask for more gas than is left will not run.
    fn may_fit(&self, transaction: &Transaction) -> bool {
        self.mode == Mode::Verify || transaction.gas_limit() <= self.gas_left()
    }

    fn need(&self, keys: &[StateKey]) -> Result<(), Pause> {
        let missing: Vec<StateKey> =
            keys.iter().filter(|key| !self.state.is_loaded(key)).copied().collect();
        if missing.is_empty() { Ok(()) } else { Err(Pause::Need(missing)) }
    }

    fn first_keys(&self) -> Vec<StateKey> {
        let mut keys = self.frame_keys();
        let window = &self.transactions[self.progress.next..self.progress.window];
        for transaction in window.iter().filter(|transaction| self.may_fit(transaction)) {
            if keys.len() >= PREFETCH_KEYS_MAX {
                break;
            }
            self.transaction_keys(transaction, &mut keys);
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn transaction_keys(&self, transaction: &Transaction, keys: &mut Vec<StateKey>) {
        let envelope = transaction.envelope();
        keys.push(StateKey::Account(transaction.sender()));
        keys.extend(envelope.to().map(StateKey::Account));
        let listed = envelope.access_list().map_or(&[][..], |list| &list.0[..]);
        for item in listed {
            keys.push(StateKey::Account(item.address));
            let slots = item.storage_keys.iter();
            keys.extend(slots.map(|slot| StateKey::Storage(item.address, (*slot).into())));
        }
        self.patterns.predict(transaction, keys);
    }

    fn frame_keys(&self) -> Vec<StateKey> {
        let mut keys = Vec::new();
        let frame = &self.rules.frame;
        if frame.history_call {
            let slot = history_slot(self.environment.number.saturating_sub(1));
            keys.push(StateKey::Account(HISTORY_ADDRESS));
            keys.push(StateKey::Storage(HISTORY_ADDRESS, slot));
        }
        if frame.beacon_root_call {
            keys.push(StateKey::Account(BEACON_ROOTS_ADDRESS));
            for slot in beacon_root_slots(self.environment.timestamp()) {
                keys.push(StateKey::Storage(BEACON_ROOTS_ADDRESS, slot));
            }
        }
        if frame.epoch_blocks.is_some() {
            keys.push(StateKey::Account(StoredSet::ADDRESS));
            keys.push(StateKey::Storage(StoredSet::ADDRESS, StoredSet::length_slot()));
        }
        keys
    }
}
