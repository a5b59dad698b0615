//! What one call sees of the chain: everything up to the head it started with, nothing beyond.
//!
//! The head is read once per call, so a receipt, its block and the state it changed are visible
//! together or not at all.

use std::sync::{Arc, OnceLock};

use alloy_primitives::{Address, B256};
use chain::TxLocation;
use ledger_api::{Blocks, ChainBlock, Head, Ledger, PendingBlock};
use state::{StateKey, StateValue};
use types::{Extension, Header, Receipt};

use crate::{block_id::BlockId, error::RpcError};

/// The chain up to one head.
#[derive(Clone)]
pub struct View {
    ledger: Arc<dyn Ledger>,
    head: Head,
    /// The block after the head, once it was asked for where there is one.
    pending: Arc<OnceLock<Option<PendingBlock>>>,
}

/// A block with its receipts and senders, all from the store.
pub struct Executed {
    /// The block.
    pub block: ChainBlock,
    /// One per transaction.
    pub receipts: Arc<Vec<Receipt>>,
    /// One per transaction.
    pub senders: Arc<Vec<Address>>,
    /// State roots in place of the receipts' status, where there are such.
    pub post_states: Option<Arc<Vec<B256>>>,
}

impl View {
    /// Up to the present head.
    pub fn new(ledger: &Arc<dyn Ledger>) -> Self {
        Self { ledger: ledger.clone(), head: ledger.head(), pending: Arc::default() }
    }

