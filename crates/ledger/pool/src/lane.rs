//! One sender's transactions by nonce.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use alloy_primitives::Address;
use types::Transaction;

/// A transaction in its lane.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) transaction: Arc<Transaction>,
    /// Running number of its arrival; a replacement takes over its predecessor's place.
    pub(crate) arrival: u64,
    /// Wei per gas that the proposer would get; 0 where fees are free.
    pub(crate) tip: u128,
    /// Height at which it began to wait for a lower nonce (or arrived).
    pub(crate) since_height: u64,
}

/// Place in the order of selection: the higher tip first, then the earlier arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    tip: Reverse<u128>,
    arrival: u64,
    pub(crate) sender: Address,
    pub(crate) nonce: u64,
}

/// Nonces of one sender. Executable are those of `state_nonce..executable_end`, which are all
/// present; `executable_end` itself is absent, and what lies above it is queued.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    sender: Address,
    pub(crate) state_nonce: u64,
    pub(crate) executable_end: u64,
    pub(crate) slots: BTreeMap<u64, Slot>,
    /// Where the lane stands in the pool's index of heads.
    pub(crate) head: Option<Place>,
}

impl Lane {
    pub(crate) const fn new(sender: Address, state_nonce: u64) -> Self {
        Self {
            sender,
            state_nonce,
            executable_end: state_nonce,
            slots: BTreeMap::new(),
            head: None,
        }
    }

    /// Place of the transaction at `nonce`.
    pub(crate) fn place(&self, nonce: u64) -> Option<Place> {
        let slot = self.slots.get(&nonce)?;
        Some(Place { tip: Reverse(slot.tip), arrival: slot.arrival, sender: self.sender, nonce })
    }

    pub(crate) fn is_executable(&self, nonce: u64) -> bool {
        (self.state_nonce..self.executable_end).contains(&nonce)
    }

    /// Number of executable transactions.
    pub(crate) fn executable_count(&self) -> usize {
        usize::try_from(self.executable_end - self.state_nonce)
            .expect("every executable nonce is a transaction in memory")
    }

    /// Moves the end over what is present now; answers what became executable, in nonce order.
    pub(crate) fn promote(&mut self) -> Vec<Slot> {
        let mut promoted = Vec::new();
        while let Some(slot) = self.slots.get(&self.executable_end) {
            promoted.push(slot.clone());
            self.executable_end += 1;
        }
        promoted
    }

    /// First nonce from `start` on that is absent.
    pub(crate) fn first_gap(&self, start: u64) -> u64 {
        if (self.state_nonce..=self.executable_end).contains(&start) {
            return self.executable_end;
        }
        let mut next = start;
        while self.slots.contains_key(&next) {
            next += 1;
        }
        next
    }
}
