//! What waits in this node's pool. Senders are written with EIP-55's checksum, as geth writes them.

use std::{collections::BTreeMap, sync::Arc};

use alloy_consensus::Transaction as _;
use alloy_primitives::Address;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use types::Transaction;

use super::blocks::in_turn;
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
    in_turn(context, move || {
        let by_nonce = |transactions: Vec<Arc<Transaction>>| -> BTreeMap<u64, Shown> {
            let entry = |found: Arc<Transaction>| (found.nonce(), Shown(found, pending));
            transactions.into_iter().map(entry).collect()
        };
        let (pending, queued) = (by_nonce(content.executable), by_nonce(content.queued));
        BoundedText::of(&Content { pending, queued })
    })
    .await
}

async fn by_sender(
    context: &Context,
    show: fn(&Transaction) -> Value,
) -> Result<JsonText, RpcError> {
    let content = context.service.ledger.pool().content(POOL_CONTENT_MAX);
    in_turn(context, move || {
        let group = |transactions: Vec<Arc<Transaction>>| {
            let mut senders: BTreeMap<String, BTreeMap<u64, Shown>> = BTreeMap::new();
            for transaction in transactions {
                let sender = transaction.sender().to_checksum(None);
                let nonce = transaction.nonce();
                senders.entry(sender).or_default().insert(nonce, Shown(transaction, show));
            }
            senders
        };
        let (pending, queued) = (group(content.executable), group(content.queued));
        BoundedText::of(&Content { pending, queued })
    })
    .await
}

#[derive(Serialize)]
struct Content<T> {
    pending: T,
    queued: T,
}

/// A transaction that becomes JSON only when it is written: that of a whole pool would take many
/// times the pool's memory.
struct Shown(Arc<Transaction>, fn(&Transaction) -> Value);

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(transaction, show) = self;
        show(transaction).serialize(serializer)
    }
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
