//! One running ledger: the only crate that knows all of its parts.
//!
//! A transaction comes in through the pool (from RPC or gossip), is chosen by a proposer, executed
//! by every validator, certified, applied to the state databases, written to the chain store, and
//! only then visible through [`Running::ledger`].
//!
//! Order of durability: block and certificate (consensus archives), old values (chain store),
//! state, then block, receipts and index (chain store). Each later one catches up from the one
//! before it when a node starts, so a crash at any point loses nothing final.

// The types of the databases nest deeper than the compiler follows by default.
#![recursion_limit = "512"]

mod application;
mod archives;
mod backfill;
mod building;
mod certificates;
mod config;
mod connected;
mod core;
mod divergence;
mod evidence;
mod executed;
mod halt;
mod handle;
mod history;
mod joining;
mod latest;
mod names;
mod network;
mod observers;
mod reasons;
mod retention;
pub mod snapshot;
mod stages;
mod start;
mod status;
mod stores;
mod syncing;
mod validators;
mod verifying;
mod work;

pub use config::{Config, Peer};
pub use joining::{Join, REPLAY_BLOCKS_MAX};
pub use network::{Mesh, channel, message_bytes_max, quota};
pub use reasons::{StartError, Stopped};
pub use retention::Windows;
pub use stages::{Counting, Stage, StageTimes, ThreadClock};
pub use start::{Running, Runtime, start, start_on};
