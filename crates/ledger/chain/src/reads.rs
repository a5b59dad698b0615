//! Reading blocks, receipts, locations, certificates and old values.

use std::sync::Arc;

use alloy_primitives::{Address, B256, keccak256};
use fjall::UserValue;
use state::StateKey;
use types::{Block, Certificate, Extension, Header, Receipt, ValidatorSet};

use crate::{
    ChainError, ChainStore, ChangedSlots, OldValue, TxLocation,
    cache::WholeBlock,
    damage,
    encoding::{self, Reason},
    history::{changed_slots, read_history},
    keyspaces::{GENESIS_BODY_KEY, GENESIS_RECEIPTS_KEY},
    receipts::decode_receipts,
};

/// `None` means that there is no such block: above [`ChainStore::head`], or an unknown hash. What
/// exists but is not held (below [`ChainStore::lowest_header`] or [`ChainStore::lowest_body`]) is
/// [`ChainError::BlockPruned`]; only a transaction's hash does not tell the two apart.
impl ChainStore {
    /// Height of the newest block.
    pub fn head(&self) -> Option<u64> {
        self.chain_heights().map(|heights| heights.head)
    }

    /// Height of the oldest whole block, as [`Self::lowest_body`].
    pub fn lowest(&self) -> Option<u64> {
        self.chain_heights().map(|heights| heights.lowest_body)
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
        self.noticed(|| {
            if !self.holds_header(number)? {
                return Ok(None);
            }
            if let Some(whole) = self.cache.get(number) {
                return Ok(Some((whole.block.header().clone(), whole.block.extension().clone())));
            }
            self.load_header(number).map(Some)
        })
    }

    /// The block with its body.
    pub fn block(&self, number: u64) -> Result<Option<Arc<Block>>, ChainError> {
        Ok(self.whole(number)?.map(|whole| Arc::clone(&whole.block)))
    }

    /// Hash of the block.
    pub fn hash(&self, number: u64) -> Result<Option<B256>, ChainError> {
        self.noticed(|| {
            if !self.holds_header(number)? {
                return Ok(None);
            }
            self.stored_hash(number).map(Some)
        })
    }

    /// Height of the block with this hash.
    pub fn number(&self, hash: B256) -> Result<Option<u64>, ChainError> {
        self.noticed(|| {
            let Some(bytes) = damage::read(&self.tables.numbers, hash, "height of block", hash)?
            else {
                return Ok(None);
            };
            let number =
                encoding::height_suffix(&bytes).map_err(damaged("height of block", hash))?;
            let heights = self.chain_heights();
            Ok(Some(number).filter(|number| heights.is_some_and(|held| held.holds_header(*number))))
        })
    }

    /// Receipts of the block, one per transaction.
    pub fn receipts(&self, number: u64) -> Result<Option<Arc<Vec<Receipt>>>, ChainError> {
        Ok(self.whole(number)?.map(|whole| Arc::clone(&whole.receipts)))
    }

    /// Senders of the block's transactions, in order.
    pub fn senders(&self, number: u64) -> Result<Option<Arc<Vec<Address>>>, ChainError> {
        Ok(self.whole(number)?.map(|whole| Arc::clone(&whole.senders)))
    }

    /// Where the transaction with this hash stands; `None` also below [`Self::lowest_body`].
    pub fn transaction(&self, hash: B256) -> Result<Option<TxLocation>, ChainError> {
        let Some(location) = self.noticed(|| self.location(hash))? else {
            return Ok(None);
        };
        // The index has the first bytes of hashes, and anybody may ask for others that begin alike.
        let Some(whole) = self.whole(location.number)? else {
            return Ok(None);
        };
        let index = usize::try_from(location.index).unwrap_or(usize::MAX);
        let transaction = whole.block.transactions().get(index);
        Ok(transaction.filter(|found| keccak256(found) == hash).map(|_| location))
    }

    /// What the index has for a hash that begins like this one.
    pub(crate) fn location(&self, hash: B256) -> Result<Option<TxLocation>, ChainError> {
        let (table, key) = (&self.tables.transactions, encoding::transaction_key(&hash));
        let Some(bytes) = damage::read(table, key, "location of transaction", hash)? else {
            return Ok(None);
        };
        let (number, index) =
            encoding::decode_location(&bytes).map_err(damaged("location of transaction", hash))?;
        let held = self.chain_heights().is_some_and(|heights| heights.holds_body(number));
        Ok(held.then_some(TxLocation { number, index }))
    }

