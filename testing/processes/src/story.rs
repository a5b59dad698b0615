//! What was sent and what each node showed of it: latencies, gaps, forks, losses, recovery.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use load::distribution::Distribution;

use crate::{
    steady::{Sendings, Sent},
    watching::Seen,
};

/// Nothing may be slower than this for [`SETTLED_FOR`] for a network to count as recovered.
pub const SETTLED_LATENCY_MAX: Duration = Duration::from_millis(1_500);
/// How long the network has to stay that fast.
pub const SETTLED_FOR: Duration = Duration::from_secs(5);
/// A node that shows a block this long after the first that did counts as level with it.
const LEVEL_WITHIN: Duration = Duration::from_secs(1);

/// One load on a network and all blocks of each node meanwhile.
pub struct Story {
    /// What was sent.
    pub sendings: Sendings,
    /// Blocks by node.
    pub seen: Vec<Vec<Seen>>,
    /// When each node showed each transaction.
    shown: Vec<HashMap<B256, Instant>>,
}

impl Story {
    /// Puts both together.
    pub fn new(sendings: Sendings, seen: Vec<Vec<Seen>>) -> Self {
        let shown = seen.iter().map(|blocks| shown(blocks)).collect();
        Self { sendings, seen, shown }
    }

    /// Time from due to shown by `observer`, of those sent within `window` through one of `vias`.
    pub fn latencies(
        &self,
        window: &Range<Instant>,
        vias: &[usize],
        observer: usize,
    ) -> Distribution {
        Distribution::of(self.times(window, vias, observer))
    }

    /// As [`Self::latencies`], each of them.
    pub fn times(&self, window: &Range<Instant>, vias: &[usize], observer: usize) -> Vec<Duration> {
        let sent = self.sendings.accepted.iter();
        let sent = sent.filter(|sent| window.contains(&sent.due) && vias.contains(&sent.via));
        sent.filter_map(|sent| self.latency(sent, observer)).collect()
    }

    fn latency(&self, sent: &Sent, observer: usize) -> Option<Duration> {
        let at = self.shown[observer].get(&sent.hash)?;
        Some(at.saturating_duration_since(sent.due))
    }

    /// Blocks that `observer` showed within `window`.
    pub fn blocks(&self, window: &Range<Instant>, observer: usize) -> usize {
        self.seen[observer].iter().filter(|seen| window.contains(&seen.at)).count()
    }

    /// Longest time within `window` without a new block on `observer`, its ends included.
    pub fn longest_gap(&self, window: &Range<Instant>, observer: usize) -> Duration {
        let within = self.seen[observer].iter().map(|seen| seen.at);
        let within = within.filter(|at| window.contains(at));
        let mut last = window.start;
        let mut longest = Duration::ZERO;
        for at in within.chain([window.end]) {
            longest = longest.max(at.saturating_duration_since(last));
            last = at;
        }
        longest
    }

    /// Time from `from` until `observer` showed another block.
    pub fn next_block(&self, from: Instant, observer: usize) -> Option<Duration> {
        let later = self.seen[observer].iter().find(|seen| seen.at > from)?;
        Some(later.at - from)
    }

    /// Time from `from` until `node` shows blocks within a second of the first node that did.
    pub fn level(&self, from: Instant, node: usize) -> Option<Duration> {
        let mut first: HashMap<u64, Instant> = HashMap::new();
        for seen in self.seen.iter().flatten() {
            let at = first.entry(seen.block.number.to()).or_insert(seen.at);
            *at = (*at).min(seen.at);
        }
        let level = self.seen[node].iter().find(|seen| {
            let ahead = first.get(&seen.block.number.to::<u64>()).copied().unwrap_or(seen.at);
            seen.at > from && seen.at - ahead <= LEVEL_WITHIN
        });
        level.map(|seen| seen.at - from)
    }

    /// Time from `from` until everything that is sent becomes final on all nodes soon, and stays
    /// so for a while.
    pub fn settled(&self, from: Instant) -> Option<Duration> {
        let slow = |sent: &&Sent| {
            let limit = SETTLED_LATENCY_MAX;
            (0..self.shown.len())
                .any(|node| self.latency(sent, node).is_none_or(|latency| latency > limit))
        };
        let mut begin = from;
        for sent in self.sendings.accepted.iter().filter(|sent| sent.due >= from) {
            if slow(&sent) {
                begin = sent.due;
            } else if sent.due.saturating_duration_since(begin) >= SETTLED_FOR {
                return Some(begin - from);
            }
        }
        None
    }

