//! `debug_getRaw…`: blocks, headers, transactions and receipts as Ethereum encodes them.

use alloy_rlp::{Encodable as _, Header as RlpHeader};
use serde_json::{Value, json};
use types::Block;

use super::blocks::off_thread;
use crate::{
    block_id::BlockId,
    error::{RpcError, code},
    params::Params,
    quantity::data,
    service::Context,
};

/// `debug_getRawHeader`: the RLP whose keccak256 is the block's hash.
pub async fn header(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let view = context.view();
    let (header, _) = view.present_header(view.known(params.required::<BlockId>(0)?)?)?;
    Ok(data(alloy_rlp::encode(&header)))
}

/// `debug_getRawBlock`: Ethereum's block, so without the ledger's extension.
pub async fn block(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let view = context.view();
    let number = view.known(params.required::<BlockId>(0)?)?;
    off_thread(move || {
        let block = view.block(number)?.ok_or_else(RpcError::unknown_block)?;
        Ok(data(ethereum_block(&block)))
    })
    .await
}

/// Header, transactions, no uncles, no withdrawals (EIP-4895).
fn ethereum_block(block: &Block) -> Vec<u8> {
    let transactions: Vec<&[u8]> = block.transactions().iter().map(|bytes| &bytes[..]).collect();
    // A legacy transaction is a list of its own; typed ones are strings (EIP-2718).
    let length = |bytes: &&[u8]| match is_list(bytes) {
        true => bytes.len(),
        false => bytes.length(),
    };
    let transactions_length = transactions.iter().map(length).sum();
    let list = RlpHeader { list: true, payload_length: transactions_length };
    let empty = RlpHeader { list: true, payload_length: 0 };
    let payload_length =
        block.header().length() + list.length() + transactions_length + 2 * empty.length();
    let mut out = Vec::with_capacity(payload_length + 9);
    RlpHeader { list: true, payload_length }.encode(&mut out);
    block.header().encode(&mut out);
    list.encode(&mut out);
    for bytes in transactions {
        match is_list(bytes) {
            true => out.extend_from_slice(bytes),
            false => bytes.encode(&mut out),
        }
    }
    empty.encode(&mut out);
    empty.encode(&mut out);
    out
}

fn is_list(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| *first >= 0xc0)
}

/// `debug_getRawReceipts`: EIP-2718 encodings, in order.
pub async fn receipts(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let view = context.view();
    let number = view.known(params.required::<BlockId>(0)?)?;
    off_thread(move || {
        let executed = view.executed(number)?.ok_or_else(RpcError::unknown_block)?;
        let encoded = executed.receipts.iter().map(|receipt| data(receipt.encoded()));
        Ok(Value::Array(encoded.collect()))
    })
    .await
}

/// `debug_storageRangeAt`: the state is found by hashed keys, so an account's slots cannot be
/// listed.
pub async fn storage_range_not_supported(_: &Context, _: &Params) -> Result<Value, RpcError> {
    let message = "debug_storageRangeAt is not supported: the state does not list the slots of an \
                   account; debug_traceTransaction with prestateTracer shows those that a \
                   transaction touched";
    Err(RpcError::new(code::NOT_SUPPORTED, message).with_data(json!({
        "help": "debug_traceTransaction",
    })))
}
