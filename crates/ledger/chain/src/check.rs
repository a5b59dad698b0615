//! Looking whether everything in the store is right: at its ends, at one height, everywhere.

use alloy_primitives::keccak256;
use fjall::Keyspace;
use types::{receipts_root, transactions_root};

use crate::{
    ChainError, ChainStore, damage,
    heights::ChainHeights,
    log_index::{block_terms, term_key},
};

/// Blocks at each end whose index entries are looked up at opening.
const END_BLOCKS: u64 = 4;

impl ChainStore {
    /// What opening looks at: both ends of the headers and of the bodies, whole, with their index
    /// entries. What is lost with a file is mostly the newest or the oldest part of a table.
    pub(crate) fn check_ends(&self) -> Result<(), ChainError> {
        let Some(heights) = self.chain_heights() else {
            return Ok(());
        };
        let first = heights.lowest_header;
        let mut ends: Vec<u64> = (first..=heights.head).take(END_BLOCKS as usize).collect();
        ends.extend(heights.head.saturating_sub(END_BLOCKS).max(first)..=heights.head);
        ends.extend((heights.lowest_body..=heights.head).take(END_BLOCKS as usize));
        ends.extend(heights.genesis.then_some(0));
        ends.sort_unstable();
        ends.dedup();
        ends.into_iter().try_for_each(|number| self.check_block(heights, number))
    }

    /// Reads the block at `number` and compares everything about it: header with hash and
    /// extension, parent, body and receipts with the roots of the header, hash, transaction and log
    /// index. Heights that are not held are right.
    ///
    /// # Errors
    /// [`ChainError::Damaged`] with what is wrong; failures of the disk.
    pub fn check_height(&self, number: u64) -> Result<(), ChainError> {
        match self.chain_heights() {
            Some(heights) => match self.check_block(heights, number) {
                // Retention may have passed the block meanwhile.
                Err(_) if self.chain_heights().is_some_and(|now| !now.holds_body(number)) => Ok(()),
                result => result,
            },
            None => Ok(()),
        }
    }

    /// Reads everything: each entry of each table and each height, as [`Self::check_height`].
    /// Takes as long as reading the whole store does.
    ///
    /// # Errors
    /// The first damage, by name; failures of the disk.
    pub fn check_everything(&self) -> Result<(), ChainError> {
        for table in self.tables.all() {
            check_entries(table)?;
        }
        let Some(heights) = self.chain_heights() else {
            return Ok(());
        };
        (heights.lowest_header..=heights.head).try_for_each(|number| self.check_height(number))
    }

    fn check_block(&self, heights: ChainHeights, number: u64) -> Result<(), ChainError> {
        if !heights.holds_header(number) {
            return Ok(());
        }
        let wrong = |what, reason: &str| {
            let (place, reason) = (number.to_string(), reason.to_owned());
            Err(ChainError::Damaged { what, place, reason })
        };
        let (header, extension) = self.load_header(number)?;
        let hash = self.stored_hash(number)?;
        if header.hash_slow() != hash || header.extra_data[..] != extension.hash()[..] {
            return wrong("header", "does not have its hash");
        }
        let above_other = number > heights.lowest_header && heights.holds_header(number - 1);
        if above_other && self.stored_hash(number - 1)? != header.parent_hash {
            return wrong("header", "does not follow the one below");
        }
        if self.number(hash)? != Some(number) {
            return wrong("height of block", "is absent");
        }
        if !heights.holds_body(number) {
            return Ok(());
        }
        let whole = self.load(number)?;
        let transactions = whole.block.transactions();
        if transactions_root(transactions) != header.transactions_root {
            return wrong("body", "does not have the header's transactions root");
        }
        if receipts_root(&whole.receipts) != header.receipts_root {
            return wrong("receipts", "do not have the header's receipts root");
        }
        for transaction in transactions {
            let place = self.location(keccak256(transaction))?;
            if place.is_none_or(|place| place.number != number) {
                return wrong("location of a transaction of block", "is absent");
            }
        }
        let index = &self.tables.log_terms;
        for term in block_terms(&whole.receipts) {
            let found = damage::read(index, term_key(term, number), "log index", number)?;
            if found.is_none() {
                return wrong("log index", "lacks an entry");
            }
        }
        Ok(())
    }
}

/// Reads every entry, which makes the engine verify every block of every file.
fn check_entries(table: &Keyspace) -> Result<(), ChainError> {
    for (read, entry) in table.iter().enumerate() {
        let place = format!("entry {read}");
        entry.into_inner().map_err(damage::at(table, "a file", place))?;
    }
    Ok(())
}
