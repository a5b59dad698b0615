//! Chains that do not begin with block 1: a node that joined by state sync starts at an anchor and
//! fetches what lies below it later, headers first.
//!
//! Headers are taken downwards from the anchor, each because the one above names its hash, so a
//! peer can send nothing but the chain that was certified. Bodies follow downwards as well, each
//! because the stored header names the roots of its transactions and receipts.

use alloy_primitives::B256;
use fjall::OwnedWriteBatch;
use types::{Block, Extension, Header, receipts_root, transactions_root};

use crate::{
    ChainError, ChainStore, FinalizedBlock, encoding,
    heights::{ChainHeights, HistoryHeights, retention_floor},
    store::check_even,
};

/// Headers in one call of [`ChainStore::backfill_headers`].
pub const BACKFILL_HEADERS_MAX: usize = 1_024;
/// Blocks in one call of [`ChainStore::backfill_bodies`].
pub const BACKFILL_BODIES_MAX: usize = 64;

impl ChainStore {
    /// Makes `anchor`, a final block whose state this node holds, the head of a store that does not
    /// reach it: one with block 0 only, or one that has fallen behind its state. The store then has
    /// the anchor's header, neither its body nor its receipts; [`Self::append`] goes on at the next
    /// height, and so does [`Self::append_history`] (old values can be read from the anchor on).
    /// Of what the store held before, block 0 stays; the rest counts again once headers and
    /// bodies are filled down to it. Joining again at a stored block is no error and changes
    /// nothing.
    ///
    /// # Errors
    /// [`ChainError::AlreadyFilled`] in a gap below the head; [`ChainError::Conflict`] if the store
    /// holds another block at that height, [`ChainError::WrongParent`] if the anchor follows the head and does not name
    /// it; failures of the disk.
    pub fn join(&self, anchor: &Block) -> Result<(), ChainError> {
        let _writer = self.write_lock();
        let number = anchor.number();
        let held = self.chain_heights();
        if let Some(heights) = held {
            if heights.holds_header(number) {
                return self.check_same(heights, anchor);
            }
            if number <= heights.head {
                return Err(ChainError::AlreadyFilled { head: heights.head });
            }
            if number == heights.head.saturating_add(1) {
                self.check_parent(heights.head, anchor)?;
            }
        }
        let heights = ChainHeights::joined(held, number).settled(self.retained_blocks());
        let history = HistoryHeights { oldest: number, head: number };
        let mut batch = self.tables.batch();
        self.insert_header(&mut batch, anchor.hash(), anchor.header(), anchor.extension());
        heights.write(&mut batch, &self.tables.meta);
        history.write(&mut batch, &self.tables.meta);
        self.commit(batch)?;
        self.set_history(history);
        self.set_chain(heights);
        Ok(())
    }

    /// Height of the oldest header, block 0 aside while there is a gap above it.
    pub fn lowest_header(&self) -> Option<u64> {
        self.chain_heights().map(|heights| heights.lowest_header)
    }

    /// Height of the oldest body, with receipts and indexes, block 0 aside while there is a gap
    /// above it. One more than the head right after [`Self::join`].
    pub fn lowest_body(&self) -> Option<u64> {
        self.chain_heights().map(|heights| heights.lowest_body)
    }

    /// The only height that [`Self::backfill_header`] takes now; `None` once the headers are
    /// complete.
    pub fn next_header_to_backfill(&self) -> Option<u64> {
        self.chain_heights()?.lowest_header.checked_sub(1)
    }

    /// The only height that [`Self::backfill_body`] takes now, provided that its header is there;
    /// `None` once all bodies that this node is meant to keep are there.
    pub fn next_body_to_backfill(&self) -> Option<u64> {
        let heights = self.chain_heights()?;
        let next = heights.lowest_body.checked_sub(1)?;
        (next >= retention_floor(heights.head, self.retained_blocks())).then_some(next)
    }

    /// Adds the header below the oldest one: [`Self::backfill_headers`] for one.
    ///
    /// # Errors
    /// As there.
    pub fn backfill_header(&self, header: Header, extension: Extension) -> Result<(), ChainError> {
        self.backfill_headers(&[(header, extension)])
    }

