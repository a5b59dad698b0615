//! The store itself: opening and writing. Reading is in `reads` and `logs`.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy_primitives::keccak256;
use fjall::OwnedWriteBatch;
use state::StateDiff;
use types::{Block, Certificate, ValidatorSet};

use crate::{
    ChainError, ChainOptions, FinalizedBlock,
    cache::{BlockCache, WholeBlock},
    encoding,
    heights::{ChainHeights, HistoryHeights},
    history::{HistoryFilterFactory, KeepFrom, write_history},
    keyspaces::Keyspaces,
    log_index::{block_terms, term_key},
};

/// Finalized blocks of one ledger. Share it behind an [`Arc`]; every method may be called from any
/// thread. Calls block on the disk for microseconds, [`Self::persist`] for as long as an fsync
/// takes and [`Self::logs`](Self::logs) for as long as its limits allow.
pub struct ChainStore {
    pub(crate) tables: Keyspaces,
    pub(crate) cache: BlockCache,
    chain: RwLock<Option<ChainHeights>>,
    history: RwLock<Option<HistoryHeights>>,
    options: ChainOptions,
    keep_from: KeepFrom,
    /// Held by whoever writes; readers never take it.
    writer: Mutex<()>,
}

impl ChainStore {
    /// Opens the store in directory `path`, creating it where there is none. One process at a time
    /// may have it open. Whatever a killed process left behind, the store holds whole blocks only.
    pub fn open(path: &Path, options: ChainOptions) -> Result<Self, ChainError> {
        let keep_from: KeepFrom = Arc::new(AtomicU64::new(0));
        let tables = Keyspaces::open(path, HistoryFilterFactory(Arc::clone(&keep_from)))?;
        let chain = ChainHeights::read(&tables.meta)?;
        let history = HistoryHeights::read(&tables.meta)?;
        let store = Self {
            tables,
            cache: BlockCache::default(),
            chain: RwLock::new(chain),
            history: RwLock::new(history),
            options,
            keep_from,
            writer: Mutex::new(()),
        };
        store.check_ends()?;
        store.drop_outside_window();
        tracing::info!(path = %path.display(), ?chain, ?history, "chain store open");
        Ok(store)
    }

    /// A store whose ends do not decode is damaged; better said now than at the first request.
    fn check_ends(&self) -> Result<(), ChainError> {
        let Some(heights) = self.chain_heights() else {
            return Ok(());
        };
        for number in [heights.lowest, heights.head] {
            self.load(number)?;
        }
        Ok(())
    }

    /// Records what the keys of `diff` held before block `height`. Call it before the state
    /// databases apply the block: see [`Self::value_after`]. Recording a height again is no error
    /// and changes nothing.
    ///
    /// # Errors
    /// [`ChainError::Gap`] unless `height` follows the one recorded last;
    /// [`ChainError::WipedStorage`]; failures of the disk.
    pub fn append_history(&self, height: u64, diff: &StateDiff) -> Result<(), ChainError> {
        let _writer = self.write_lock();
        if !diff.wiped.is_empty() {
            return Err(ChainError::WipedStorage { height });
        }
        let previous = self.history_heights();
        if let Some(previous) = previous {
            if height <= previous.head {
                return Ok(());
            }
            check_next(previous.head, height)?;
        }
        let heights = HistoryHeights::after(previous, height, self.options.history_blocks);
        write_history(&self.tables, heights, diff)?;
        *self.history.write().unwrap_or_else(PoisonError::into_inner) = Some(heights);
        Ok(())
    }

    /// Adds a block with its receipts and senders. Readers see all of it or nothing, also after a
    /// crash. The first block may have any height; adding a stored block again is no error and
    /// changes nothing.
    ///
    /// # Errors
    /// [`ChainError::Gap`], [`ChainError::WrongParent`] and [`ChainError::Conflict`] for what does
    /// not extend the head, [`ChainError::Uneven`], failures of the disk.
    pub fn append(&self, block: &FinalizedBlock) -> Result<(), ChainError> {
        let _writer = self.write_lock();
        check_even(block)?;
        let number = block.block.number();
        let lowest = match self.chain_heights() {
            None => number,
            Some(heights) if number <= heights.head => return self.check_same(heights, block),
            Some(heights) => {
                check_next(heights.head, number)?;
                self.check_parent(heights.head, &block.block)?;
                heights.lowest
            }
        };
        let heights = ChainHeights { lowest, head: number };
        let mut batch = self.tables.batch();
        self.insert_block(&mut batch, block);
        self.insert_indexes(&mut batch, block);
        heights.write(&mut batch, &self.tables.meta);
        batch.commit()?;
        let FinalizedBlock { block, receipts, senders } = block.clone();
        self.cache.put_recent(Arc::new(WholeBlock::new(block, receipts, senders)));
        *self.chain.write().unwrap_or_else(PoisonError::into_inner) = Some(heights);
        Ok(())
    }

