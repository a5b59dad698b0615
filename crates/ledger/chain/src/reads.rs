//! Reading blocks, receipts, locations, certificates and old values.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use fjall::{Keyspace, UserValue};
use state::StateKey;
use types::{Block, Certificate, Extension, Header, Receipt, ValidatorSet};

use crate::{
    ChainError, ChainStore, OldValue, TxLocation,
    cache::WholeBlock,
    encoding::{self, Reason},
    history::read_history,
};

/// `None` means that this node does not hold the block: above [`ChainStore::head`], below
/// [`ChainStore::lowest`], or an unknown hash.
impl ChainStore {
    /// Height of the newest block.
    pub fn head(&self) -> Option<u64> {
        self.chain_heights().map(|heights| heights.head)
    }

    /// Height of the oldest block.
    pub fn lowest(&self) -> Option<u64> {
        self.chain_heights().map(|heights| heights.lowest)
    }

    /// Height of the last block given to [`Self::append_history`].
    pub fn history_head(&self) -> Option<u64> {
        self.history_heights().map(|heights| heights.head)
    }

    /// The oldest height that [`Self::value_after`] answers.
    pub fn oldest_state(&self) -> u64 {
        let history = self.history_heights().map(|heights| heights.oldest);
        history.or_else(|| self.head()).unwrap_or(0)
    }

    /// Header and extension.
    pub fn header(&self, number: u64) -> Result<Option<(Header, Extension)>, ChainError> {
        if !self.holds(number) {
            return Ok(None);
        }
        if let Some(whole) = self.cache.get(number) {
            return Ok(Some((whole.block.header().clone(), whole.block.extension().clone())));
        }
        self.load_header(number).map(Some)
    }

    /// The block with its body.
    pub fn block(&self, number: u64) -> Result<Option<Arc<Block>>, ChainError> {
        Ok(self.whole(number)?.map(|whole| Arc::clone(&whole.block)))
    }

    /// Hash of the block.
    pub fn hash(&self, number: u64) -> Result<Option<B256>, ChainError> {
        if !self.holds(number) {
            return Ok(None);
        }
        self.stored_hash(number).map(Some)
    }

    /// Height of the block with this hash.
    pub fn number(&self, hash: B256) -> Result<Option<u64>, ChainError> {
        let Some(bytes) = self.tables.numbers.get(hash)? else {
            return Ok(None);
        };
        let number = encoding::height_suffix(&bytes).map_err(damaged("height of block", hash))?;
        Ok(Some(number).filter(|number| self.holds(*number)))
    }

    /// Receipts of the block, one per transaction.
    pub fn receipts(&self, number: u64) -> Result<Option<Arc<Vec<Receipt>>>, ChainError> {
        Ok(self.whole(number)?.map(|whole| Arc::clone(&whole.receipts)))
    }

    /// Senders of the block's transactions, in order.
    pub fn senders(&self, number: u64) -> Result<Option<Arc<Vec<Address>>>, ChainError> {
        Ok(self.whole(number)?.map(|whole| Arc::clone(&whole.senders)))
    }

    /// Where the transaction with this hash stands.
    pub fn transaction(&self, hash: B256) -> Result<Option<TxLocation>, ChainError> {
        let Some(bytes) = self.tables.transactions.get(hash)? else {
            return Ok(None);
        };
        let (number, index) =
            encoding::decode_location(&bytes).map_err(damaged("location of transaction", hash))?;
        Ok(Some(TxLocation { number, index }).filter(|location| self.holds(location.number)))
    }

    /// The first stored certificate at or above block `number`, with the height of its block.
    pub fn certificate_at_or_above(
        &self,
        number: u64,
    ) -> Result<Option<(u64, Certificate)>, ChainError> {
        let Some(head) = self.head().filter(|head| number <= *head) else {
            return Ok(None);
        };
        let range = encoding::height_key(number)..=encoding::height_key(head);
        let Some(entry) = self.tables.certificates.range(range).next() else {
            return Ok(None);
        };
        let (key, value) = entry.into_inner()?;
        let height = encoding::height_suffix(&key).map_err(damaged("certificate", number))?;
        let certificate =
            encoding::decode_certificate(&value).map_err(damaged("certificate", height))?;
        Ok(Some((height, certificate)))
    }