    /// The first stored certificate at or above block `number`, with the height of its block.
    pub fn certificate_at_or_above(
        &self,
        number: u64,
    ) -> Result<Option<(u64, Certificate)>, ChainError> {
        self.noticed(|| {
            let Some(head) = self.head().filter(|head| number <= *head) else {
                return Ok(None);
            };
            let range = encoding::height_key(number)..=encoding::height_key(head);
            let Some(entry) = self.tables.certificates.range(range).next() else {
                return Ok(None);
            };
            let named = damage::at(&self.tables.certificates, "certificate", number);
            let (key, value) = entry.into_inner().map_err(named)?;
            let height = encoding::height_suffix(&key).map_err(damaged("certificate", number))?;
            let certificate =
                encoding::decode_certificate(&value).map_err(damaged("certificate", height))?;
            Ok(Some((height, certificate)))
        })
    }

    /// The validators that certify the blocks of `epoch`, if they were stored.
    pub fn validators(&self, epoch: u64) -> Result<Option<ValidatorSet>, ChainError> {
        self.noticed(|| {
            let (table, key) = (&self.tables.validators, encoding::height_key(epoch));
            let Some(bytes) = damage::read(table, key, "validators", epoch)? else {
                return Ok(None);
            };
            let set = encoding::decode_validators(&bytes).map_err(damaged("validators", epoch))?;
            Ok(Some(set))
        })
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
        self.noticed(|| {
            self.check_kept(height)?;
            let value = read_history(&self.tables, key, height)?;
            // The window may have moved past the height, and its entries gone, during the read.
            self.check_kept(height)?;
            Ok(value)
        })
    }

    /// Slots of an account that blocks changed, as far as old values are kept; at most `max` of them,
    /// and not all then.
    ///
    /// They are all that the account has where nothing was dropped, since before block 1 there is no
    /// state, or where the account came after what was dropped: one that is absent has no slots.
    ///
    /// # Errors
    /// Failures of the disk.
    pub fn changed_slots(&self, address: Address, max: usize) -> Result<ChangedSlots, ChainError> {
        self.noticed(|| {
            let slots = changed_slots(&self.tables, address, max)?;
            let all = slots.len() < max && self.has_whole_history(address)?;
            Ok(ChangedSlots { slots, all })
        })
    }

    fn has_whole_history(&self, address: Address) -> Result<bool, ChainError> {
        match self.history_heights() {
            None => Ok(false),
            Some(heights) if heights.oldest == 0 => Ok(true),
            Some(heights) => {
                let key = StateKey::Account(address);
                Ok(read_history(&self.tables, &key, heights.oldest)? == OldValue::Was(None))
            }
        }
    }

    fn check_kept(&self, height: u64) -> Result<(), ChainError> {
        let oldest = self.oldest_state();
        if height < oldest { Err(ChainError::Pruned { height, oldest }) } else { Ok(()) }
    }

    /// Damage that a reading finds makes the next opening look at everything.
    fn noticed<T>(&self, read: impl FnOnce() -> Result<T, ChainError>) -> Result<T, ChainError> {
        read().inspect_err(|error| self.notice(error))
    }

    /// See [`Self::noticed`].
    pub(crate) fn notice(&self, error: &ChainError) {
        if matches!(error, ChainError::Damaged { .. }) {
            tracing::error!(%error, "restart this node to have its chain store rebuilt");
            damage::mark_suspect(self.path());
        }
    }

    /// Whether the header is held; an error where it exists elsewhere only.
    fn holds_header(&self, number: u64) -> Result<bool, ChainError> {
        match self.chain_heights() {
            Some(heights) if heights.holds_header(number) => Ok(true),
            Some(heights) if number <= heights.head => {
                Err(ChainError::BlockPruned { height: number, oldest: heights.lowest_header })
            }
            _ => Ok(false),
        }
    }

