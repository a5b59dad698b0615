//! The durable back end: three QMDB databases (`commonware-storage`), one per kind of value.
//!
//! Accounts and storage are *current* ordered databases: their roots prove the present value of a
//! key and its absence. Code never changes, so it lives in an *immutable* database, cut into
//! chunks because the state-sync resolver carries fixed-size operations only. Keys are hashes
//! (`types::account_key` and its siblings): the index keeps a prefix of the key, so keys must be
//! uniform.

mod batches;
mod config;
mod pages;
mod proof;
mod values;

#[cfg(test)]
mod tests;

use commonware_cryptography::{Sha256, keccak256};
use commonware_glue::stateful::db::{DatabaseSet, Shared};
use commonware_parallel::Rayon;
use commonware_storage::{
    mmr,
    qmdb::{current::ordered, immutable},
    translator::EightCap,
};
use commonware_utils::sequence::FixedBytes;

pub use batches::{
    ApplyError, BatchReader, CommittedReader, Runtime, apply_diff, commitment, committed,
    empty_commitment, sync_targets,
};
pub use config::{StateConfig, database_config};
pub use pages::{
    Database, PAGE_OPERATIONS, PageError, PageRequest, ReadPages, RebuildError, page_at, pages,
    read_page, rebuild, verify_page,
};
pub use proof::{PROOF_BYTES_MAX, ProofError, ProvedValue, prove, verify};
pub use values::{CODE_BYTES_MAX, CODE_CHUNK_BYTES};

use crate::AccountRecord;

/// A hashed key (keccak256).
pub type Key = keccak256::Digest;
/// Bytes of an account record.
pub type AccountValue = FixedBytes<{ AccountRecord::LENGTH }>;
/// Bytes of a storage word.
pub type StorageValue = FixedBytes<32>;
/// A piece of code.
pub type CodeChunk = FixedBytes<CODE_CHUNK_BYTES>;
/// Hash function of the databases' Merkle structures.
pub type RootHasher = Sha256;

/// Activity bitmap chunk, bytes: one leaf of the grafted tree covers 256 operations.
const BITMAP_CHUNK_BYTES: usize = 32;

/// Accounts by hashed address.
pub type AccountsDb<E> = ordered::fixed::Db<
    mmr::Family,
    E,
    Key,
    AccountValue,
    RootHasher,
    EightCap,
    BITMAP_CHUNK_BYTES,
    Rayon,
>;
/// Storage words by hashed (address, slot).
pub type StorageDb<E> = ordered::fixed::Db<
    mmr::Family,
    E,
    Key,
    StorageValue,
    RootHasher,
    EightCap,
    BITMAP_CHUNK_BYTES,
    Rayon,
>;
/// Code chunks by hashed (code hash, index).
pub type CodeDb<E> =
    immutable::fixed::Db<mmr::Family, E, Key, CodeChunk, RootHasher, EightCap, Rayon>;

/// The databases of one ledger.
pub type Databases<E> = (Shared<AccountsDb<E>>, Shared<StorageDb<E>>, Shared<CodeDb<E>>);
/// Speculative writes over a parent's state.
pub type Batches<E> = <Databases<E> as DatabaseSet<E>>::Unmerkleized;
/// Sealed writes with their roots.
pub type Sealed<E> = <Databases<E> as DatabaseSet<E>>::Merkleized;
/// What state sync verifies against.
pub type SyncTargets<E> = <Databases<E> as DatabaseSet<E>>::SyncTargets;
