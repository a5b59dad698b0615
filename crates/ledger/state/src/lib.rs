//! World state of a ledger: accounts, storage slots and code.
//!
//! Execution reads [`StateValue`]s by [`StateKey`] and answers with a [`StateDiff`]; a back end
//! holds the values and computes the root. Two back ends: [`qmdb`], the durable one of every node,
//! and [`mpt`], an in-memory Merkle Patricia trie for conformance suites.

// The types of the databases nest deeper than the compiler follows by default.
#![recursion_limit = "512"]

mod diff;
mod key;
pub mod mpt;
pub mod qmdb;
mod reader;
mod value;

pub use diff::{Change, StateDiff};
pub use key::StateKey;
pub use reader::{StateError, StateReader};
pub use value::{AccountRecord, StateValue};
