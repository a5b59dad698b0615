//! Which transactions the next block should try, in which order.
//!
//! Lanes are merged by the place of their heads: the earlier arrival first, in metered mode the
//! higher tip before that. Nonces of one sender keep their order. The cost is that of the answer
//! and of the unfinalized ancestors, not that of the pool.
//!
//! Where nobody pays for a place, large transactions may be tried last ([`Order::LargeLast`]): one
//! of them can take a whole block's time, and a row of them would keep everybody waiting.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashSet},
    sync::Arc,
};

use alloy_primitives::{Address, B256};
use types::Transaction;

use crate::{contents::Contents, lane::Place};

/// Transactions passed over because they do not fit before the selection ends.
const MISFITS_MAX: usize = 256;
/// Large transactions put off in one selection; further ones keep their place.
const PUT_OFF_MAX: usize = 4_096;
/// Gas limit above which a transaction is large, gas.
pub const LARGE_GAS: u64 = 1_000_000;

/// In which order transactions are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By tip and arrival.
    Arrival,
    /// The same, but large transactions, and what their senders sent later, after all others.
    LargeLast,
}

/// What a selection may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) gas: u64,
    pub(crate) bytes: usize,
    pub(crate) count: usize,
}

/// Merges the lanes, those touched by unfinalized ancestors at the nonce after them.
struct Merge<'a> {
    contents: &'a Contents,
    excluded: &'a HashSet<B256>,
    front: BinaryHeap<Reverse<Place>>,
}

impl Merge<'_> {
    /// Adds the first of the sender's transactions from `nonce` on that no ancestor holds.
    fn push(&mut self, sender: Address, mut nonce: u64) {
        let Some(lane) = self.contents.lanes.get(&sender) else {
            return;
        };
        nonce = nonce.max(lane.state_nonce);
        while let Some(slot) = lane.slots.get(&nonce) {
            if !self.excluded.contains(&slot.transaction.hash()) {
                self.front.extend(lane.place(nonce).map(Reverse));
                return;
            }
            nonce += 1;
        }
    }
}

pub(crate) fn select(
    contents: &Contents,
    excluded: &HashSet<B256>,
    ancestor_nonces: &BTreeMap<Address, u64>,
    mut room: Room,
    order: Order,
) -> Vec<Arc<Transaction>> {
    let mut merge = Merge { contents, excluded, front: BinaryHeap::new() };
    for (sender, nonce) in ancestor_nonces {
        merge.push(*sender, *nonce);
    }
    let untouched = |place: &&Place| !ancestor_nonces.contains_key(&place.sender);
    let mut heads = contents.heads.iter().filter(untouched).peekable();
    let mut selected = Vec::new();
    let mut misfits = 0;
    let mut put_off = Vec::new();
    let mut may_put_off = if order == Order::LargeLast { PUT_OFF_MAX } else { 0 };
    while selected.len() < room.count && misfits < MISFITS_MAX {
        let of_heads = match (heads.peek(), merge.front.peek()) {
            (Some(head), Some(Reverse(front))) => *head < front,
            (head, _) => head.is_some(),
        };
        let place = if of_heads {
            heads.next().copied()
        } else {
            merge.front.pop().map(|Reverse(place)| place)
        };
        let Some(place) = place else {
            if put_off.is_empty() {
                break;
            }
            may_put_off = 0;
            merge.front.extend(put_off.drain(..).map(Reverse));
            continue;
        };
        let transaction = &contents.lanes[&place.sender].slots[&place.nonce].transaction;
        if !excluded.contains(&transaction.hash()) {
            if put_off.len() < may_put_off && transaction.gas_limit() > LARGE_GAS {
                put_off.push(place);
                continue;
            }
            if !room.take(transaction) {
                misfits += 1;
                continue;
            }
            selected.push(Arc::clone(transaction));
        }
        merge.push(place.sender, place.nonce + 1);
    }
    selected
}

impl Room {
    fn take(&mut self, transaction: &Transaction) -> bool {
        let gas = self.gas.checked_sub(transaction.gas_limit());
        let bytes = self.bytes.checked_sub(transaction.encoded().len());
        let (Some(gas), Some(bytes)) = (gas, bytes) else {
            return false;
        };
        self.gas = gas;
        self.bytes = bytes;
        true
    }
}
