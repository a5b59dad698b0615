//! Logs.

use alloy_primitives::{Address, B256, Log};
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

impl<'a> LogObject<'a> {
    /// `log`, which stands at `place`.
    pub fn new(log: &'a Log, place: LogPlace) -> Self {
        Self {
            address: log.address,
            topics: log.topics(),
            data: Data(&log.data.data),
            block_number: Quantity(place.block_number),
            block_hash: place.block_hash,
            block_timestamp: Quantity(place.block_timestamp),
            transaction_hash: place.transaction_hash,
            transaction_index: Quantity(place.transaction_index),
            log_index: Quantity(place.log_index),
            removed: false,
        }
    }
}

/// Where a log stands.
#[derive(Clone, Copy, Debug)]
pub struct LogPlace {
    /// Height of its block.
    pub block_number: u64,
    /// Hash of its block.
    pub block_hash: B256,
    /// Time of its block, seconds.
    pub block_timestamp: u64,
    /// Its transaction.
    pub transaction_hash: B256,
    /// Position of the transaction in the block.
    pub transaction_index: u32,
    /// Position among all logs of the block.
    pub log_index: u32,
}

/// A stored log.
pub fn log(entry: &LogEntry) -> LogObject<'_> {
    let place = LogPlace {
        block_number: entry.block_number,
        block_hash: entry.block_hash,
        block_timestamp: entry.block_timestamp,
        transaction_hash: entry.transaction_hash,
        transaction_index: entry.transaction_index,
        log_index: entry.log_index,
    };
    LogObject::new(&entry.log, place)
}
