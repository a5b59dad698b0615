//! Reading and writing the three databases as one state.

use alloy_primitives::{B256, Bytes, b256};
use commonware_glue::stateful::db::{Merkleized as _, Unmerkleized as _};
use commonware_storage::{mmr::Location, qmdb::sync::Target};
use commonware_utils::{non_empty_range, range::NonEmptyRange};
use types::{DatabaseCommitment, StateCommitment, account_key, storage_key};

use super::{
    Batches, CodeChunk, Databases, Key, Sealed, SyncTargets,
    values::{
        account_record, account_value, chunk_count, chunk_key, code_chunks, digest, join_chunks,
        storage_value, storage_word,
    },
};
use crate::{StateDiff, StateError, StateKey, StateReader, StateValue, qmdb::CODE_BYTES_MAX};

/// Runtime needed by the databases.
pub trait Runtime: commonware_storage::Context + commonware_runtime::Spawner {}
impl<E: commonware_storage::Context + commonware_runtime::Spawner> Runtime for E {}

/// Why a diff was not written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A whole account's storage is to be destroyed, which the rules of Heqi's ledgers exclude
    /// and hashed keys cannot do.
    #[error("the diff destroys the storage of an account, which this back end cannot do")]
    Wipe,
    /// Code longer than the store takes.
    #[error("code of {0} bytes exceeds the limit of {CODE_BYTES_MAX}")]
    CodeTooLong(usize),
    /// A key was paired with a value of another kind.
    #[error("the diff pairs {0:?} with a value of another kind")]
    Mismatch(StateKey),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StateError),
}

fn store(error: impl std::fmt::Display) -> StateError {
    StateError::Store(error.to_string())
}

/// Hashed keys of one request, by database, with the position of each in the answer.
#[derive(Default)]
struct Plan {
    accounts: Vec<(usize, Key)>,
    storage: Vec<(usize, Key)>,
    code: Vec<(usize, B256)>,
}

impl Plan {
    fn new(keys: &[StateKey]) -> Self {
        let mut plan = Self::default();
        for (position, key) in keys.iter().enumerate() {
            match *key {
                StateKey::Account(address) => {
                    plan.accounts.push((position, digest(account_key(address))));
                }
                StateKey::Storage(address, slot) => {
                    plan.storage.push((position, digest(storage_key(address, slot))));
                }
                StateKey::Code(hash) => plan.code.push((position, hash)),
            }
        }
        plan
    }
}

/// Reads through any pair of "many accounts" and "many slots" sources: batches or databases.
macro_rules! read_through {
    ($accounts:expr, $storage:expr, $code:expr, $keys:expr) => {{
        let plan = Plan::new($keys);
        let mut values: Vec<Option<StateValue>> = vec![None; $keys.len()];
        if !plan.accounts.is_empty() {
            let keys: Vec<&Key> = plan.accounts.iter().map(|(_, key)| key).collect();
            let found = $accounts.get_many(&keys).await.map_err(store)?;
            for ((position, _), value) in plan.accounts.iter().zip(found) {
                values[*position] = value.map(|v| StateValue::Account(account_record(&v)));
            }
        }
        if !plan.storage.is_empty() {
            let keys: Vec<&Key> = plan.storage.iter().map(|(_, key)| key).collect();
            let found = $storage.get_many(&keys).await.map_err(store)?;
            for ((position, _), value) in plan.storage.iter().zip(found) {
                values[*position] = value.map(|v| StateValue::Storage(storage_word(&v)));
            }
        }
        for (position, hash) in &plan.code {
            let Some(first) = $code.get(&chunk_key(*hash, 0)).await.map_err(store)? else {
                continue;
            };
            let rest: Vec<Key> =
                (1..chunk_count(&first)?).map(|index| chunk_key(*hash, index)).collect();
            let keys: Vec<&Key> = rest.iter().collect();
            let found = $code.get_many(&keys).await.map_err(store)?;
            values[*position] = Some(StateValue::Code(code_of(first, found)?));
        }
        Ok(values)
    }};
}

fn code_of(first: CodeChunk, rest: Vec<Option<CodeChunk>>) -> Result<Bytes, StateError> {
    let mut chunks = Vec::with_capacity(rest.len() + 1);
    chunks.push(first);
    for chunk in rest {
        chunks.push(chunk.ok_or_else(|| StateError::Store("a chunk of code is missing".into()))?);
    }
    join_chunks(&chunks)
}

/// Reads the parent's state through speculative batches.
pub struct BatchReader<'a, E: Runtime>(pub &'a Batches<E>);

impl<E: Runtime> StateReader for BatchReader<'_, E> {
    async fn read_many(&self, keys: &[StateKey]) -> Result<Vec<Option<StateValue>>, StateError> {
        let (accounts, storage, code) = self.0;
        read_through!(accounts, storage, code, keys)
    }
}

/// Reads the newest applied state.
pub struct CommittedReader<E: Runtime>(pub Databases<E>);

impl<E: Runtime> StateReader for CommittedReader<E> {
    async fn read_many(&self, keys: &[StateKey]) -> Result<Vec<Option<StateValue>>, StateError> {
        let (accounts, storage, code) = &self.0;
        read_through!(accounts.read().await, storage.read().await, code.read().await, keys)
    }
}

