//! `debug_getRaw…`: blocks, headers, transactions and receipts as Ethereum encodes them.

use serde_json::Value;
use types::Receipt;

use super::blocks::in_turn;
use crate::{
    block_id::BlockId, block_rlp::block_bytes, error::RpcError, params::Params, quantity::data,
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
    in_turn(context, move || {
        let block = view.block(number)?.ok_or_else(RpcError::unknown_block)?;
        Ok(data(block_bytes(&block)))
    })
    .await
}

/// `debug_getRawReceipts`: EIP-2718 encodings, in order.
pub async fn receipts(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let view = context.view();
    let number = view.known(params.required::<BlockId>(0)?)?;
    in_turn(context, move || {
        let executed = view.executed(number)?.ok_or_else(RpcError::unknown_block)?;
        let encoded = executed.receipts.iter().enumerate().map(|(index, receipt)| {
            let roots = executed.post_states.as_ref();
            match roots.and_then(|roots| roots.get(index)) {
                Some(root) => data(receipt.encoded_with_state(*root)),
                None => data(Receipt::encoded(receipt)),
            }
        });
        Ok(Value::Array(encoded.collect()))
    })
    .await
}
