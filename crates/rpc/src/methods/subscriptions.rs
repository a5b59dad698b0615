//! `eth_subscribe` and `eth_unsubscribe`; only a WebSocket can carry what follows.

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
#[serde(untagged)]
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
        "logs" => Subscription::Logs(log_filter(params)?),
        "newPendingTransactions" => Subscription::PendingTransactions {
            full: match params.optional::<Full>(1)? {
                None => false,
                Some(Full::Bare(full) | Full::Object { full }) => full,
            },
        },
        "syncing" => Subscription::Syncing(None),
        other => {
            let shown: String = other.chars().take(100).collect();
            let message = format!("no \"{shown}\" subscription in eth namespace");
            return Err(RpcError::new(code::METHOD_NOT_FOUND, message));
        }
    };
    session.subscribe(subscription).map(Value::String)
}

/// Only addresses and topics count: a subscription hears of new blocks.
fn log_filter(params: &Params) -> Result<chain::LogFilter, RpcError> {
    Ok(params.optional::<LogQuery>(1)?.map(|query| query.filter).unwrap_or_default())
}

/// `eth_unsubscribe`.
pub async fn unsubscribe(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let id: String = params.required(0)?;
    if session(context)?.unsubscribe(&id) {
        Ok(Value::Bool(true))
    } else {
        Err(RpcError::new(code::SERVER, "subscription not found"))
    }
}