/// Writes a diff and seals the batches.
pub async fn apply_diff<E: Runtime>(
    batches: Batches<E>,
    diff: &StateDiff,
) -> Result<Sealed<E>, ApplyError> {
    if !diff.wiped.is_empty() {
        return Err(ApplyError::Wipe);
    }
    let (mut accounts, mut storage, mut code) = batches;
    for (key, change) in &diff.changes {
        match (*key, &change.current) {
            (StateKey::Account(address), value @ (None | Some(StateValue::Account(_)))) => {
                let value = match value {
                    Some(StateValue::Account(record)) => Some(account_value(record)),
                    _ => None,
                };
                accounts = accounts.write(digest(account_key(address)), value);
            }
            (StateKey::Storage(address, slot), value @ (None | Some(StateValue::Storage(_)))) => {
                let value = match value {
                    Some(StateValue::Storage(word)) => Some(storage_value(*word)),
                    _ => None,
                };
                storage = storage.write(digest(storage_key(address, slot)), value);
            }
            // Code is never removed: other accounts may share it.
            (StateKey::Code(_), None) => {}
            (StateKey::Code(hash), Some(StateValue::Code(bytes))) => {
                if bytes.len() > CODE_BYTES_MAX {
                    return Err(ApplyError::CodeTooLong(bytes.len()));
                }
                // The database takes each key once.
                if code.get(&chunk_key(hash, 0)).await.map_err(store)?.is_none() {
                    for (index, chunk) in code_chunks(bytes).into_iter().enumerate() {
                        code = code.set(chunk_key(hash, index), chunk);
                    }
                }
            }
            (key, Some(_)) => return Err(ApplyError::Mismatch(key)),
        }
    }
    let accounts = accounts.merkleize().await.map_err(store)?;
    let storage = storage.merkleize().await.map_err(store)?;
    let code = code.merkleize().await.map_err(store)?;
    Ok((accounts, storage, code))
}

fn entry(root: [u8; 32], ops_root: [u8; 32], start: u64, end: u64) -> DatabaseCommitment {
    DatabaseCommitment {
        root: B256::from(root),
        ops_root: B256::from(ops_root),
        range_start: start,
        range_end: end,
    }
}

/// What a block with this post-state commits to.
pub fn commitment<E: Runtime>(sealed: &Sealed<E>) -> StateCommitment {
    let (accounts, storage, code) = sealed;
    StateCommitment {
        accounts: entry(
            accounts.root().0,
            accounts.ops_root().0,
            *accounts.sync_boundary(),
            *accounts.bounds().tip.size,
        ),
        storage: entry(
            storage.root().0,
            storage.ops_root().0,
            *storage.sync_boundary(),
            *storage.bounds().tip.size,
        ),
        code: entry(
            code.root().0,
            code.root().0,
            *code.bounds().inactivity_floor,
            *code.bounds().tip.size,
        ),
    }
}

/// Commitment of the applied state. The three databases are read one after the other, so the
/// result is meaningful only if it meets the state root of a known header.
pub async fn committed<E: Runtime>(databases: &Databases<E>) -> StateCommitment {
    let (accounts, storage, code) = databases;
    let accounts = accounts.read().await;
    let storage = storage.read().await;
    let code = code.read().await;
    StateCommitment {
        accounts: entry(
            accounts.root().0,
            accounts.ops_root().0,
            *accounts.sync_boundary(),
            *accounts.bounds().end,
        ),
        storage: entry(
            storage.root().0,
            storage.ops_root().0,
            *storage.sync_boundary(),
            *storage.bounds().end,
        ),
        code: entry(code.root().0, code.root().0, *code.sync_boundary(), *code.bounds().end),
    }
}

/// Commitment of databases that nothing was ever written to: what block 0 carries.
pub fn empty_commitment() -> StateCommitment {
    let empty =
        |root, ops_root| DatabaseCommitment { root, ops_root, range_start: 0, range_end: 1 };
    StateCommitment {
        accounts: empty(
            b256!("e80cce8fa138450eaead3fc11fadfa45b26cb5952c46f179b1408a5588038c18"),
            b256!("05cb2b46d1e0abd25593701c7fae0b0da0372cc4ba6d3705909fcbe88fdd4c22"),
        ),
        storage: empty(
            b256!("d1875f5fd0c3a1c770c129918a5a69b5ac9b5f7c44b304f411265d1274154b7d"),
            b256!("e355f044b4fe6e1d816571a52d0187eb4138913d80bdc7aae30d0b91ef85e667"),
        ),
        code: empty(
            b256!("b8375e640af8ddce733102fbc8be611bbc6d15fce5cba6ea524b11883fe178ed"),
            b256!("b8375e640af8ddce733102fbc8be611bbc6d15fce5cba6ea524b11883fe178ed"),
        ),
    }
}

/// Sync targets that a commitment stands for. An empty range, which no honest block has, is
/// widened so that the target matches nothing.
pub fn sync_targets<E: Runtime>(commitment: &StateCommitment) -> SyncTargets<E> {
    (target(&commitment.accounts), target(&commitment.storage), target(&commitment.code))
}

pub(super) fn target<D: From<[u8; 32]> + commonware_cryptography::Digest>(
    database: &DatabaseCommitment,
) -> Target<commonware_storage::mmr::Family, D> {
    Target::new(D::from(database.ops_root.0), range(database))
}

fn range(database: &DatabaseCommitment) -> NonEmptyRange<Location> {
    let end = database.range_end.max(database.range_start.saturating_add(1));
    let start = database.range_start.min(end - 1);
    non_empty_range!(Location::new(start), Location::new(end))
}
