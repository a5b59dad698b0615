//! When each transfer was sent and when its receipt was seen elsewhere.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy_primitives::B256;

use crate::plan::Transfer;

const NEVER: u64 = 0;

/// Shared by the senders and the readers of one phase.
pub struct Board {
    start: Instant,
    index: HashMap<B256, usize>,
    sent: Vec<AtomicU64>,
    seen: Vec<AtomicU64>,
    outstanding: AtomicU64,
    failed: AtomicU64,
    height: AtomicU64,
    stopped: AtomicBool,
    refusals: Mutex<BTreeMap<String, u64>>,
}

impl Board {
    /// The clock starts now.
    pub fn new(transfers: &[Transfer]) -> Self {
        let index = transfers.iter().enumerate().map(|(i, t)| (t.signed.hash, i)).collect();
        let times = || transfers.iter().map(|_| AtomicU64::new(NEVER)).collect();
        Self {
            start: Instant::now(),
            index,
            sent: times(),
            seen: times(),
            outstanding: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            height: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            refusals: Mutex::new(BTreeMap::new()),
        }
    }

    /// Since the start.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Notes that a transfer was sent, or was due to be sent, at a time since the start.
    pub fn sent_at(&self, transfer: usize, at: Duration) {
        self.sent[transfer].store(at.as_micros() as u64 + 1, Ordering::Relaxed);
        self.outstanding.fetch_add(1, Ordering::Relaxed);
    }

    /// Transfer with this hash, if it is one of this phase.
    pub fn find(&self, hash: &B256) -> Option<usize> {
        self.index.get(hash).copied()
    }

    /// Notes a receipt. True the first time.
    pub fn seen_now(&self, transfer: usize, height: u64, success: bool) -> bool {
        self.height.fetch_max(height, Ordering::Relaxed);
        let now = self.elapsed().as_micros() as u64 + 1;
        let first = self.seen[transfer]
            .compare_exchange(NEVER, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
        if first {
            if self.sent[transfer].load(Ordering::Relaxed) != NEVER {
                self.settled();
            }
            if !success {
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
        first
    }

    /// Notes that a transfer was refused for good: nothing is awaited for it any more.
    pub fn refused(&self, transfer: usize, reason: &str) {
        let was_sent = self.sent[transfer].swap(NEVER, Ordering::Relaxed) != NEVER;
        if was_sent && !self.is_seen(transfer) {
            self.settled();
        }
        self.note(reason);
    }

    fn settled(&self) {
        // a refusal and a late receipt of the same transaction may meet: never below zero
        let _outcome =
            self.outstanding
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
    }

    /// Counts something that went wrong and was repeated.
    pub fn note(&self, reason: &str) {
        let reason: String = reason.chars().take(120).collect();
        *self.refusals.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() +=
            1;
    }

    /// Sent and not yet seen.
    pub fn outstanding(&self) -> u64 {
        self.outstanding.load(Ordering::Relaxed)
    }

    /// Receipts with a status other than 1.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Highest block that held one of the transfers.
    pub fn height(&self) -> u64 {
        self.height.load(Ordering::Relaxed)
    }

    /// Reasons and how often.
    pub fn refusals(&self) -> BTreeMap<String, u64> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells everybody to end.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether everybody has to end.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Whether a receipt of the transfer was seen.
    pub fn is_seen(&self, transfer: usize) -> bool {
        self.seen[transfer].load(Ordering::Relaxed) != NEVER
    }

    /// Sending to seeing, of all that were seen.
    pub fn latencies(&self) -> Vec<Duration> {
        self.times().map(|(sent, seen)| Duration::from_micros(seen.saturating_sub(sent))).collect()
    }

    /// How many were seen within a time since the start.
    pub fn seen_within(&self, window: Duration) -> usize {
        self.times().filter(|(_, seen)| u128::from(seen - 1) <= window.as_micros()).count()
    }

    fn times(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.sent
            .iter()
            .zip(&self.seen)
            .map(|(sent, seen)| (sent.load(Ordering::Relaxed), seen.load(Ordering::Relaxed)))
            .filter(|(sent, seen)| *sent != NEVER && *seen != NEVER)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use alloy_primitives::B256;

    use super::Board;
    use crate::{accounts::Signed, plan::Transfer};

    fn board(count: u8) -> Board {
        let transfers: Vec<Transfer> = (0..count)
            .map(|n| Transfer {
                signed: Signed { hash: B256::repeat_byte(n), raw: String::new() },
                from: 0,
                to: 0,
                node: 0,
            })
            .collect();
        Board::new(&transfers)
    }

    #[test]
    fn counts_each_receipt_once_and_only_what_was_sent() {
        let board = board(3);
        board.sent_at(0, Duration::ZERO);
        board.sent_at(1, Duration::ZERO);
        assert_eq!(board.outstanding(), 2);
        assert!(board.seen_now(0, 7, true));
        assert!(!board.seen_now(0, 7, true));
        assert_eq!((board.outstanding(), board.height(), board.failed()), (1, 7, 0));
        assert!(board.seen_now(1, 8, false));
        assert_eq!((board.outstanding(), board.failed()), (0, 1));
        assert_eq!(board.latencies().len(), 2);
        assert_eq!(board.seen_within(Duration::ZERO), 0);
        assert_eq!(board.find(&B256::repeat_byte(2)), Some(2));
    }

    #[test]
    fn a_refusal_and_a_late_receipt_settle_once() {
        let board = board(2);
        board.sent_at(0, Duration::ZERO);
        board.sent_at(1, Duration::ZERO);
        board.refused(0, "full");
        assert!(board.seen_now(0, 1, true));
        assert!(board.seen_now(1, 1, true));
        board.refused(1, "full");
        assert_eq!(board.outstanding(), 0);
        assert_eq!(board.refusals()["full"], 2);
    }
}
