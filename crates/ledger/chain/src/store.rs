//! The store itself: opening and writing. Reading is in `reads` and `logs`.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use alloy_primitives::{B256, keccak256};
use fjall::OwnedWriteBatch;
use state::StateDiff;
use types::{Block, Certificate, ValidatorSet};

use crate::{
    ChainError, ChainOptions, FinalizedBlock,
    cache::{BlockCache, WholeBlock},
    damage, encoding,
    heights::{ChainHeights, HistoryHeights, retention_floor},
    history::history_batch,
    keyspaces::{GENESIS_BODY_KEY, GENESIS_RECEIPTS_KEY, Keyspaces},
    log_index::{block_terms, term_key},
    receipts::encode_receipts,
    retention::{KeepFrom, Reclaimer},
    stamps::{Stamped, Stamps},
};

/// Finalized blocks of one ledger. Share it behind an [`Arc`]; every method may be called from any
/// thread. Calls block on the disk for microseconds, [`Self::persist`] for as long as an fsync
/// takes and [`Self::logs`](Self::logs) for as long as its limits allow.
pub struct ChainStore {
    /// First, so that its thread ends before the tables close.
    reclaimer: Option<Reclaimer>,
    path: PathBuf,
    stamps: Stamps,
    pub(crate) tables: Keyspaces,
    pub(crate) cache: BlockCache,
    chain: RwLock<Option<ChainHeights>>,
    history: RwLock<Option<HistoryHeights>>,
    options: ChainOptions,
    keep_values_from: KeepFrom,
    keep_bodies_from: KeepFrom,
    /// Held by whoever writes; readers never take it.
    writer: Mutex<()>,
}

impl ChainStore {
    /// Opens the store in directory `path`, creating it where there is none. One process at a time
    /// may have it open. Whatever a killed process left behind, the store holds whole blocks only.
    pub fn open(path: &Path, options: ChainOptions) -> Result<Self, ChainError> {
        damage::recovered(|| Self::open_checked(path, options))
    }

    fn open_checked(path: &Path, options: ChainOptions) -> Result<Self, ChainError> {
        let (values, bodies) = (KeepFrom::default(), KeepFrom::default());
        let tables = Keyspaces::open(path, values.clone(), bodies.clone())?;
        let genesis = damage::read(&tables.headers, encoding::height_key(0), "header", 0)?;
        let chain = ChainHeights::read(&tables.meta, genesis.is_some())?;
        let history = HistoryHeights::read(&tables.meta)?;
        let ordered = vec![tables.bodies.clone(), tables.receipts.clone()];
        let reclaimer = options.retained_blocks.map(|blocks| Reclaimer::start(blocks, ordered));
        let store = Self {
            reclaimer: reclaimer.transpose().map_err(fjall::Error::Io)?,
            path: path.to_owned(),
            stamps: Stamps::open(&tables)?,
            tables,
            cache: BlockCache::default(),
            chain: RwLock::new(chain),
            history: RwLock::new(history),
            options,
            keep_values_from: values,
            keep_bodies_from: bodies,
            writer: Mutex::new(()),
        };
        store.drop_outside_retention()?;
        store.check_ends()?;
        if damage::is_suspect(path) {
            tracing::warn!("damage was suspected, reading the whole chain store");
            store.check_everything()?;
            damage::clear_suspect(path);
        }
        store.restore_lost_validators()?;
        tracing::info!(path = %path.display(), ?chain, ?history, "chain store open");
        Ok(store)
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
        let mut batch = history_batch(&self.tables, heights, diff);
        self.stamps.count(&self.tables, &mut batch, Stamped::History);
        self.commit(batch)?;
        self.set_history(heights);
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
        let heights = match self.chain_heights() {
            None => ChainHeights {
                genesis: number == 0,
                lowest_header: number,
                lowest_body: number,
                head: number,
                island: None,
            },
            Some(held) if number <= held.head => return self.check_same(held, &block.block),
            Some(held) => {
                check_next(held.head, number)?;
                self.check_parent(held.head, &block.block)?;
                ChainHeights { head: number, ..held }
            }
        };
        let heights = heights.settled(self.options.retained_blocks);
        let mut batch = self.tables.batch();
        self.insert_block(&mut batch, block);
        self.insert_indexes(&mut batch, block);
        if number == 0 {
            self.restore_from_beside(&mut batch, block.block.hash());
        }
        heights.write(&mut batch, &self.tables.meta);
        self.commit(batch)?;
        let FinalizedBlock { block, receipts, senders } = block.clone();
        self.cache.put_recent(Arc::new(WholeBlock::new(block, receipts, senders)));
        self.set_chain(heights);
        Ok(())
    }

    /// Returns once everything written before is on the medium and outlives a power cut. (What is
    /// only written outlives the process.)
    pub fn persist(&self) -> Result<(), ChainError> {
        let (chain, history) = (self.chain_heights(), self.history_heights());
        self.tables.sync().inspect_err(|_| damage::mark_suspect(&self.path))?;
        self.may_go(chain, history);
        Ok(())
    }

    /// Commits a batch. After a failure the engine takes no further write, so that the next opening
    /// looks for the cause.
    pub(crate) fn commit(&self, batch: OwnedWriteBatch) -> Result<(), ChainError> {
        batch.commit().map_err(|error| {
            damage::mark_suspect(&self.path);
            error.into()
        })
    }

    /// Given heights that are on the medium: what they rule out may leave the disk.
    fn may_go(&self, chain: Option<ChainHeights>, history: Option<HistoryHeights>) {
        // The entries of the oldest block itself say what was before it, which nobody may ask.
        self.keep_values_from.raise(history.map_or(0, |heights| heights.oldest.saturating_add(1)));
        let head = chain.map_or(0, |heights| heights.head);
        let floor = retention_floor(head, self.options.retained_blocks);
        self.keep_bodies_from.raise(floor);
        if let Some(reclaimer) = &self.reclaimer {
            reclaimer.reached(floor);
        }
    }

