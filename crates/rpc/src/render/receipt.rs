//! Receipts.

use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_primitives::{Address, B256, Bloom};
use chain::LogEntry;
use serde::{Serialize, Serializer};
use types::{Header, Receipt};

use super::{log, wire::Quantity};
use crate::view::Executed;

/// The receipts of one block, with what is needed to show one of them.
pub struct BlockReceipts<'a> {
    /// Header of the block.
    pub header: &'a Header,
    /// Its hash.
    pub hash: B256,
    /// All receipts of the block, in order.
    pub receipts: &'a [Receipt],
    /// State roots in place of their status.
    pub post_states: Option<&'a [B256]>,
    /// Wei per gas of blobs in the block.
    pub blob_base_fee: Option<u128>,
}

impl<'a> BlockReceipts<'a> {
    /// Of an executed block. The price of blobs is shown in receipts of transactions with blobs.
    pub fn of(executed: &'a Executed, blob_base_fee: Option<u128>) -> Self {
        Self {
            header: executed.block.header(),
            hash: executed.block.hash(),
            receipts: &executed.receipts,
            post_states: executed.post_states.as_ref().map(|roots| roots.as_slice()),
            blob_base_fee,
        }
    }
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

/// A receipt as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptObject {
    r#type: Quantity<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Quantity<u8>>,
    /// State root after the transaction: Ethereum's receipts before Byzantium.
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<B256>,
    transaction_hash: B256,
    transaction_index: Quantity<usize>,
    block_hash: B256,
    block_number: Quantity<u64>,
    from: Address,
    to: Option<Address>,
    contract_address: Option<Address>,
    gas_used: Quantity<u64>,
    cumulative_gas_used: Quantity<u64>,
    effective_gas_price: Quantity<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_gas_used: Option<Quantity<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_gas_price: Option<Quantity<u128>>,
    #[serde(serialize_with = "as_objects")]
    logs: Vec<LogEntry>,
    logs_bloom: Bloom,
}

impl ReceiptObject {
    /// The same with no logs listed.
    pub fn without_logs(mut self) -> Self {
        self.logs.clear();
        self
    }
}

/// Receipt of transaction `index`, for which `price` wei per gas were charged.
pub fn receipt(
    block: &BlockReceipts<'_>,
    index: usize,
    transaction: &TxEnvelope,
    from: Address,
    price: u128,
) -> ReceiptObject {
    let receipt = &block.receipts[index];
    let hash = *transaction.tx_hash();
    let root = block.post_states.and_then(|roots| roots.get(index)).copied();
    let blob_gas_used = transaction.blob_gas_used();
    ReceiptObject {
        r#type: Quantity(receipt.transaction_type),
        status: root.is_none().then(|| Quantity(u8::from(receipt.success))),
        root,
        transaction_hash: hash,
        transaction_index: Quantity(index),
        block_hash: block.hash,
        block_number: Quantity(block.header.number),
        from,
        to: transaction.to(),
        contract_address: transaction.is_create().then(|| from.create(transaction.nonce())),
        gas_used: Quantity(block.gas_used(index)),
        cumulative_gas_used: Quantity(receipt.cumulative_gas_used),
        effective_gas_price: Quantity(price),
        blob_gas_used: blob_gas_used.map(Quantity),
        blob_gas_price: blob_gas_used.and(block.blob_base_fee).map(Quantity),
        logs: block.logs(index, hash, block.logs_before(index)),
        logs_bloom: receipt.bloom(),
    }
}

fn as_objects<S: Serializer>(logs: &[LogEntry], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(logs.iter().map(log))
}
