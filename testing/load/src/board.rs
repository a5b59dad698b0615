//! When each transaction was sent and when its receipt was seen elsewhere.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy_primitives::B256;

/// Longest text of a refusal that is kept (characters).
const REASON_MAX_CHARACTERS: usize = 120;

/// A transaction that was sent and not yet seen.
struct Awaited {
    index: usize,
    node: usize,
    sent_us: u64,
    raw: Arc<str>,
}

/// A transaction whose receipt with status 1 was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Number within the phase.
    pub index: usize,
    /// When it was sent or due, since the start (µs).
    pub sent_us: u64,
    /// When its receipt was seen (µs).
    pub seen_us: u64,
}

impl Sample {
    /// Sending to seeing.
    pub const fn latency(&self) -> Duration {
        Duration::from_micros(self.seen_us.saturating_sub(self.sent_us))
    }
}

/// A block as a reader met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSeen {
    /// Height.
    pub height: u64,
    /// When, since the start (µs).
    pub at_us: u64,
    /// Transactions in it.
    pub transactions: usize,
}

#[derive(Default)]
struct Seen {
    samples: Vec<Sample>,
    blocks: Vec<BlockSeen>,
    /// Given up by their sender, and final after all.
    late: Vec<usize>,
}

/// Shared by the senders and the readers of one phase.
pub struct Board {
    start: Instant,
    awaited: Mutex<HashMap<B256, Awaited>>,
    given_up: Mutex<HashMap<B256, usize>>,
    seen: Mutex<Seen>,
    failed: AtomicU64,
    height: AtomicU64,
    dry_us: AtomicU64,
    stopped: AtomicBool,
    refusals: Mutex<BTreeMap<String, u64>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Board {
    fn default() -> Self {
        Self::new()
    }
}

impl Board {
    /// The clock starts now.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            awaited: Mutex::default(),
            given_up: Mutex::default(),
            seen: Mutex::default(),
            failed: AtomicU64::new(0),
            height: AtomicU64::new(0),
            dry_us: AtomicU64::new(u64::MAX),
            stopped: AtomicBool::new(false),
            refusals: Mutex::default(),
        }
    }

    /// Since the start.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Notes that a transaction is about to be sent, or was due, at a time since the start.
    pub fn sent(&self, hash: B256, raw: Arc<str>, index: usize, node: usize, at: Duration) {
        let sent_us = at.as_micros() as u64;
        lock(&self.awaited).insert(hash, Awaited { index, node, sent_us, raw });
    }

    /// Notes a receipt, unless the transaction went to a node that this reader does not judge. True
    /// the first time.
    pub fn seen(
        &self,
        hash: &B256,
        height: u64,
        success: bool,
        judges: impl Fn(usize) -> bool,
    ) -> bool {
        let mut awaited = lock(&self.awaited);
        let judged = awaited.get(hash).is_some_and(|transaction| judges(transaction.node));
        let Some(transaction) = judged.then(|| awaited.remove(hash)).flatten() else {
            drop(awaited);
            if let Some(index) = lock(&self.given_up).remove(hash) {
                lock(&self.seen).late.push(index);
            }
            return false;
        };
        drop(awaited);
        self.height.fetch_max(height, Ordering::Relaxed);
        if !success {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        let Awaited { index, sent_us, .. } = transaction;
        let seen_us = self.elapsed().as_micros() as u64;
        lock(&self.seen).samples.push(Sample { index, sent_us, seen_us });
        true
    }

    /// Notes a block.
    pub fn block(&self, height: u64, transactions: usize) {
        let at_us = self.elapsed().as_micros() as u64;
        lock(&self.seen).blocks.push(BlockSeen { height, at_us, transactions });
    }

    /// Notes that a transaction was refused for good: nothing is awaited for it any more.
    pub fn refused(&self, hash: &B256, reason: &str) {
        if let Some(transaction) = lock(&self.awaited).remove(hash) {
            lock(&self.given_up).insert(*hash, transaction.index);
        }
        self.note(reason);
    }

    /// Gives everything that awaits a receipt through one node to another, and tells what that is.
    pub fn move_to(&self, from: usize, to: usize) -> Vec<Arc<str>> {
        let mut awaited = lock(&self.awaited);
        let moved = awaited.values_mut().filter(|transaction| transaction.node == from);
        let mut all: Vec<(usize, Arc<str>)> = moved
            .map(|transaction| {
                transaction.node = to;
                (transaction.index, transaction.raw.clone())
            })
            .collect();
        // nonces of an account have to arrive in order
        all.sort_unstable_by_key(|(index, _)| *index);
        all.into_iter().map(|(_, raw)| raw).collect()
    }

    /// Counts something that went wrong and was repeated.
    pub fn note(&self, reason: &str) {
        let reason: String = reason.chars().take(REASON_MAX_CHARACTERS).collect();
        *lock(&self.refusals).entry(reason).or_default() += 1;
    }

    /// Notes that a sender has nothing more to send although it should.
    pub fn dry(&self, reason: &str) {
        self.dry_us.fetch_min(self.elapsed().as_micros() as u64, Ordering::Relaxed);
        self.note(reason);
    }

    /// Until when every sender had something to send, since the start; nothing if to the end.
    pub fn dry_since(&self) -> Option<Duration> {
        let dry_us = self.dry_us.load(Ordering::Relaxed);
        (dry_us != u64::MAX).then(|| Duration::from_micros(dry_us))
    }

    /// Sent and not yet seen.
    pub fn outstanding(&self) -> u64 {
        lock(&self.awaited).len() as u64
    }

    /// Receipts with a status other than 1.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Highest block that held one of the transactions.
    pub fn height(&self) -> u64 {
        self.height.load(Ordering::Relaxed)
    }

    /// Reasons and how often.
    pub fn refusals(&self) -> BTreeMap<String, u64> {
        lock(&self.refusals).clone()
    }

    /// Tells everybody to end.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether everybody has to end.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// All receipts with status 1 so far, in the order in which they were seen.
    pub fn samples(&self) -> Vec<Sample> {
        lock(&self.seen).samples.clone()
    }

    /// How many blocks so far.
    pub fn block_count(&self) -> usize {
        lock(&self.seen).blocks.len()
    }

    /// Blocks so far.
    pub fn blocks(&self) -> Vec<BlockSeen> {
        lock(&self.seen).blocks.clone()
    }

    /// Numbers of the transactions that are final although their sender had given them up.
    pub fn late(&self) -> Vec<usize> {
        lock(&self.seen).late.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use alloy_primitives::B256;

    use super::Board;

    fn board(count: u8) -> Board {
        let board = Board::new();
        for number in 0..count {
            let (hash, node) = (B256::repeat_byte(number), usize::from(number % 2));
            board.sent(
                hash,
                format!("0x{number}").into(),
                usize::from(number),
                node,
                Duration::ZERO,
            );
        }
        board
    }

    #[test]
    fn counts_each_receipt_once_and_only_what_is_judged() {
        let board = board(3);
        let hash = B256::repeat_byte(0);
        assert!(!board.seen(&hash, 7, true, |node| node == 1));
        assert!(board.seen(&hash, 7, true, |node| node == 0));
        assert!(!board.seen(&hash, 7, true, |_| true));
        assert!(!board.seen(&B256::repeat_byte(9), 7, true, |_| true));
        assert_eq!((board.outstanding(), board.height(), board.failed()), (2, 7, 0));
        assert!(board.seen(&B256::repeat_byte(1), 8, false, |_| true));
        assert_eq!((board.outstanding(), board.failed()), (1, 1));
        assert_eq!(board.samples().iter().map(|sample| sample.index).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn what_was_given_up_and_is_final_counts_for_the_balances_only() {
        let board = board(2);
        board.refused(&B256::repeat_byte(0), "full");
        assert_eq!(board.outstanding(), 1);
        assert!(!board.seen(&B256::repeat_byte(0), 1, true, |_| true));
        assert_eq!((board.late(), board.samples()), (vec![0], vec![]));
        assert_eq!(board.refusals()["full"], 1);
    }

    #[test]
    fn the_first_dry_sender_counts() {
        let board = board(0);
        assert_eq!(board.dry_since(), None);
        board.dry("nothing left");
        let first = board.dry_since();
        std::thread::sleep(Duration::from_millis(2));
        board.dry("nothing left");
        assert!(first.is_some() && board.dry_since() == first);
        assert_eq!(board.refusals()["nothing left"], 2);
    }

    #[test]
    fn what_a_dead_node_had_moves_in_order() {
        let board = board(6);
        let moved = board.move_to(1, 0);
        assert_eq!(moved.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["0x1", "0x3", "0x5"]);
        assert!(board.move_to(1, 0).is_empty());
        assert!(board.seen(&B256::repeat_byte(3), 1, true, |node| node == 0));
    }
}
