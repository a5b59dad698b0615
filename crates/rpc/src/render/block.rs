//! Headers and blocks. On a ledger every field that an Ethereum client may look for is present;
//! what a header of Ethereum's older forks lacks, its JSON lacks too. `totalDifficulty` was removed
//! from the specification and is not there.

use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::B256;
use ledger_api::ChainBlock;
use serde_json::{Value, json};
use types::{Extension, Header};

use super::to_value;
use crate::{
    block_rlp::block_bytes,
    quantity::{data, quantity},
};

/// All header fields, and the block time in milliseconds where there is an extension.
pub fn header(header: &Header, extension: Option<&Extension>, hash: B256) -> Value {
    let mut value = json!({
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
        "extraData": data(&header.extra_data),
        "mixHash": header.mix_hash,
        "nonce": header.nonce,
    });
    let optional = [
        ("timestampMillis", extension.map(|extension| quantity(extension.time_ms))),
        ("baseFeePerGas", header.base_fee_per_gas.map(quantity)),
        ("withdrawalsRoot", header.withdrawals_root.map(to_value)),
        ("blobGasUsed", header.blob_gas_used.map(quantity)),
        ("excessBlobGas", header.excess_blob_gas.map(quantity)),
        ("parentBeaconBlockRoot", header.parent_beacon_block_root.map(to_value)),
        ("requestsHash", header.requests_hash.map(to_value)),
    ];
    for (name, field) in optional {
        if let Some(field) = field {
            value[name] = field;
        }
    }
    value
}

/// A block with `transactions` already rendered as hashes or objects.
pub fn block(block: &ChainBlock, transactions: Vec<Value>) -> Value {
    let size = match block {
        // The whole of it, with the extension.
        ChainBlock::Own(own) => alloy_rlp::Encodable::length(&**own),
        ChainBlock::Ethereum(_) => block_bytes(block).len(),
    };
    let ommers = block.ommers().iter().map(|ommer| ommer.hash_slow()).collect();
    let value = header(block.header(), block.extension(), block.hash());
    block_parts(value, size, transactions, ommers, block.withdrawals())
}

/// A rendered header with the rest of its block; `size` in bytes.
pub fn block_parts(
    mut header: Value,
    size: usize,
    transactions: Vec<Value>,
    ommers: Vec<B256>,
    withdrawals: Option<&[Withdrawal]>,
) -> Value {
    header["size"] = quantity(size);
    header["transactions"] = Value::Array(transactions);
    header["uncles"] = json!(ommers);
    if let Some(withdrawals) = withdrawals {
        header["withdrawals"] = to_value(withdrawals);
    }
    header
}
