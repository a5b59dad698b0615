//! What a snapshot is put together from. Every part proves itself against the genesis file, so that
//! it does not matter who answers.

use state::qmdb::PageRequest;

/// A part of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotPart {
    /// The validators of the epochs after `epoch`, each set with the block that elects it and its
    /// certificate; with the last of them the newest certified header. Encoded as an answer about
    /// validator sets of the nodes' own history protocol.
    Validators {
        /// Epoch whose validators are known.
        epoch: u64,
    },
    /// Transactions of blocks down from `top`, encoded as an answer about bodies.
    Bodies {
        /// The highest block.
        top: u64,
        /// Blocks, at most.
        count: u32,
    },
    /// Receipts of blocks down from `top`, encoded as an answer about receipts.
    Receipts {
        /// The highest block.
        top: u64,
        /// Blocks, at most.
        count: u32,
    },
    /// Headers with extensions and certificates down from `top`, encoded as an answer about headers.
    Headers {
        /// The highest block.
        top: u64,
        /// Blocks, at most.
        count: u32,
    },
    /// Operations of a state database with their proof.
    State(PageRequest),
}
