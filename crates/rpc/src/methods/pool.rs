//! What waits in this node's pool. Senders are written with EIP-55's checksum, as geth writes them.

use std::collections::BTreeMap;

use alloy_consensus::Transaction as _;
use alloy_primitives::Address;
use serde_json::{Map, Value, json};
use types::Transaction;

use super::blocks::off_thread;
use crate::{
    error::RpcError,
    json_text::{BoundedText, JsonText},
    limits::POOL_CONTENT_MAX,
    params::Params,
    quantity::quantity,
    render,
    service::Context,
};

/// `txpool_status`.
pub async fn status(context: &Context, _: &Params) -> Result<Value, RpcError> {
    let status = context.service.ledger.pool().status();
    Ok(json!({ "pending": quantity(status.executable), "queued": quantity(status.queued) }))
}

/// `txpool_content`: transactions by sender and nonce, the oldest ones where there are very many.
pub async fn content(context: &Context, _: &Params) -> Result<JsonText, RpcError> {
    by_sender(context, pending).await
}

/// `txpool_inspect`: the same as one line each.
pub async fn inspect(context: &Context, _: &Params) -> Result<JsonText, RpcError> {
    by_sender(context, line).await
}

/// `txpool_contentFrom`: transactions of one sender by nonce.
pub async fn content_from(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let address: Address = params.required(0)?;
    let content = context.service.ledger.pool().content_from(address);
    off_thread(move || {
        let by_nonce = |transactions: Vec<_>| -> Map<String, Value> {
            let entry = |found: &std::sync::Arc<Transaction>| (nonce(found), pending(found));
            transactions.iter().map(entry).collect()
        };
        let (pending, queued) = (by_nonce(content.executable), by_nonce(content.queued));
        BoundedText::of(&json!({ "pending": pending, "queued": queued }))
    })
    .await
}

async fn by_sender(
    context: &Context,
    show: fn(&Transaction) -> Value,
) -> Result<JsonText, RpcError> {
    let content = context.service.ledger.pool().content(POOL_CONTENT_MAX);
    off_thread(move || {
        let group = |transactions: Vec<std::sync::Arc<Transaction>>| {
            let mut senders: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
            for transaction in transactions {
                let sender = transaction.sender().to_checksum(None);
                senders.entry(sender).or_default().insert(nonce(&transaction), show(&transaction));
            }
            senders
        };
        let (pending, queued) = (group(content.executable), group(content.queued));
        BoundedText::of(&json!({ "pending": pending, "queued": queued }))
    })
    .await
}

fn nonce(transaction: &Transaction) -> String {
    transaction.nonce().to_string()
}

fn pending(transaction: &Transaction) -> Value {
    render::transaction(transaction.envelope(), transaction.sender(), None)
}

/// geth's line: recipient, value, gas limit and price.
fn line(transaction: &Transaction) -> Value {
    let envelope = transaction.envelope();
    let to = envelope.to().map_or("contract creation".to_owned(), |to| to.to_checksum(None));
    let (value, gas, price) = (envelope.value(), envelope.gas_limit(), envelope.max_fee_per_gas());
    Value::String(format!("{to}: {value} wei + {gas} gas \u{d7} {price} wei"))
}
