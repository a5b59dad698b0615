//! `eth_subscribe`, `heqi_subscribe` and their ends; only a WebSocket can carry what follows.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    error::{RpcError, code},
    log_query::LogQuery,
    params::Params,
    service::Context,
    websocket::{Session, Subscription},
};

fn session(context: &Context) -> Result<&Session, RpcError> {
    // geth's text; clients fall back to polling.
    context
        .session
        .as_deref()
        .ok_or_else(|| RpcError::new(code::METHOD_NOT_FOUND, "notifications not supported"))
}

/// `full` as a bare boolean (geth), or in an object as some clients send it.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a boolean, or an object with `full`")]
enum Full {
    Bare(bool),
    Object {
        #[serde(default, alias = "includeTransactions", alias = "fullTransactions")]
        full: bool,
    },
}

/// `eth_subscribe`: answers the subscription's id.
pub async fn subscribe(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let session = session(context)?;
    let kind: String = params.required(0)?;
    let subscription = match kind.as_str() {
        "newHeads" => Subscription::NewHeads,
        "logs" => Subscription::Logs(Arc::new(log_filter(params)?)),
        "newPendingTransactions" => Subscription::PendingTransactions {
            full: match params.optional::<Full>(1)? {
                None => false,
                Some(Full::Bare(full) | Full::Object { full }) => full,
            },
        },
        "syncing" => Subscription::Syncing(None),
        other => return Err(no_subscription(other, "eth")),
    };
    session.subscribe(subscription).map(Value::String)
}

/// `heqi_subscribe`: `finality` tells of each new block what `heqi_getFinalityProof` answers.
pub async fn subscribe_own(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let session = session(context)?;
    let kind: String = params.required(0)?;
    if kind != "finality" {
        return Err(no_subscription(&kind, "heqi"));
    }
    if context.service.ledger.development().is_some() {
        let message = "blocks of a development ledger have no proof of finality";
        return Err(RpcError::new(code::NOT_SUPPORTED, message));
    }
    session.subscribe(Subscription::Finality).map(Value::String)
}

fn no_subscription(kind: &str, namespace: &str) -> RpcError {
    let shown: String = kind.chars().take(100).collect();
    let message = format!("no \"{shown}\" subscription in {namespace} namespace");
    RpcError::new(code::METHOD_NOT_FOUND, message)
}

/// Only addresses and topics count: a subscription hears of new blocks.
fn log_filter(params: &Params) -> Result<chain::LogFilter, RpcError> {
    Ok(params.optional::<LogQuery>(1)?.map(|query| query.filter).unwrap_or_default())
}

/// `eth_unsubscribe`, `heqi_unsubscribe`.
pub async fn unsubscribe(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let id: String = params.required(0)?;
    if session(context)?.unsubscribe(&id) {
        Ok(Value::Bool(true))
    } else {
        Err(RpcError::new(code::SERVER, "subscription not found"))
    }
}
