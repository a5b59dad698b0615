//! Going back to an earlier block. Only development ledgers do: nothing that a network agreed on is
//! ever taken back.

use alloy_primitives::keccak256;
use fjall::OwnedWriteBatch;

use crate::{
    ChainError, ChainStore,
    cache::WholeBlock,
    encoding::{height_key, transaction_key},
    heights::ChainHeights,
    log_index::{block_terms, term_key},
    stamps::Stamped,
};

impl ChainStore {
    /// Forgets every block above `number`, which becomes the head, with its receipts and index
    /// entries. A height at or above the head changes nothing. For ledgers of one process whose
    /// user asks for it (`evm_revert`); history, certificates and validator sets stay as they are.
    ///
    /// # Errors
    /// [`ChainError::BlockPruned`] for a height that is not held; failures of the disk.
    pub fn rewind(&self, number: u64) -> Result<(), ChainError> {
        let _writer = self.write_lock();
        let Some(held) = self.chain_heights().filter(|held| number < held.head) else {
            return Ok(());
        };
        if !held.holds_body(number) {
            let oldest = held.lowest_body;
            return Err(ChainError::BlockPruned { height: number, oldest });
        }
        let mut batch = self.tables.batch();
        for gone in number.saturating_add(1)..=held.head {
            let whole = self.load(gone)?;
            self.remove_block(&mut batch, &whole);
        }
        self.stamps().count(&self.tables, &mut batch, Stamped::Transactions);
        self.stamps().count(&self.tables, &mut batch, Stamped::LogTerms);
        let heights = ChainHeights { head: number, ..held };
        heights.write(&mut batch, &self.tables.meta);
        // Readers first, so that nobody looks for what the batch removes.
        self.set_chain(heights);
        self.cache.forget_above(number);
        self.commit(batch)
    }

    fn remove_block(&self, batch: &mut OwnedWriteBatch, whole: &WholeBlock) {
        let number = whole.block.number();
        let key = height_key(number);
        batch.remove(&self.tables.headers, key);
        batch.remove(&self.tables.bodies, key);
        batch.remove(&self.tables.receipts, key);
        batch.remove(&self.tables.numbers, whole.block.hash().as_slice());
        for transaction in whole.block.transactions() {
            let hash = keccak256(transaction);
            batch.remove(&self.tables.transactions, transaction_key(&hash));
        }
        for term in block_terms(&whole.receipts) {
            batch.remove(&self.tables.log_terms, term_key(term, number));
        }
    }
}
