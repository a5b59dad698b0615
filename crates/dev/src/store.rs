//! Blocks, their receipts and the state at every height: what all ledgers of one process share.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use alloy_primitives::Address;
use chain::{ChainOptions, ChainStore, FinalizedBlock};
use ledger_api::{AccountProof, Head, HeadSignal, LedgerError};
use state::{StateError, StateKey, StateReader, StateValue};

use crate::{
    error::DevError,
    timeline::{Changes, Timeline, Version},
};

/// A node's chain store in a folder of its own that goes with the process, values in memory.
pub struct Store {
    /// Blocks, receipts and indexes.
    pub chain: ChainStore,
    /// The newest block that is in everything.
    pub head: HeadSignal,
    timeline: RwLock<Timeline>,
    /// Last, so that the store closes before its folder goes.
    _folder: tempfile::TempDir,
}

impl Store {
    /// With block 0 and what it holds.
    pub fn open(genesis: &FinalizedBlock, timeline: Timeline) -> Result<Self, DevError> {
        let folder = tempfile::Builder::new().prefix("heqi-dev-").tempdir()?;
        let chain = ChainStore::open(folder.path(), ChainOptions::default())?;
        chain.append(genesis)?;
        let head = HeadSignal::new(head_of(genesis));
        Ok(Self { chain, head, timeline: RwLock::new(timeline), _folder: folder })
    }

    /// Adds a block. Readers see it once all of it is there.
    pub fn append(
        &self,
        block: &FinalizedBlock,
        changes: Changes,
        version: Version,
    ) -> Result<Head, DevError> {
        self.chain.append(block)?;
        self.write().add_block(changes, version);
        let head = head_of(block);
        self.head.set(head);
        Ok(head)
    }

    /// Values, for reading.
    pub fn timeline(&self) -> RwLockReadGuard<'_, Timeline> {
        self.timeline.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Values, for changing.
    pub fn write(&self) -> RwLockWriteGuard<'_, Timeline> {
        self.timeline.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes back to `head`, which is an ancestor, when `step` was the newest step.
    pub fn rewind(&self, head: Head, step: usize) -> Result<(), DevError> {
        self.head.set(head);
        self.write().rewind(step, head.number);
        Ok(self.chain.rewind(head.number)?)
    }

    /// Values after block `height`, in the order of `keys`.
    pub fn read(
        &self,
        height: u64,
        keys: &[StateKey],
    ) -> Result<Vec<Option<StateValue>>, LedgerError> {
        let timeline = self.timeline();
        let read = |key| timeline.read(height, key).ok_or(LedgerError::UnknownBlock(height));
        keys.iter().map(read).collect()
    }

    /// Proof of an account; `None` without a trie.
    pub fn prove(
        &self,
        height: u64,
        address: Address,
        slots: &[alloy_primitives::U256],
    ) -> Option<AccountProof> {
        self.timeline().prove(height, address, slots)
    }
}

fn head_of(block: &FinalizedBlock) -> Head {
    let FinalizedBlock { block, .. } = block;
    Head { number: block.number(), hash: block.hash(), time_ms: block.extension().time_ms }
}

/// The newest state, for execution.
pub struct Newest<'a>(pub &'a Store);

impl StateReader for Newest<'_> {
    async fn read_many(&self, keys: &[StateKey]) -> Result<Vec<Option<StateValue>>, StateError> {
        let timeline = self.0.timeline();
        Ok(keys.iter().map(|key| timeline.current(key)).collect())
    }
}
