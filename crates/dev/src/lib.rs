//! A ledger of one process, for development: the executor, the pool and the chain store of a node,
//! with blocks made when a user wants them instead of by agreement.
//!
//! [`DevLedger`] makes blocks with each transaction, in intervals or on demand, goes back to
//! snapshots, and sets values and time as its user says. It is a [`ledger_api::Ledger`], so that the
//! JSON-RPC of a node serves it unchanged. Values are in memory; blocks stand in a temporary folder.

mod accounts;
mod clock;
mod config;
mod control;
mod dump;
mod edits;
mod error;
mod ledger;
mod mining;
mod rules;
mod sending;
mod snapshots;
mod store;
mod ticker;
mod timeline;
pub mod trie;
mod world;
mod writer;

#[cfg(test)]
mod tests;

pub use accounts::{ACCOUNTS_MAX, DEFAULT_MNEMONIC, DevAccount, MnemonicError, derive};
pub use config::{DevConfig, StateBackEnd};
pub use dump::DUMP_BYTES_MAX;
pub use error::DevError;
pub use ledger::DevLedger;
pub use snapshots::SNAPSHOTS_MAX;
pub use ticker::Ticker;
