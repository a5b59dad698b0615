//! Proofs that a value is, or is not, part of the state behind a header's `stateRoot`.
//!
//! A proof is one byte, 1 for a present and 0 for an absent value, followed by the storage
//! library's inclusion or exclusion proof in its own encoding. It verifies against the root of
//! its database, and the roots of the three databases hash to the header's `stateRoot`.

use alloy_primitives::{Address, B256, Bytes, U256};
use commonware_codec::{Decode as _, Encode as _};
use commonware_cryptography::sha256;
use commonware_storage::{
    mmr,
    qmdb::{
        Error as StoreError,
        any::value::FixedEncoding,
        current::ordered::proof::constant::{ExclusionProof, KeyValueProof},
    },
};
use types::{StateCommitment, account_key, storage_key};

use super::{
    AccountValue, BITMAP_CHUNK_BYTES, Databases, Key, RootHasher, Runtime, StorageValue, committed,
    values::{account_record, account_value, digest, storage_value, storage_word},
};
use crate::{StateError, StateKey, StateValue};

/// Longest proof that is read, bytes; over a billion operations a proof has about 1,500.
pub const PROOF_BYTES_MAX: usize = 16 * 1024;

/// Nodes in one Merkle path.
const PROOF_DIGESTS_MAX: usize = 256;

const ABSENT: u8 = 0;
const PRESENT: u8 = 1;

type Inclusion = KeyValueProof<mmr::Family, Key, sha256::Digest, BITMAP_CHUNK_BYTES>;
type Exclusion<V> =
    ExclusionProof<mmr::Family, Key, FixedEncoding<V>, sha256::Digest, BITMAP_CHUNK_BYTES>;

/// One key, its value and the proof of either.
#[derive(Clone, Debug)]
pub struct ProvedValue {
    /// What was asked for.
    pub key: StateKey,
    /// The value; `None` where the proof shows absence.
    pub value: Option<StateValue>,
    /// The proof.
    pub proof: Bytes,
}

/// Why a proof was not made or not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Code is proved by its hash in the account, not by a path.
    #[error("code has no proof of its own: compare its keccak256 with the account's code hash")]
    Code,
    /// The proof does not decode.
    #[error("malformed state proof: {0}")]
    Malformed(String),
    /// The proof does not lead to the root.
    #[error("the state proof does not match the root")]
    Mismatch,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StateError),
}

/// Proves accounts and slots at the applied state. The answer's commitment tells which block the
/// proofs belong to: the caller compares it with the head's `stateRoot` and asks again if a block
/// was applied in between.
pub async fn prove<E: Runtime>(
    databases: &Databases<E>,
    keys: &[StateKey],
) -> Result<(StateCommitment, Vec<ProvedValue>), ProofError> {
    let before = committed(databases).await;
    let mut proved = Vec::with_capacity(keys.len());
    for key in keys {
        proved.push(prove_one(databases, *key).await?);
    }
    // A block applied meanwhile shows as another commitment than the one before.
    let after = committed(databases).await;
    if before != after {
        return Err(StateError::Store("the state moved on while it was proved".into()).into());
    }
    Ok((after, proved))
}

macro_rules! prove_in {
    ($database:expr, $hashed:expr, $value_type:ty, $lift:expr) => {{
        let database = $database.read().await;
        match database.get(&$hashed).await.map_err(store)? {
            Some(value) => {
                let proof = database.key_value_proof($hashed).await.map_err(store)?;
                (Some($lift(&value)), tagged(PRESENT, &proof.encode()))
            }
            None => {
                let proof = database.exclusion_proof(&$hashed).await.map_err(store)?;
                (None, tagged(ABSENT, &proof.encode()))
            }
        }
    }};
}

