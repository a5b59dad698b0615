//! Receipts.

use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_primitives::{Address, B256};
use chain::LogEntry;
use serde_json::{Value, json};
use types::{Header, Receipt};

use super::log;
use crate::quantity::quantity;

/// The receipts of one block, with what is needed to show one of them.
pub struct BlockReceipts<'a> {
    /// Header of the block.
    pub header: &'a Header,
    /// Its hash.
    pub hash: B256,
    /// All receipts of the block, in order.
    pub receipts: &'a [Receipt],
}

impl BlockReceipts<'_> {
    /// Logs of all transactions before `index`.
    fn logs_before(&self, index: usize) -> usize {
        self.receipts[..index].iter().map(|receipt| receipt.logs.len()).sum()
    }

    /// Gas of transaction `index` alone.
    pub fn gas_used(&self, index: usize) -> u64 {
        let before = index.checked_sub(1).map_or(0, |last| self.receipts[last].cumulative_gas_used);
        self.receipts[index].cumulative_gas_used.saturating_sub(before)
    }

    /// Logs of transaction `index`, whose first has block-wide index `first`.
    pub fn logs(&self, index: usize, transaction_hash: B256, first: usize) -> Vec<LogEntry> {
        let logs = self.receipts[index].logs.iter();
        logs.zip(first..)
            .map(|(log, log_index)| LogEntry {
                log: log.clone(),
                block_number: self.header.number,
                block_hash: self.hash,
                block_timestamp: self.header.timestamp,
                transaction_hash,
                transaction_index: index as u32,
                log_index: log_index as u32,
            })
            .collect()
    }
}

/// Receipt of transaction `index`, for which `price` wei per gas were charged.
pub fn receipt(
    block: &BlockReceipts<'_>,
    index: usize,
    transaction: &TxEnvelope,
    from: Address,
    price: u128,
) -> Value {
    let receipt = &block.receipts[index];
    let hash = *transaction.tx_hash();
    let created = transaction.is_create().then(|| from.create(transaction.nonce()));
    let logs = block.logs(index, hash, block.logs_before(index));
    json!({
        "type": quantity(receipt.transaction_type),
        "status": quantity(u8::from(receipt.success)),
        "transactionHash": hash,
        "transactionIndex": quantity(index),
        "blockHash": block.hash,
        "blockNumber": quantity(block.header.number),
        "from": from,
        "to": transaction.to(),
        "contractAddress": created,
        "gasUsed": quantity(block.gas_used(index)),
        "cumulativeGasUsed": quantity(receipt.cumulative_gas_used),
        "effectiveGasPrice": quantity(price),
        "logs": logs.iter().map(log).collect::<Vec<_>>(),
        "logsBloom": receipt.bloom(),
    })
}