    /// Heights at which two nodes showed something else.
    pub fn forks(&self) -> Vec<u64> {
        let mut blocks = BTreeMap::new();
        let mut forks = Vec::new();
        for seen in self.seen.iter().flatten() {
            let height = seen.block.number.to::<u64>();
            let first = blocks.entry(height).or_insert(&seen.block);
            if **first != seen.block {
                forks.push(height);
            }
        }
        forks
    }

    /// Accepted transactions without a receipt of status 1, by node.
    pub fn missing(&self) -> Vec<usize> {
        let accepted = &self.sendings.accepted;
        let count = |blocks: &Vec<Seen>| {
            let there: HashSet<&B256> = blocks.iter().flat_map(|seen| &seen.transactions).collect();
            accepted.iter().filter(|sent| !there.contains(&sent.hash)).count()
        };
        self.seen.iter().map(count).collect()
    }

    /// What nodes answered instead of taking a transaction: how often, and the most frequent.
    pub fn refused(&self) -> (usize, String) {
        let most = self.sendings.refusals.iter().max_by_key(|(_, count)| **count);
        let text = most.map(|(text, count)| format!("{count} × {text}")).unwrap_or_default();
        (self.sendings.refusals.values().sum(), text)
    }
}

fn shown(blocks: &[Seen]) -> HashMap<B256, Instant> {
    let each = |seen: &Seen| {
        let at = seen.at;
        seen.transactions.iter().map(move |hash| (*hash, at)).collect::<Vec<_>>()
    };
    blocks.iter().flat_map(each).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use alloy_primitives::U64;
    use load::rpc::BlockSummary;

    use super::*;

    fn block(height: u64, hash: u8, at: Instant, transactions: &[u8]) -> Seen {
        let root = B256::ZERO;
        let block = BlockSummary {
            number: U64::from(height),
            hash: B256::repeat_byte(hash),
            state_root: root,
            receipts_root: root,
        };
        let transactions = transactions.iter().map(|byte| B256::repeat_byte(*byte)).collect();
        Seen { block, at, transactions, failed: 0 }
    }

    fn sent(byte: u8, due: Instant) -> Sent {
        Sent { hash: B256::repeat_byte(byte), via: 0, due }
    }

    #[test]
    fn forks_losses_and_latencies_are_found() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let first = vec![block(1, 1, after(100), &[1]), block(2, 2, after(900), &[2])];
        let second = vec![block(1, 1, after(150), &[1]), block(2, 9, after(950), &[])];
        let accepted = vec![sent(1, after(0)), sent(2, after(50))];
        let sendings = Sendings { accepted, ..Sendings::default() };
        let story = Story::new(sendings, vec![first, second]);
        assert_eq!(story.forks(), vec![2]);
        assert_eq!(story.missing(), vec![0, 1]);
        let window = start..after(1_000);
        assert_eq!(story.latencies(&window, &[0], 0).max_ms, 850.0);
        assert_eq!(story.latencies(&window, &[1], 0).count, 0);
        assert_eq!(story.longest_gap(&window, 0), Duration::from_millis(800));
        assert_eq!(story.blocks(&window, 1), 2);
        assert_eq!(story.next_block(after(100), 0), Some(Duration::from_millis(800)));
        assert_eq!(story.settled(start), None);
    }

    #[test]
    fn a_network_has_settled_once_nothing_is_slow_for_a_while() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let accepted: Vec<Sent> = (0..20u8).map(|n| sent(n, after(u64::from(n)))).collect();
        let blocks: Vec<Seen> = (0..20u8)
            .map(|n| block(u64::from(n), n, after(u64::from(n) + if n == 4 { 3 } else { 1 }), &[n]))
            .collect();
        let story = Story::new(Sendings { accepted, ..Sendings::default() }, vec![blocks]);
        assert_eq!(story.settled(start), Some(Duration::from_secs(4)));
        assert_eq!(story.settled(after(1)), Some(Duration::from_secs(3)));
        assert_eq!(story.settled(after(5)), Some(Duration::ZERO));
        assert_eq!(story.settled(after(16)), None);
        assert_eq!(story.level(after(2), 0), Some(Duration::from_secs(1)));
    }
}
