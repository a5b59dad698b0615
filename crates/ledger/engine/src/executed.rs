//! Blocks that were executed and are not final yet, with everything execution found out.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use alloy_primitives::{Address, B256};
use execution::BlockOutcome;
use types::Transaction;

/// Executed blocks kept, counted over all forks. Consensus runs a few views ahead of the final
/// block at most; what exceeds this is executed again if it becomes final.
const EXECUTED_BLOCKS_MAX: usize = 256;

/// One executed block.
pub(crate) struct Executed {
    pub(crate) number: u64,
    pub(crate) parent: B256,
    pub(crate) transactions: Vec<Arc<Transaction>>,
    pub(crate) outcome: BlockOutcome,
}

/// What the unfinalized ancestors of a new block use up.
#[derive(Default)]
pub(crate) struct Used {
    pub(crate) hashes: HashSet<B256>,
    pub(crate) next_nonces: BTreeMap<Address, u64>,
}

/// All of them, by hash. Cloning shares it.
#[derive(Clone, Default)]
pub(crate) struct ExecutedBlocks(Arc<Mutex<BTreeMap<B256, Arc<Executed>>>>);

impl ExecutedBlocks {
    pub(crate) fn insert(&self, hash: B256, executed: Executed) {
        let mut blocks = self.lock();
        if blocks.len() >= EXECUTED_BLOCKS_MAX {
            let oldest = blocks.iter().min_by_key(|(_, block)| block.number).map(|(hash, _)| *hash);
            oldest.and_then(|hash| blocks.remove(&hash));
        }
        blocks.insert(hash, Arc::new(executed));
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<Arc<Executed>> {
        self.lock().get(hash).cloned()
    }

    /// What the blocks from `tip` down to the final chain use up.
    pub(crate) fn used_by(&self, tip: B256) -> Used {
        let blocks = self.lock();
        let mut used = Used::default();
        let mut hash = tip;
        while let Some(block) = blocks.get(&hash) {
            for transaction in &block.transactions {
                used.hashes.insert(transaction.hash());
                // Walking from the newest block down: the first nonce seen is the highest.
                used.next_nonces
                    .entry(transaction.sender())
                    .and_modify(|next| *next = (*next).max(transaction.nonce().saturating_add(1)))
                    .or_insert(transaction.nonce().saturating_add(1));
            }
            hash = block.parent;
        }
        used
    }

    /// Forgets everything up to a final height.
    pub(crate) fn finalized(&self, number: u64) {
        self.lock().retain(|_, block| block.number > number);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<B256, Arc<Executed>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
