//! The data of one ledger: headers, block extensions, blocks, transactions, receipts, certificates,
//! genesis, parameters, limits, and their byte encodings.
//!
//! Everything that other programs check is defined here and described byte by byte in
//! `docs/en/ledger-format.md`; the two are held together by the vectors in that document. No I/O,
//! no clock, no randomness. Everything decoded here may come from an enemy: decoders never panic,
//! accept one encoding per value, and bound what they read by [`limits`].

mod activations;
mod block;
mod certificate;
mod error;
mod evidence;
mod extension;
mod genesis;
mod header;
mod ids;
pub mod limits;
mod namespace;
mod parameters;
mod receipt;
mod state_commitment;
mod transaction;
mod validators;

pub use activations::{ACTIVATIONS_MAX, FEATURE_NAME_BYTES_MAX, Feature, UnknownActivation};
pub use block::Block;
pub use certificate::{Certificate, ValidatorSignature, quorum, signed_bytes};
pub use error::DecodeError;
pub use evidence::{Evidence, SignedVote, VOTE_MESSAGE_BYTES_MAX, VoteKind};
pub use extension::{EXTENSION_VERSION, Extension};
pub use genesis::{
    AllocatedAccount, Genesis, GenesisError, GenesisObserver, GenesisValidator, Profile,
};
pub use header::{
    EMPTY_OMMERS_HASH, EMPTY_REQUESTS_HASH, Header, blank_header, decode_header, next_mix_hash,
};
pub use ids::{ChainId, Incarnation, LedgerId};
pub use namespace::Namespace;
pub use parameters::{FeeMode, Parameters};
pub use receipt::{Receipt, receipts_root, receipts_root_and_bloom, transactions_root};
pub use state_commitment::{
    DATABASE_COUNT, DatabaseCommitment, StateCommitment, account_key, code_chunk_key, storage_key,
};
pub use transaction::{Transaction, TransactionError, TransactionKind};
pub use validators::{ValidatorKey, ValidatorSet, ValidatorSetError};
