//! Blocks in memory: the newest, which every client polls, and the last few older ones that were
//! read, since a client that reads one receipt of a block reads the others next.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use alloy_primitives::Address;
use alloy_rlp::Encodable;
use types::{Block, Receipt};

/// Newest blocks kept in memory.
const RECENT_BLOCKS_MAX: usize = 128;
/// Their encoded size, bytes (the newest stays whatever its size).
const RECENT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Older blocks kept in memory after they were read.
const OLDER_BLOCKS_MAX: usize = 16;
/// Their encoded size, bytes (the last one read stays whatever its size).
const OLDER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A block as readers take it: each part can be shared without a copy.
#[derive(Debug)]
pub(crate) struct WholeBlock {
    pub block: Arc<Block>,
    pub receipts: Arc<Vec<Receipt>>,
    pub senders: Arc<Vec<Address>>,
    bytes: usize,
}

impl WholeBlock {
    pub fn new(block: Arc<Block>, receipts: Arc<Vec<Receipt>>, senders: Arc<Vec<Address>>) -> Self {
        let logs: usize = receipts.iter().map(|receipt| 32 + receipt.logs.length()).sum();
        let bytes = block.length() + logs + senders.len() * 20;
        Self { block, receipts, senders, bytes }
    }
}

#[derive(Default)]
struct Contents {
    recent: BTreeMap<u64, Arc<WholeBlock>>,
    recent_bytes: usize,
    older: VecDeque<Arc<WholeBlock>>,
    older_bytes: usize,
}

/// Both caches behind one lock, held for a look-up at most.
#[derive(Default)]
pub(crate) struct BlockCache(Mutex<Contents>);

impl BlockCache {
    /// The block at `number`, if it is in memory.
    pub fn get(&self, number: u64) -> Option<Arc<WholeBlock>> {
        let contents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let older = || contents.older.iter().find(|whole| whole.block.number() == number);
        contents.recent.get(&number).or_else(older).cloned()
    }

    /// Forgets blocks above `number`.
    pub fn forget_above(&self, number: u64) {
        let mut contents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = number.saturating_add(1);
        let gone = contents.recent.split_off(&kept);
        contents.recent_bytes -= gone.values().map(|whole| whole.bytes).sum::<usize>();
        contents.older.retain(|whole| whole.block.number() <= number);
        contents.older_bytes = contents.older.iter().map(|whole| whole.bytes).sum();
    }

    /// Keeps the new head, drops what exceeds the limits.
    pub fn put_recent(&self, whole: Arc<WholeBlock>) {
        let mut contents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        contents.recent_bytes += whole.bytes;
        let replaced = contents.recent.insert(whole.block.number(), whole);
        contents.recent_bytes -= replaced.map_or(0, |whole| whole.bytes);
        while contents.recent.len() > 1
            && (contents.recent.len() > RECENT_BLOCKS_MAX
                || contents.recent_bytes > RECENT_BYTES_MAX)
        {
            let dropped = contents.recent.pop_first();
            contents.recent_bytes -= dropped.map_or(0, |(_, whole)| whole.bytes);
        }
    }

    /// Keeps a block that was read from disk, drops what exceeds the limits.
    pub fn put_older(&self, whole: Arc<WholeBlock>) {
        let mut contents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if contents.older.iter().any(|other| other.block.number() == whole.block.number()) {
            return;
        }
        contents.older_bytes += whole.bytes;
        contents.older.push_back(whole);
        while contents.older.len() > 1
            && (contents.older.len() > OLDER_BLOCKS_MAX || contents.older_bytes > OLDER_BYTES_MAX)
        {
            let dropped = contents.older.pop_front();
            contents.older_bytes -= dropped.map_or(0, |whole| whole.bytes);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloy_primitives::B256;

    use super::*;
    use crate::tests::fixture::{block, log};

    fn whole(number: u64, data_bytes: usize) -> Arc<WholeBlock> {
        let mut log = log(1, &[2]);
        log.data.data = vec![7; data_bytes].into();
        let finalized = block(number, B256::ZERO, vec![vec![log]]);
        Arc::new(WholeBlock::new(finalized.block, finalized.receipts, finalized.senders))
    }

    #[test]
    fn the_newest_blocks_stay_up_to_the_limit() {
        let cache = BlockCache::default();
        let count = RECENT_BLOCKS_MAX as u64 + 10;
        (0..count).for_each(|number| cache.put_recent(whole(number, 1)));
        assert!(cache.get(9).is_none());
        assert!((10..count).all(|number| cache.get(number).is_some()));
    }

    #[test]
    fn large_blocks_push_out_others_but_never_themselves() {
        let cache = BlockCache::default();
        (0..3).for_each(|number| cache.put_recent(whole(number, RECENT_BYTES_MAX)));
        assert!(cache.get(0).is_none() && cache.get(1).is_none());
        let kept = cache.get(2).unwrap();
        assert_eq!(kept.block.number(), 2);
        assert_eq!(cache.0.lock().unwrap().recent_bytes, kept.bytes);
    }

    #[test]
    fn older_blocks_are_few_and_counted_once() {
        let cache = BlockCache::default();
        for number in (0..OLDER_BLOCKS_MAX as u64 + 1).flat_map(|number| [number, number]) {
            cache.put_older(whole(number, 1));
        }
        assert!(cache.get(0).is_none());
        assert!((1..=OLDER_BLOCKS_MAX as u64).all(|number| cache.get(number).is_some()));
        let contents = cache.0.lock().unwrap();
        let bytes: usize = contents.older.iter().map(|whole| whole.bytes).sum();
        assert_eq!(contents.older_bytes, bytes);
    }
}