    /// Returns once everything written before is on the medium and outlives a power cut. (What is
    /// only written outlives the process.)
    pub fn persist(&self) -> Result<(), ChainError> {
        let kept = self.history_heights();
        self.tables.sync()?;
        self.keep_from.fetch_max(keep_from(kept), Ordering::SeqCst);
        Ok(())
    }

    /// Keeps a certificate of block `height`, for ever. Readers see it once the block is stored.
    pub fn put_certificate(
        &self,
        height: u64,
        certificate: &Certificate,
    ) -> Result<(), ChainError> {
        let key = encoding::height_key(height);
        Ok(self.tables.certificates.insert(key, encoding::encode_certificate(certificate))?)
    }

    /// Keeps the validators that certify the blocks of `epoch`, for ever.
    pub fn put_validators(&self, epoch: u64, set: &ValidatorSet) -> Result<(), ChainError> {
        let key = encoding::height_key(epoch);
        Ok(self.tables.validators.insert(key, encoding::encode_validators(set))?)
    }

    /// Bytes on disk, journal included.
    pub fn disk_bytes(&self) -> Result<u64, ChainError> {
        self.tables.disk_bytes()
    }

    fn insert_block(&self, batch: &mut OwnedWriteBatch, finalized: &FinalizedBlock) {
        let FinalizedBlock { block, receipts, senders } = finalized;
        let key = encoding::height_key(block.number());
        let header = encoding::encode_header(block.hash(), block.header(), block.extension());
        batch.insert(&self.tables.headers, key, header);
        let body = encoding::encode_body(senders, block.transactions());
        batch.insert(&self.tables.bodies, key, body);
        batch.insert(&self.tables.receipts, key, encoding::encode_receipts(receipts));
        batch.insert(&self.tables.numbers, block.hash().0, key);
    }

    fn insert_indexes(&self, batch: &mut OwnedWriteBatch, finalized: &FinalizedBlock) {
        let number = finalized.block.number();
        for (index, transaction) in (0..).zip(finalized.block.transactions()) {
            let location = encoding::encode_location(number, index);
            batch.insert(&self.tables.transactions, keccak256(transaction).0, location);
        }
        for term in block_terms(&finalized.receipts) {
            batch.insert(&self.tables.log_terms, term_key(term, number), []);
        }
    }

    fn check_same(&self, held: ChainHeights, offered: &FinalizedBlock) -> Result<(), ChainError> {
        let height = offered.block.number();
        if height < held.lowest {
            return Err(ChainError::Gap { next: held.head.saturating_add(1), offered: height });
        }
        let (stored, offered) = (self.stored_hash(height)?, offered.block.hash());
        if stored == offered {
            Ok(())
        } else {
            Err(ChainError::Conflict { height, stored, offered })
        }
    }

    fn check_parent(&self, head: u64, block: &Block) -> Result<(), ChainError> {
        let (stored, named) = (self.stored_hash(head)?, block.header().parent_hash);
        if stored == named {
            Ok(())
        } else {
            Err(ChainError::WrongParent { height: block.number(), stored, named })
        }
    }

    /// After opening: what the record on disk rules out may go.
    fn drop_outside_window(&self) {
        self.keep_from.store(keep_from(self.history_heights()), Ordering::SeqCst);
    }

    pub(crate) fn chain_heights(&self) -> Option<ChainHeights> {
        *self.chain.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn history_heights(&self) -> Option<HistoryHeights> {
        *self.history.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_lock(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entries of block `oldest` itself say what was before it, which nobody may ask any more.
fn keep_from(heights: Option<HistoryHeights>) -> u64 {
    heights.map_or(0, |heights| heights.oldest.saturating_add(1))
}

fn check_next(head: u64, offered: u64) -> Result<(), ChainError> {
    match head.checked_add(1) {
        Some(next) if next == offered => Ok(()),
        next => Err(ChainError::Gap { next: next.unwrap_or(head), offered }),
    }
}

fn check_even(finalized: &FinalizedBlock) -> Result<(), ChainError> {
    let FinalizedBlock { block, receipts, senders } = finalized;
    let transactions = block.transactions().len();
    if receipts.len() == transactions && senders.len() == transactions {
        return Ok(());
    }
    Err(ChainError::Uneven {
        height: block.number(),
        transactions,
        receipts: receipts.len(),
        senders: senders.len(),
    })
}
