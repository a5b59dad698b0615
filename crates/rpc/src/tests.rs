#![allow(clippy::unwrap_used)]
//! Through real HTTP and WebSocket against a real ledger; behaviours 1 to 16 of clients by number.

mod behaviours;
mod client;
mod hostile;
mod ledger;
mod methods;
mod websocket;