    /// The head.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The ledger.
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.ledger
    }

    fn chain(&self) -> &dyn Blocks {
        self.ledger.blocks()
    }

    /// Height of a block, `None` where it is not visible.
    pub fn number(&self, id: BlockId) -> Result<Option<u64>, RpcError> {
        let number = match id {
            BlockId::Latest | BlockId::Pending => self.head.number,
            BlockId::Earliest => 0,
            BlockId::Number(number) => number,
            BlockId::Hash(hash) if hash == self.head.hash => self.head.number,
            BlockId::Hash(hash) => match self.chain().number(hash)? {
                Some(number) => number,
                None => return Ok(None),
            },
        };
        Ok((number <= self.head.number).then_some(number))
    }

    /// The same; `pending` is the block that a development ledger would make now. Everywhere else
    /// the next block is not known before validators agree on it, and `pending` is the head.
    pub fn number_or_pending(&self, id: BlockId) -> Result<Option<u64>, RpcError> {
        let development = match id {
            BlockId::Pending => self.ledger.development(),
            _ => None,
        };
        if let Some(development) = development
            && self.pending.get().is_none()
        {
            let made = development.pending().map_err(RpcError::internal)?;
            let next = made.block.block.header().parent_hash == self.head.hash;
            // Whoever was quicker has the same block.
            let _ = self.pending.set(next.then_some(made));
        }
        match self.pending_block() {
            Some(pending) if id == BlockId::Pending => Ok(Some(pending.block.block.number())),
            _ => self.number(id),
        }
    }

    /// The same of a block that must be there.
    pub fn known_or_pending(&self, id: BlockId) -> Result<u64, RpcError> {
        self.number_or_pending(id)?.ok_or_else(RpcError::unknown_block)
    }

    fn pending_block(&self) -> Option<&PendingBlock> {
        self.pending.get().and_then(Option::as_ref)
    }

    /// The block at `number`, where it is the one after the head and was asked for.
    pub fn pending_at(&self, number: u64) -> Option<&PendingBlock> {
        self.pending_block().filter(|pending| pending.block.block.number() == number)
    }

    /// Height of a block that must be visible.
    pub fn known(&self, id: BlockId) -> Result<u64, RpcError> {
        self.number(id)?.ok_or_else(RpcError::unknown_block)
    }

    /// Height whose state answers questions at `number`. The genesis allocation is carried out by
    /// block 1, so questions at block 0 are answered as after it once block 1 is final.
    pub fn state_height(&self, number: u64) -> u64 {
        number.max(self.ledger.first_state().min(self.head.number))
    }

    /// Header of a visible block, with the extension where it has one.
    pub fn header(&self, number: u64) -> Result<Option<(Header, Option<Extension>)>, RpcError> {
        if let Some(PendingBlock { block, .. }) = self.pending_at(number) {
            let (header, extension) = (block.block.header(), block.block.extension());
            return Ok(Some((header.clone(), Some(extension.clone()))));
        }
        if number > self.head.number {
            return Ok(None);
        }
        Ok(self.chain().header(number)?)
    }

    /// Header of a block at or below the head, which must be in the store.
    pub fn present_header(&self, number: u64) -> Result<(Header, Option<Extension>), RpcError> {
        self.header(number)?.ok_or_else(RpcError::unknown_block)
    }

    /// Hash of a visible block.
    pub fn hash(&self, number: u64) -> Result<Option<B256>, RpcError> {
        if number > self.head.number {
            return Ok(None);
        }
        Ok(self.chain().hash(number)?)
    }

    /// A visible block.
    pub fn block(&self, number: u64) -> Result<Option<ChainBlock>, RpcError> {
        if let Some(pending) = self.pending_at(number) {
            return Ok(Some(ChainBlock::Own(pending.block.block.clone())));
        }
        if number > self.head.number {
            return Ok(None);
        }
        Ok(self.chain().block(number)?)
    }

    /// A visible block with what its execution found out.
    pub fn executed(&self, number: u64) -> Result<Option<Executed>, RpcError> {
        let Some(block) = self.block(number)? else {
            return Ok(None);
        };
        if let Some(PendingBlock { block: made, .. }) = self.pending_at(number) {
            let (receipts, senders) = (made.receipts.clone(), made.senders.clone());
            return Ok(Some(Executed { block, receipts, senders, post_states: None }));
        }
        let missing = |what| RpcError::internal(format_args!("block {number} has no {what}"));
        let receipts = self.chain().receipts(number)?;
        let senders = self.chain().senders(number)?;
        let receipts = receipts.ok_or_else(|| missing("receipts"))?;
        let senders = senders.ok_or_else(|| missing("senders"))?;
        let count = block.transactions().len();
        if receipts.len() != count || senders.len() != count {
            return Err(missing("complete receipts and senders"));
        }
        let post_states = self.chain().post_states(number);
        Ok(Some(Executed { block, receipts, senders, post_states }))
    }

    /// Wei per gas of blobs in a block; `None` where it has no such field.
    pub fn blob_base_fee(&self, header: &Header) -> Option<u128> {
        let rules = self.ledger.rules(header.number);
        let blobs = rules.and_then(|rules| rules.blobs);
        let excess = header.excess_blob_gas?;
        Some(blobs.map_or(execution::BLOB_BASE_FEE_MIN, |blobs| blobs.calc_blob_fee(excess)))
    }

    /// Place of a visible transaction.
    pub fn transaction(&self, hash: B256) -> Result<Option<TxLocation>, RpcError> {
        let place = self.chain().transaction(hash)?;
        Ok(place.filter(|place| place.number <= self.head.number))
    }

    /// Values after block `number`.
    pub async fn values(
        &self,
        number: u64,
        keys: Vec<StateKey>,
    ) -> Result<Vec<Option<StateValue>>, RpcError> {
        let count = keys.len();
        let changes = self.pending_at(number).map(|pending| &pending.changes);
        let changed = changes.map(|changes| keys.iter().map(|key| changes.get(key)).collect());
        let changed: Vec<Option<&Option<StateValue>>> = changed.unwrap_or_default();
        let mut values = self.ledger.read_state(self.stored_height(number), keys).await?;
        if values.len() != count {
            let text = "the state answered another number of values than asked";
            return Err(RpcError::internal(text));
        }
        for (value, changed) in values.iter_mut().zip(changed) {
            if let Some(changed) = changed {
                value.clone_from(changed);
            }
        }
        Ok(values)
    }

    /// Height whose state is stored and answers questions at `number`: below a pending block, the
    /// head.
    pub fn stored_height(&self, number: u64) -> u64 {
        match self.pending_at(number) {
            Some(_) => self.head.number,
            None => self.state_height(number),
        }
    }

    /// One value after block `number`.
    pub async fn value(&self, number: u64, key: StateKey) -> Result<Option<StateValue>, RpcError> {
        Ok(self.values(number, vec![key]).await?.pop().flatten())
    }
}
