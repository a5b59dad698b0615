//! Logs.

use chain::LogEntry;
use serde_json::{Value, json};

use crate::quantity::{data, quantity};

/// A log. `removed` is always false: what is visible is final.
pub fn log(entry: &LogEntry) -> Value {
    json!({
        "address": entry.log.address,
        "topics": entry.log.topics(),
        "data": data(&entry.log.data.data),
        "blockNumber": quantity(entry.block_number),
        "blockHash": entry.block_hash,
        "blockTimestamp": quantity(entry.block_timestamp),
        "transactionHash": entry.transaction_hash,
        "transactionIndex": quantity(entry.transaction_index),
        "logIndex": quantity(entry.log_index),
        "removed": false,
    })
}