    /// After opening, perhaps with less to be retained than before.
    fn drop_outside_retention(&self) -> Result<(), ChainError> {
        if let Some(held) = self.chain_heights() {
            let heights = held.settled(self.options.retained_blocks);
            if heights != held {
                let mut batch = self.tables.batch();
                heights.write(&mut batch, &self.tables.meta);
                self.commit(batch)?;
                self.set_chain(heights);
            }
        }
        self.persist()
    }

    /// Keeps a certificate of block `height`, for ever. Readers see it once the block is stored.
    pub fn put_certificate(
        &self,
        height: u64,
        certificate: &Certificate,
    ) -> Result<(), ChainError> {
        let _writer = self.write_lock();
        let (key, value) =
            (encoding::height_key(height), encoding::encode_certificate(certificate));
        let mut batch = self.tables.batch();
        batch.insert(&self.tables.certificates, key, value);
        self.stamps.count(&self.tables, &mut batch, Stamped::Certificates);
        self.commit(batch)
    }

    /// Keeps the validators that certify the blocks of `epoch`, for ever.
    pub fn put_validators(&self, epoch: u64, set: &ValidatorSet) -> Result<(), ChainError> {
        let _writer = self.write_lock();
        let (key, value) = (encoding::height_key(epoch), encoding::encode_validators(set));
        let mut batch = self.tables.batch();
        batch.insert(&self.tables.validators, key, value);
        self.stamps.count(&self.tables, &mut batch, Stamped::Validators);
        self.commit(batch)?;
        self.keep_beside(epoch, set)
    }

    /// Bytes on disk, journal included.
    pub fn disk_bytes(&self) -> Result<u64, ChainError> {
        self.tables.disk_bytes()
    }

    fn insert_block(&self, batch: &mut OwnedWriteBatch, finalized: &FinalizedBlock) {
        let block = &finalized.block;
        self.insert_header(batch, block.hash(), block.header(), block.extension());
        self.insert_body(batch, finalized);
    }

    pub(crate) fn insert_body(&self, batch: &mut OwnedWriteBatch, finalized: &FinalizedBlock) {
        let FinalizedBlock { block, receipts, senders } = finalized;
        let key = encoding::height_key(block.number());
        let body = encoding::encode_body(block.transactions());
        let receipts = encode_receipts(senders, receipts);
        if block.number() == 0 {
            batch.insert(&self.tables.meta, GENESIS_BODY_KEY, body);
            batch.insert(&self.tables.meta, GENESIS_RECEIPTS_KEY, receipts);
        } else {
            batch.insert(&self.tables.bodies, key, body);
            batch.insert(&self.tables.receipts, key, receipts);
        }
    }

    pub(crate) fn insert_indexes(&self, batch: &mut OwnedWriteBatch, finalized: &FinalizedBlock) {
        let number = finalized.block.number();
        for (index, transaction) in (0..).zip(finalized.block.transactions()) {
            let location = encoding::encode_location(number, index);
            let hash = keccak256(transaction);
            batch.insert(&self.tables.transactions, encoding::transaction_key(&hash), location);
        }
        let terms = block_terms(&finalized.receipts);
        for term in &terms {
            batch.insert(&self.tables.log_terms, term_key(*term, number), []);
        }
        if !finalized.block.transactions().is_empty() {
            self.stamps.count(&self.tables, batch, Stamped::Transactions);
        }
        if !terms.is_empty() {
            self.stamps.count(&self.tables, batch, Stamped::LogTerms);
        }
    }

    /// Whether a block at or below the head is the stored one.
    pub(crate) fn check_same(&self, held: ChainHeights, offered: &Block) -> Result<(), ChainError> {
        let height = offered.number();
        if !held.holds_header(height) {
            return Err(ChainError::Gap { next: held.head.saturating_add(1), offered: height });
        }
        self.check_stored(height, offered.hash())
    }

    /// Whether the held block at `height` has the hash `offered`.
    pub(crate) fn check_stored(&self, height: u64, offered: B256) -> Result<(), ChainError> {
        let stored = self.stored_hash(height)?;
        if stored == offered {
            Ok(())
        } else {
            Err(ChainError::Conflict { height, stored, offered })
        }
    }

    pub(crate) fn check_parent(&self, head: u64, block: &Block) -> Result<(), ChainError> {
        let (stored, named) = (self.stored_hash(head)?, block.header().parent_hash);
        if stored == named {
            Ok(())
        } else {
            Err(ChainError::WrongParent { height: block.number(), stored, named })
        }
    }

    pub(crate) fn chain_heights(&self) -> Option<ChainHeights> {
        *self.chain.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn history_heights(&self) -> Option<HistoryHeights> {
        *self.history.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_chain(&self, heights: ChainHeights) {
        *self.chain.write().unwrap_or_else(PoisonError::into_inner) = Some(heights);
    }

    pub(crate) fn set_history(&self, heights: HistoryHeights) {
        *self.history.write().unwrap_or_else(PoisonError::into_inner) = Some(heights);
    }

    pub(crate) fn stamps(&self) -> &Stamps {
        &self.stamps
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn retained_blocks(&self) -> Option<u64> {
        self.options.retained_blocks
    }

    pub(crate) fn write_lock(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_next(head: u64, offered: u64) -> Result<(), ChainError> {
    match head.checked_add(1) {
        Some(next) if next == offered => Ok(()),
        next => Err(ChainError::Gap { next: next.unwrap_or(head), offered }),
    }
}

pub(crate) fn check_even(finalized: &FinalizedBlock) -> Result<(), ChainError> {
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
