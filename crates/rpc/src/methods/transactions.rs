//! Transactions, their receipts, and sending them.

use std::time::Duration;

use alloy_primitives::{B256, Bytes};
use pool::Refusal;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::blocks::{in_turn, receipt_object, transaction_object};
use crate::{
    block_id::{BlockId, Tag},
    error::{RpcError, code},
    json_text::{BoundedText, JsonText},
    limits::LOGS_AT_ONCE_MAX,
    params::Params,
    quantity::{Hash, Small, data},
    render,
    service::Context,
    view::{Executed, View},
};

/// `eth_getTransactionByHash`: final, or waiting in this node's pool.
pub async fn by_hash(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Hash(hash) = params.required(0)?;
    // The pool first: a transaction that becomes final in between is then found in the chain.
    let pending = pending_transaction(context, hash);
    match find(&context.view(), hash)? {
        Some((view, executed, index)) => transaction_object(&view, &executed, index),
        None => Ok(pending.unwrap_or_default()),
    }
}

/// A transaction in the pool as an object, its block fields null.
pub fn pending_transaction(context: &Context, hash: B256) -> Option<Value> {
    let transaction = context.service.ledger.pool().get(&hash)?;
    Some(render::transaction(transaction.envelope(), transaction.sender(), None))
}

fn find(view: &View, hash: B256) -> Result<Option<(View, Executed, usize)>, RpcError> {
    let Some(place) = view.transaction(hash)? else {
        return Ok(None);
    };
    let Some(executed) = view.executed(place.number)? else {
        return Ok(None);
    };
    let index = place.index as usize;
    if index >= executed.receipts.len() {
        return Err(RpcError::internal(format_args!("block {} lacks {hash}", place.number)));
    }
    Ok(Some((view.clone(), executed, index)))
}

/// `eth_getTransactionReceipt`: null until final.
pub async fn receipt(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let Hash(hash) = params.required(0)?;
    let receipt = receipt_of(context, &context.view(), hash).await?;
    Ok(receipt.unwrap_or_else(|| Value::Null.into()))
}

async fn receipt_of(
    context: &Context,
    view: &View,
    hash: B256,
) -> Result<Option<JsonText>, RpcError> {
    let Some((view, executed, index)) = find(view, hash)? else {
        return Ok(None);
    };
    let logs = executed.receipts[index].logs.len();
    let work = move || BoundedText::of(&receipt_object(&view, &executed, index)?);
    // Almost all have few logs; the others must not keep the thread.
    let text = if logs <= LOGS_AT_ONCE_MAX { work() } else { in_turn(context, work).await };
    text.map(Some)
}

/// `eth_getTransactionByBlockNumberAndIndex`.
pub async fn by_number_and_index(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Tag(id) = params.required(0)?;
    at(context, id, params.required(1)?, transaction_object)
}

/// `eth_getTransactionByBlockHashAndIndex`.
pub async fn by_hash_and_index(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let id = BlockId::Hash(params.required::<Hash>(0)?.0);
    at(context, id, params.required(1)?, transaction_object)
}

/// `eth_getRawTransactionByBlockNumberAndIndex`.
pub async fn raw_by_number_and_index(
    context: &Context,
    params: &Params,
) -> Result<Value, RpcError> {
    let Tag(id) = params.required(0)?;
    at(context, id, params.required(1)?, raw)
}

/// `eth_getRawTransactionByBlockHashAndIndex`.
pub async fn raw_by_hash_and_index(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let id = BlockId::Hash(params.required::<Hash>(0)?.0);
    at(context, id, params.required(1)?, raw)
}

fn at(
    context: &Context,
    id: BlockId,
    Small(index): Small,
    show: fn(&View, &Executed, usize) -> Result<Value, RpcError>,
) -> Result<Value, RpcError> {
    let view = context.view();
    let Some(number) = view.number(id)? else {
        return Ok(Value::Null);
    };
    let Some(executed) = view.executed(number)? else {
        return Ok(Value::Null);
    };
    match usize::try_from(index) {
        Ok(index) if index < executed.receipts.len() => show(&view, &executed, index),
        _ => Ok(Value::Null),
    }
}

fn raw(_: &View, executed: &Executed, index: usize) -> Result<Value, RpcError> {
    Ok(data(&executed.block.transactions()[index]))
}

/// `eth_getRawTransactionByHash`: final, or waiting in this node's pool; null where unknown.
pub async fn raw_by_hash(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Hash(hash) = params.required(0)?;
    let pending = context.service.ledger.pool().get(&hash);
    match find(&context.view(), hash)? {
        Some((view, executed, index)) => raw(&view, &executed, index),
        None => Ok(pending.map_or(Value::Null, |transaction| data(transaction.encoded()))),
    }
}

/// `eth_sendRawTransaction`.
pub async fn send_raw(context: &Context, params: &Params) -> Result<Value, RpcError> {
    submit(context, params).await.map(|hash| json!(hash))
}

async fn submit(context: &Context, params: &Params) -> Result<B256, RpcError> {
    let encoded: Bytes = params.required(0)?;
    context.service.ledger.submit(encoded).await.map_err(refused)
}

/// Texts are the pool's, which are geth's.
pub fn refused(refusal: Refusal) -> RpcError {
    match &refusal {
        Refusal::State(_) => RpcError::internal(refusal),
        Refusal::Dropped(reason) => RpcError::new(code::REFUSED, refusal.to_string())
            .with_data(json!({ "reason": refusal.code(), "help": reason })),
        _ => RpcError::new(code::SERVER, refusal.to_string()),
    }
}

/// `eth_sendRawTransactionSync` (EIP-7966): answers the receipt, or after the timeout (second
/// parameter, milliseconds) error 4 with the hash.
pub async fn send_raw_sync(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let config = &context.service.config;
    let asked = params.optional::<Small>(1)?.map(|Small(ms)| ms).filter(|ms| *ms > 0);
    let wait_ms = asked.unwrap_or(config.sync_timeout_ms).min(config.sync_timeout_ms_max);
    let deadline = Instant::now() + Duration::from_millis(wait_ms);
    let hash = submit(context, params).await?;
    loop {
        let view = context.view();
        if let Some(receipt) = receipt_of(context, &view, hash).await? {
            return Ok(receipt);
        }
        let next = context.service.ledger.wait_beyond(view.head().number);
        if timeout_at(deadline, next).await.is_err() {
            let message = format!(
                "The transaction was added to the transaction pool but wasn't processed in \
                 {wait_ms}ms"
            );
            return Err(RpcError::new(code::NOT_FINAL_IN_TIME, message).with_data(json!(hash)));
        }
    }
}