async fn prove_one<E: Runtime>(
    databases: &Databases<E>,
    key: StateKey,
) -> Result<ProvedValue, ProofError> {
    let (accounts, storage, _) = databases;
    let (value, proof) = match key {
        StateKey::Account(address) => {
            let hashed = digest(account_key(address));
            prove_in!(accounts, hashed, AccountValue, |v| StateValue::Account(account_record(v)))
        }
        StateKey::Storage(address, slot) => {
            let hashed = digest(storage_key(address, slot));
            prove_in!(storage, hashed, StorageValue, |v| StateValue::Storage(storage_word(v)))
        }
        StateKey::Code(_) => return Err(ProofError::Code),
    };
    Ok(ProvedValue { key, value, proof })
}

fn store(error: StoreError<mmr::Family>) -> ProofError {
    ProofError::Store(StateError::Store(error.to_string()))
}

fn tagged(tag: u8, proof: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(proof.len() + 1);
    bytes.push(tag);
    bytes.extend_from_slice(proof);
    bytes.into()
}

/// Checks that `proved` belongs to the state with this commitment.
pub fn verify(commitment: &StateCommitment, proved: &ProvedValue) -> Result<(), ProofError> {
    match (proved.key, &proved.value) {
        (StateKey::Account(address), Some(StateValue::Account(record))) => {
            included::<AccountValue>(
                account_key(address),
                account_value(record),
                commitment.accounts.root,
                &proved.proof,
            )
        }
        (StateKey::Account(address), None) => {
            excluded_account(address, commitment.accounts.root, &proved.proof)
        }
        (StateKey::Storage(address, slot), Some(StateValue::Storage(word))) => {
            included::<StorageValue>(
                storage_key(address, slot),
                storage_value(*word),
                commitment.storage.root,
                &proved.proof,
            )
        }
        (StateKey::Storage(address, slot), None) => {
            excluded_slot(address, slot, commitment.storage.root, &proved.proof)
        }
        _ => Err(ProofError::Code),
    }
}

fn excluded_account(address: Address, root: B256, proof: &Bytes) -> Result<(), ProofError> {
    excluded::<AccountValue>(account_key(address), root, proof)
}

fn excluded_slot(
    address: Address,
    slot: U256,
    root: B256,
    proof: &Bytes,
) -> Result<(), ProofError> {
    excluded::<StorageValue>(storage_key(address, slot), root, proof)
}

fn included<V>(key: B256, value: V, root: B256, proof: &Bytes) -> Result<(), ProofError>
where
    V: commonware_storage::qmdb::any::value::FixedValue,
{
    let body = body(PRESENT, proof)?;
    let proof = Inclusion::decode_cfg(body, &(PROOF_DIGESTS_MAX, ())).map_err(malformed)?;
    let root = sha256::Digest::from(root.0);
    let holds = proof.verify::<RootHasher, FixedEncoding<V>>(digest(key), value, &root);
    if holds { Ok(()) } else { Err(ProofError::Mismatch) }
}

fn excluded<V>(key: B256, root: B256, proof: &Bytes) -> Result<(), ProofError>
where
    V: commonware_storage::qmdb::any::value::FixedValue,
{
    let body = body(ABSENT, proof)?;
    let proof =
        Exclusion::<V>::decode_cfg(body, &(PROOF_DIGESTS_MAX, (), ())).map_err(malformed)?;
    let root = sha256::Digest::from(root.0);
    let holds = proof.verify::<RootHasher>(&digest(key), &root);
    if holds { Ok(()) } else { Err(ProofError::Mismatch) }
}

fn body(tag: u8, proof: &Bytes) -> Result<bytes::Bytes, ProofError> {
    match proof.first() {
        _ if proof.len() > PROOF_BYTES_MAX => {
            Err(ProofError::Malformed(format!("{} bytes exceed {PROOF_BYTES_MAX}", proof.len())))
        }
        Some(first) if *first == tag => Ok(proof.0.slice(1..)),
        _ => Err(ProofError::Malformed("wrong kind of proof".into())),
    }
}

fn malformed(error: commonware_codec::Error) -> ProofError {
    ProofError::Malformed(error.to_string())
}