    /// Whether the body is held; an error where it exists elsewhere only.
    fn holds_body(&self, number: u64) -> Result<bool, ChainError> {
        match self.chain_heights() {
            Some(heights) if heights.holds_body(number) => Ok(true),
            Some(heights) if number <= heights.head => {
                Err(ChainError::BlockPruned { height: number, oldest: heights.lowest_body })
            }
            _ => Ok(false),
        }
    }

    /// From memory, or from disk into memory.
    fn whole(&self, number: u64) -> Result<Option<Arc<WholeBlock>>, ChainError> {
        self.noticed(|| {
            if !self.holds_body(number)? {
                return Ok(None);
            }
            if let Some(whole) = self.cache.get(number) {
                return Ok(Some(whole));
            }
            let whole = match self.load(number) {
                Ok(whole) => Arc::new(whole),
                // Retention may have passed the block during the read.
                Err(error) => return self.holds_body(number).and(Err(error)),
            };
            self.cache.put_older(Arc::clone(&whole));
            Ok(Some(whole))
        })
    }

    /// From disk; the block must be held.
    pub(crate) fn load(&self, number: u64) -> Result<WholeBlock, ChainError> {
        let (header, extension) = self.load_header(number)?;
        let bytes = match number {
            0 => damage::read(&self.tables.meta, GENESIS_BODY_KEY, "body", 0)?,
            _ => damage::read(&self.tables.bodies, encoding::height_key(number), "body", number)?,
        };
        let bytes = present(bytes, "body", number)?;
        let transactions = encoding::decode_body(&bytes).map_err(damaged("body", number))?;
        // Either way the hash tells whether header and extension are those recorded. The state root
        // of a development ledger need not follow from the extension.
        let block = match header.extra_data[..] == extension.hash()[..] {
            true => Block::as_given(header, extension, transactions),
            false => Block::new(header, extension, transactions),
        };
        let (stored, found) = (self.stored_hash(number)?, block.hash());
        if stored != found {
            let reason = format!("hash is {found}, recorded {stored}");
            return Err(damaged("header", number)(reason));
        }
        let (senders, receipts) = self.load_receipts(number)?;
        let count = block.transactions().len();
        if receipts.len() != count {
            let reason = format!("{} for {count} transactions", receipts.len());
            return Err(damaged("receipts", number)(reason));
        }
        Ok(WholeBlock::new(Arc::new(block), Arc::new(receipts), Arc::new(senders)))
    }

    pub(crate) fn load_receipts(
        &self,
        number: u64,
    ) -> Result<(Vec<Address>, Vec<Receipt>), ChainError> {
        let (table, key) = (&self.tables.receipts, encoding::height_key(number));
        let bytes = match number {
            0 => damage::read(&self.tables.meta, GENESIS_RECEIPTS_KEY, "receipts", 0)?,
            _ => damage::read(table, key, "receipts", number)?,
        };
        let bytes = present(bytes, "receipts", number)?;
        decode_receipts(&bytes).map_err(damaged("receipts", number))
    }

    pub(crate) fn load_header(&self, number: u64) -> Result<(Header, Extension), ChainError> {
        let key = encoding::height_key(number);
        let bytes = damage::read(&self.tables.headers, key, "header", number)?;
        let bytes = present(bytes, "header", number)?;
        let (header, extension) =
            encoding::decode_header(&bytes).map_err(damaged("header", number))?;
        if header.number != number {
            return Err(damaged("header", number)(format!("belongs to block {}", header.number)));
        }
        Ok((header, extension))
    }

    pub(crate) fn stored_hash(&self, number: u64) -> Result<B256, ChainError> {
        let key = encoding::height_key(number);
        let bytes = damage::read(&self.tables.headers, key, "header", number)?;
        let bytes = present(bytes, "header", number)?;
        encoding::decode_header_hash(&bytes).map_err(damaged("header", number))
    }
}

fn present(
    value: Option<UserValue>,
    what: &'static str,
    number: u64,
) -> Result<UserValue, ChainError> {
    value.ok_or_else(|| damaged(what, number)("is absent".into()))
}

fn damaged(what: &'static str, place: impl std::fmt::Display) -> impl FnOnce(Reason) -> ChainError {
    let place = place.to_string();
    move |reason| ChainError::Damaged { what, place, reason }
}
