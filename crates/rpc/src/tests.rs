#![allow(clippy::unwrap_used)]
//! Through real HTTP and WebSocket against a real ledger; behaviours 1 to 18 of clients by number.

mod activations;
mod behaviours;
mod client;
mod development;
mod documentation;
mod fees;
mod greedy;
mod hostile;
mod ledger;
mod methods;
mod notes;
mod openrpc;
mod simulated;
mod storage_range;
mod tracing;
mod wallet;
mod websocket;
