//! Snapshots in a folder or an object store: the state of a ledger at a final block, and what a new
//! node needs to begin there.
//!
//! A snapshot is a set of files that a manifest names with length and SHA-256; the manifest has a
//! digest of its own, and both are written last. Nobody has to trust whoever wrote it: the files
//! hold the way from the validators of the genesis file to the certificate of the block, the block,
//! and the operations of the state databases in pages, each with its proof against what the block
//! commits to. A snapshot is made of answers of a running node ([`create`]), each checked as it
//! comes, and read back through the same checks ([`Snapshot`]).
//!
//! Everything here blocks the calling thread, works on one file at a time and holds a few files in
//! memory at most.

// The types of the databases nest deeper than the compiler follows by default.
#![cfg_attr(test, recursion_limit = "512")]

mod create;
mod error;
mod layout;
mod manifest;
mod open;
mod place;
mod proof;

pub use create::{CreateError, Created, Origin, create};
pub use error::SnapshotError;
pub use manifest::{FileEntry, Manifest};
pub use open::Snapshot;
pub use place::Place;
pub use proof::Proved;

#[cfg(test)]
mod tests;
