//! Logs.

use alloy_primitives::{Address, B256};
use chain::LogEntry;
use serde::Serialize;

use super::wire::{Data, Quantity};

/// A log as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogObject<'a> {
    address: Address,
    topics: &'a [B256],
    data: Data<'a>,
    block_number: Quantity<u64>,
    block_hash: B256,
    block_timestamp: Quantity<u64>,
    transaction_hash: B256,
    transaction_index: Quantity<u32>,
    log_index: Quantity<u32>,
    /// Always false: what is visible is final.
    removed: bool,
}

/// A log of a final block.
pub fn log(entry: &LogEntry) -> LogObject<'_> {
    LogObject {
        address: entry.log.address,
        topics: entry.log.topics(),
        data: Data(&entry.log.data.data),
        block_number: Quantity(entry.block_number),
        block_hash: entry.block_hash,
        block_timestamp: Quantity(entry.block_timestamp),
        transaction_hash: entry.transaction_hash,
        transaction_index: Quantity(entry.transaction_index),
        log_index: Quantity(entry.log_index),
        removed: false,
    }
}
