//! Ethereum JSON-RPC over HTTP and WebSocket, and Heqi's own methods, on top of
//! [`ledger_api::Ledger`].
//!
//! [`router`] answers `POST /` and the WebSocket upgrade on `/`. What each method does is found in
//! one table, `methods::METHODS`. Behaviour that clients silently depend on follows geth and
//! execution-apis; where the ledger differs (instant finality, free gas) the module says so.
//!
//! Everything that arrives is hostile until decoded: sizes stand in [`limits`], each refusal names
//! the limit, and nothing a caller does makes the node wait.

mod answer;
mod block_id;
mod block_rlp;
mod call_request;
mod chain_rules;
mod config;
mod decoding;
mod envelope;
pub mod error;
mod filters;
mod follower;
mod go_duration;
mod http;
mod items;
mod json_text;
pub mod limits;
mod log_query;
mod methods;
mod metrics;
mod object;
mod overrides;
mod params;
mod quantity;
mod render;
mod reruns;
mod revert;
mod service;
mod simulate;
mod simulated;
mod simulations;
mod trace_options;
mod view;
mod websocket;

use std::sync::Arc;

use ledger_api::Ledger;
use tokio::sync::watch;

pub use config::RpcConfig;
pub use decoding::{ParsedBody, parse_body};
pub use http::{Caller, Unfinished, cors, guard_hosts, may_connect};
pub use methods::{MethodInfo, Reads, Tier, method_list};
pub use metrics::RpcMetrics;
pub use websocket::UNFINISHED_EXCEEDED;

/// JSON-RPC on `POST /` and WebSocket on `/`. Must be called inside a tokio runtime: one task per
/// process follows the head for all subscribers, until the router and all its connections are
/// dropped.
pub fn router(ledger: Arc<dyn Ledger>, config: RpcConfig, metrics: RpcMetrics) -> axum::Router {
    let (_, never) = watch::channel(false);
    router_until(ledger, config, metrics, never)
}

/// [`router`] whose WebSocket connections are closed with code 1001 once `stopping` is true, so
/// that a node can stop without waiting for its subscribers.
pub fn router_until(
    ledger: Arc<dyn Ledger>,
    config: RpcConfig,
    metrics: RpcMetrics,
    stopping: watch::Receiver<bool>,
) -> axum::Router {
    http::routes(service::Service::start(ledger, config, metrics), stopping)
}

#[cfg(test)]
mod tests;
