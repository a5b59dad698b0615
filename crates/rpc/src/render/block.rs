//! Headers and blocks. Every field that an Ethereum client may look for is always present;
//! `totalDifficulty` was removed from the specification and is not.

use alloy_primitives::B256;
use alloy_rlp::Encodable as _;
use serde_json::{Value, json};
use types::{Block, Extension, Header};

use super::to_value;
use crate::quantity::{data, quantity};

/// All header fields, and the block time in milliseconds from the extension.
pub fn header(header: &Header, extension: &Extension, hash: B256) -> Value {
    json!({
        "hash": hash,
        "parentHash": header.parent_hash,
        "sha3Uncles": header.ommers_hash,
        "miner": to_value(header.beneficiary),
        "stateRoot": header.state_root,
        "transactionsRoot": header.transactions_root,
        "receiptsRoot": header.receipts_root,
        "logsBloom": header.logs_bloom,
        "difficulty": quantity(header.difficulty),
        "number": quantity(header.number),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "timestampMillis": quantity(extension.time_ms),
        "extraData": data(&header.extra_data),
        "mixHash": header.mix_hash,
        "nonce": header.nonce,
        "baseFeePerGas": quantity(header.base_fee_per_gas.unwrap_or_default()),
        "withdrawalsRoot": header.withdrawals_root,
        "blobGasUsed": quantity(header.blob_gas_used.unwrap_or_default()),
        "excessBlobGas": quantity(header.excess_blob_gas.unwrap_or_default()),
        "parentBeaconBlockRoot": header.parent_beacon_block_root,
        "requestsHash": header.requests_hash,
    })
}

/// A block with `transactions` already rendered as hashes or objects.
pub fn block(block: &Block, transactions: Vec<Value>) -> Value {
    let mut value = header(block.header(), block.extension(), block.hash());
    value["size"] = quantity(block.length());
    value["transactions"] = Value::Array(transactions);
    value["uncles"] = json!([]);
    value["withdrawals"] = json!([]);
    value
}