    /// The validators that certify the blocks of `epoch`, if they were stored.
    pub fn validators(&self, epoch: u64) -> Result<Option<ValidatorSet>, ChainError> {
        let Some(bytes) = self.tables.validators.get(encoding::height_key(epoch))? else {
            return Ok(None);
        };
        let set = encoding::decode_validators(&bytes).map_err(damaged("validators", epoch))?;
        Ok(Some(set))
    }

    /// What `key` held after block `height`.
    ///
    /// To read an old value while blocks are being applied, read the *current* value from the
    /// state first and ask here second: since [`Self::append_history`] comes before the state
    /// applies a block, `Unchanged` then means that the value read is the one of `height`.
    ///
    /// # Errors
    /// [`ChainError::Pruned`] below [`Self::oldest_state`]; failures of the disk.
    pub fn value_after(&self, key: &StateKey, height: u64) -> Result<OldValue, ChainError> {
        self.check_kept(height)?;
        let value = read_history(&self.tables, key, height)?;
        // The window may have moved past the height, and its entries gone, during the read.
        self.check_kept(height)?;
        Ok(value)
    }

    fn check_kept(&self, height: u64) -> Result<(), ChainError> {
        let oldest = self.oldest_state();
        if height < oldest { Err(ChainError::Pruned { height, oldest }) } else { Ok(()) }
    }

    fn holds(&self, number: u64) -> bool {
        self.chain_heights().is_some_and(|heights| heights.holds(number))
    }

    /// From memory, or from disk into memory.
    fn whole(&self, number: u64) -> Result<Option<Arc<WholeBlock>>, ChainError> {
        if !self.holds(number) {
            return Ok(None);
        }
        if let Some(whole) = self.cache.get(number) {
            return Ok(Some(whole));
        }
        let whole = Arc::new(self.load(number)?);
        self.cache.put_older(Arc::clone(&whole));
        Ok(Some(whole))
    }

    /// From disk; the block must be held.
    pub(crate) fn load(&self, number: u64) -> Result<WholeBlock, ChainError> {
        let (header, extension) = self.load_header(number)?;
        let bytes = required(&self.tables.bodies, "body", number)?;
        let (senders, transactions) =
            encoding::decode_body(&bytes).map_err(damaged("body", number))?;
        let block = Block::new(header, extension, transactions);
        let (stored, found) = (self.stored_hash(number)?, block.hash());
        if stored != found {
            let reason = format!("hash is {found}, recorded {stored}");
            return Err(damaged("header", number)(reason));
        }
        let receipts = self.load_receipts(number)?;
        Ok(WholeBlock::new(Arc::new(block), receipts, senders))
    }

    pub(crate) fn load_receipts(&self, number: u64) -> Result<Vec<Receipt>, ChainError> {
        let bytes = required(&self.tables.receipts, "receipts", number)?;
        encoding::decode_receipts(&bytes).map_err(damaged("receipts", number))
    }

    fn load_header(&self, number: u64) -> Result<(Header, Extension), ChainError> {
        let bytes = required(&self.tables.headers, "header", number)?;
        let (header, extension) =
            encoding::decode_header(&bytes).map_err(damaged("header", number))?;
        if header.number != number {
            return Err(damaged("header", number)(format!("belongs to block {}", header.number)));
        }
        Ok((header, extension))
    }

    pub(crate) fn stored_hash(&self, number: u64) -> Result<B256, ChainError> {
        let bytes = required(&self.tables.headers, "header", number)?;
        encoding::decode_header_hash(&bytes).map_err(damaged("header", number))
    }
}

fn required(table: &Keyspace, what: &'static str, number: u64) -> Result<UserValue, ChainError> {
    let value = table.get(encoding::height_key(number))?;
    value.ok_or_else(|| damaged(what, number)("is absent".into()))
}

fn damaged(what: &'static str, place: impl std::fmt::Display) -> impl FnOnce(Reason) -> ChainError {
    let place = place.to_string();
    move |reason| ChainError::Damaged { what, place, reason }
}
