//! What nodes tell each other about the past: the messages of the HISTORY channel, and how an
//! answer is checked before it is used.
//!
//! A node that joins knows the genesis file and nothing else. From the validators of epoch 0 it
//! walks to those of the newest epoch: the last header of an epoch, certified by that epoch's
//! validators, commits to the hash of the next set ([`verify_steps`]). With the newest set it
//! checks the certificate that it joins with. What lies below follows from hashes: each header
//! names its parent's, its extension's and the roots of its transactions and receipts
//! ([`verify_headers`], [`verify_body`], [`verify_receipts`]).
//!
//! Every answer is an RLP list with one encoding per value, limited in items and bytes. Nothing
//! here does I/O.

mod answers;
mod request;
mod rlp;
mod verify;

pub use answers::{Bodies, CertifiedHeader, HeaderEntry, Headers, Receipts, SetStep, Sets};
pub use request::HistoryRequest;
pub use verify::{
    last_of_epoch, verify_body, verify_headers, verify_receipts, verify_steps, verify_tip,
};

use types::DecodeError;

use crate::CertificateError;

/// Why an answer was refused. Whoever sent it is not honest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The bytes are no answer.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A certificate does not hold.
    #[error("block {height}: {source}")]
    Certificate {
        /// Height that it was given for.
        height: u64,
        /// What is wrong with it.
        source: CertificateError,
    },
    /// A part is not what the certified chain has at this place.
    #[error("block {height}: {what}")]
    Wrong {
        /// Height of the block.
        height: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// Epochs in one answer to [`HistoryRequest::Sets`].
pub const STEPS_MAX: usize = 64;
/// Blocks in one answer to [`HistoryRequest::Headers`].
pub const HEADERS_MAX: usize = 256;
/// Blocks in one answer to [`HistoryRequest::Bodies`] or [`HistoryRequest::Receipts`].
pub const BODIES_MAX: usize = 64;
/// Transactions or receipts of all blocks of an answer together.
pub const ITEMS_MAX: usize = types::limits::BLOCK_TRANSACTIONS_MAX;
/// Bytes beyond which a server adds no further block to an answer.
pub const ANSWER_BYTES_TARGET: usize = 1024 * 1024;
/// Bytes of an answer: the receipts of one block alone, whose logs are at most what the highest gas
/// limit buys at 8 gas a byte, with the lists around them.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

const _: () = {
    assert!(types::limits::BLOCK_GAS_LIMIT_MAX / 8 + 1024 * 1024 <= ANSWER_BYTES_MAX as u64);
    assert!(types::limits::BLOCK_BYTES_MAX + 64 <= ANSWER_BYTES_MAX);
};

#[cfg(test)]
mod tests;