    /// Adds headers with their extensions, downwards from the oldest one, all or none. Those that
    /// are stored already change nothing. The headers are complete when block 1 is there and
    /// names the stored block 0.
    ///
    /// # Errors
    /// [`ChainError::BatchTooLong`] beyond [`BACKFILL_HEADERS_MAX`], [`ChainError::Gap`],
    /// [`ChainError::NotInChain`] for what the header above does not name,
    /// [`ChainError::Conflict`] for another header than the stored one, failures of the disk.
    pub fn backfill_headers(&self, headers: &[(Header, Extension)]) -> Result<(), ChainError> {
        check_length(headers.len(), BACKFILL_HEADERS_MAX)?;
        let _writer = self.write_lock();
        let Some(mut heights) = self.chain_heights() else {
            return Err(ChainError::Empty);
        };
        let mut batch = self.tables.batch();
        let mut above = self.load_header(heights.lowest_header)?.0;
        for (header, extension) in headers {
            let hash = header.hash_slow();
            if (heights.lowest_header..=heights.head).contains(&header.number) {
                self.check_stored(header.number, hash)?;
                // The run may have met older blocks just now: what is below follows their lowest.
                if header.number == heights.lowest_header {
                    above = header.clone();
                }
                continue;
            }
            check_below(heights.lowest_header, header.number)?;
            let height = header.number;
            check_named(height, "header", above.parent_hash, hash)?;
            let named = B256::try_from(&header.extra_data[..]).unwrap_or_default();
            check_named(height, "extension", named, extension.hash())?;
            if let Some(below) = height.checked_sub(1).filter(|below| heights.reaches(*below)) {
                check_named(below, "header", header.parent_hash, self.stored_hash(below)?)?;
            }
            self.insert_header(&mut batch, hash, header, extension);
            heights.lowest_header = height;
            heights = heights.settled(self.retained_blocks());
            above = header.clone();
        }
        heights.write(&mut batch, &self.tables.meta);
        self.commit(batch)?;
        self.set_chain(heights);
        Ok(())
    }

    /// Adds the body below the oldest one: [`Self::backfill_bodies`] for one.
    ///
    /// # Errors
    /// As there.
    pub fn backfill_body(&self, block: &FinalizedBlock) -> Result<(), ChainError> {
        self.backfill_bodies(std::slice::from_ref(block))
    }

    /// Adds bodies with receipts, senders, transaction and log index, downwards from the oldest
    /// one, all or none. Those that are stored already change nothing. Senders are taken as they
    /// are: the caller recovers them from the signatures.
    ///
    /// # Errors
    /// [`ChainError::BatchTooLong`] beyond [`BACKFILL_BODIES_MAX`], [`ChainError::Gap`] also where
    /// the header is missing, [`ChainError::NotInChain`] for what does not have the roots of the
    /// stored header, [`ChainError::Uneven`], [`ChainError::BlockPruned`] below the blocks that
    /// this node keeps, failures of the disk.
    pub fn backfill_bodies(&self, blocks: &[FinalizedBlock]) -> Result<(), ChainError> {
        check_length(blocks.len(), BACKFILL_BODIES_MAX)?;
        let _writer = self.write_lock();
        let Some(mut heights) = self.chain_heights() else {
            return Err(ChainError::Empty);
        };
        let floor = retention_floor(heights.head, self.retained_blocks());
        let mut batch = self.tables.batch();
        for finalized in blocks {
            let height = finalized.block.number();
            if (heights.lowest_body..=heights.head).contains(&height) {
                self.check_stored(height, finalized.block.hash())?;
                continue;
            }
            check_below(heights.lowest_body, height)?;
            if height < floor {
                return Err(ChainError::BlockPruned { height, oldest: floor });
            }
            if height < heights.lowest_header {
                let next = heights.lowest_header;
                return Err(ChainError::Gap { next, offered: height });
            }
            self.check_body(finalized)?;
            self.insert_body(&mut batch, finalized);
            self.insert_indexes(&mut batch, finalized);
            heights.lowest_body = height;
            heights = heights.settled(self.retained_blocks());
        }
        heights.write(&mut batch, &self.tables.meta);
        self.commit(batch)?;
        self.set_chain(heights);
        Ok(())
    }

    /// Whether the parts are those of the stored header.
    fn check_body(&self, finalized: &FinalizedBlock) -> Result<(), ChainError> {
        let FinalizedBlock { block, receipts, .. } = finalized;
        check_even(finalized)?;
        let height = block.number();
        check_named(height, "header", self.stored_hash(height)?, block.hash())?;
        let (header, _) = self.load_header(height)?;
        let offered = transactions_root(block.transactions());
        check_named(height, "list of transactions", header.transactions_root, offered)?;
        check_named(height, "list of receipts", header.receipts_root, receipts_root(receipts))
    }

    pub(crate) fn insert_header(
        &self,
        batch: &mut OwnedWriteBatch,
        hash: B256,
        header: &Header,
        extension: &Extension,
    ) {
        let key = encoding::height_key(header.number);
        let value = encoding::encode_header(hash, header, extension);
        batch.insert(&self.tables.headers, key, value);
        batch.insert(&self.tables.numbers, hash.0, key);
    }
}

fn check_length(count: usize, limit: usize) -> Result<(), ChainError> {
    if count <= limit { Ok(()) } else { Err(ChainError::BatchTooLong { count, limit }) }
}

fn check_below(lowest: u64, offered: u64) -> Result<(), ChainError> {
    let next = lowest.saturating_sub(1);
    if lowest > 0 && offered == next { Ok(()) } else { Err(ChainError::Gap { next, offered }) }
}

fn check_named(
    height: u64,
    what: &'static str,
    named: B256,
    offered: B256,
) -> Result<(), ChainError> {
    if named == offered {
        Ok(())
    } else {
        Err(ChainError::NotInChain { height, what, named, offered })
    }
}
