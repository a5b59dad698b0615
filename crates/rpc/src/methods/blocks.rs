//! Blocks, headers and the receipts of a block.

use alloy_primitives::{U256, keccak256};
use ledger_api::ChainBlock;
use serde_json::{Value, json};
use types::Transaction;

use super::{fees::charged_price, trace::TextList};
use crate::{
    block_id::{BlockId, Tag},
    error::RpcError,
    json_text::JsonText,
    params::Params,
    quantity::{Hash, quantity},
    render::{self, BlockReceipts, Place, ReceiptObject},
    service::Context,
    view::{Executed, View},
};

/// `eth_blockNumber`.
pub async fn block_number(context: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(quantity(context.service.ledger.head().number))
}

/// `eth_getBlockByNumber`.
pub async fn by_number(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Tag(id) = params.required(0)?;
    block(context, id, params.optional(1)?.unwrap_or(false)).await
}

/// `eth_getBlockByHash`.
pub async fn by_hash(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let id = BlockId::Hash(params.required::<Hash>(0)?.0);
    block(context, id, params.optional(1)?.unwrap_or(false)).await
}

async fn block(context: &Context, id: BlockId, full: bool) -> Result<Value, RpcError> {
    let view = context.view();
    let Some(number) = view.number_or_pending(id)? else {
        return Ok(Value::Null);
    };
    if full {
        // Decoding many transactions takes a while.
        return in_turn(context, move || {
            let executed = view.executed(number)?;
            executed.map_or(Ok(Value::Null), |executed| with_objects(&view, &executed))
        })
        .await;
    }
    Ok(view.block(number)?.map_or(Value::Null, |block| with_hashes(&block)))
}

fn with_hashes(block: &ChainBlock) -> Value {
    let hashes = block.transactions().iter().map(|encoded| json!(keccak256(encoded))).collect();
    render::block(block, hashes)
}

fn with_objects(view: &View, executed: &Executed) -> Result<Value, RpcError> {
    let count = executed.block.transactions().len();
    let objects: Result<Vec<Value>, RpcError> =
        (0..count).map(|index| transaction_object(view, executed, index)).collect();
    Ok(render::block(&executed.block, objects?))
}

/// Transaction `index` of a block, decoded.
pub fn decoded(executed: &Executed, index: usize) -> Result<Transaction, RpcError> {
    executed.block.transaction(index, executed.senders[index]).map_err(RpcError::internal)
}

/// Transaction `index` of a block as an object.
pub fn transaction_object(
    view: &View,
    executed: &Executed,
    index: usize,
) -> Result<Value, RpcError> {
    let transaction = decoded(executed, index)?;
    let header = executed.block.header();
    let place = Place {
        number: header.number,
        hash: executed.block.hash(),
        timestamp: header.timestamp,
        index,
        price: charged_price(view, header, &transaction),
    };
    Ok(render::transaction(transaction.envelope(), transaction.sender(), Some(place)))
}

/// Receipt `index` of a block as an object.
pub fn receipt_object(
    view: &View,
    executed: &Executed,
    index: usize,
) -> Result<ReceiptObject, RpcError> {
    let transaction = decoded(executed, index)?;
    let header = executed.block.header();
    let receipts = BlockReceipts::of(executed, view.blob_base_fee(header));
    let price = charged_price(view, header, &transaction);
    let (envelope, from) = (transaction.envelope(), transaction.sender());
    Ok(render::receipt(&receipts, index, envelope, from, price))
}

/// Wei that transaction `index` of a block was charged.
pub fn charged(view: &View, executed: &Executed, index: usize) -> Result<U256, RpcError> {
    let transaction = decoded(executed, index)?;
    let header = executed.block.header();
    let receipts = BlockReceipts::of(executed, None);
    let price = U256::from(charged_price(view, header, &transaction));
    Ok(price.saturating_mul(U256::from(receipts.gas_used(index))))
}

/// `eth_getBlockReceipts`: number, tag or hash; null for an unknown block.
pub async fn receipts(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let view = context.view();
    let Some(number) = view.number(params.required(0)?)? else {
        return Ok(Value::Null.into());
    };
    in_turn(context, move || {
        let Some(executed) = view.executed(number)? else {
            return Ok(Value::Null.into());
        };
        let mut list = TextList::begin()?;
        for index in 0..executed.receipts.len() {
            list.push(&receipt_object(&view, &executed, index)?)?;
        }
        list.end()
    })
    .await
}

/// Runs what may take milliseconds on another thread.
pub async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
) -> Result<T, RpcError> {
    tokio::task::spawn_blocking(work).await.map_err(RpcError::internal)?
}

/// Runs reading and decoding that may take memory many times the block's: on another thread, only so
/// many at once ([`READINGS_RUNNING_MAX`](crate::limits::READINGS_RUNNING_MAX)); others wait.
pub async fn in_turn<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
) -> Result<T, RpcError> {
    let turn = context.service.readings.clone().acquire_owned().await;
    let turn = turn.map_err(RpcError::internal)?;
    off_thread(move || {
        let result = work();
        drop(turn);
        result
    })
    .await
}

/// `eth_getHeaderByNumber`.
pub async fn header_by_number(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Tag(id) = params.required(0)?;
    header(context, id)
}

/// `eth_getHeaderByHash`.
pub async fn header_by_hash(context: &Context, params: &Params) -> Result<Value, RpcError> {
    header(context, BlockId::Hash(params.required::<Hash>(0)?.0))
}

fn header(context: &Context, id: BlockId) -> Result<Value, RpcError> {
    let view = context.view();
    let Some(number) = view.number(id)? else {
        return Ok(Value::Null);
    };
    let (header, extension) = view.present_header(number)?;
    let hash = view.hash(number)?.ok_or_else(RpcError::unknown_block)?;
    Ok(render::header(&header, extension.as_ref(), hash))
}

/// `eth_getBlockTransactionCountByNumber`.
pub async fn transaction_count_by_number(
    context: &Context,
    params: &Params,
) -> Result<Value, RpcError> {
    let Tag(id) = params.required(0)?;
    count(context, id, |block| block.transactions().len())
}

/// `eth_getBlockTransactionCountByHash`.
pub async fn transaction_count_by_hash(
    context: &Context,
    params: &Params,
) -> Result<Value, RpcError> {
    count(context, BlockId::Hash(params.required::<Hash>(0)?.0), |block| block.transactions().len())
}

/// `eth_getUncleCountByBlockNumber`: `0x0` for a known block of a ledger.
pub async fn uncle_count_by_number(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Tag(id) = params.required(0)?;
    count(context, id, |block| block.ommers().len())
}

/// `eth_getUncleCountByBlockHash`: `0x0` for a known block of a ledger.
pub async fn uncle_count_by_hash(context: &Context, params: &Params) -> Result<Value, RpcError> {
    count(context, BlockId::Hash(params.required::<Hash>(0)?.0), |block| block.ommers().len())
}

fn count(context: &Context, id: BlockId, of: fn(&ChainBlock) -> usize) -> Result<Value, RpcError> {
    let view = context.view();
    let block = match view.number_or_pending(id)? {
        Some(number) => view.block(number)?,
        None => None,
    };
    Ok(block.map_or(Value::Null, |block| quantity(of(&block))))
}

/// `eth_getUncleBy…`: there are none.
pub async fn no_uncle(_: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(Value::Null)
}
