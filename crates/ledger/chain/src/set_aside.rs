//! A store that is damaged at opening: moved aside for inspection, and begun anew with what cannot
//! be fetched from anywhere else at once.
//!
//! Nothing in the chain store is known to this node alone. Its state databases say where it
//! stands, the next block goes on from there ([`ChainStore::join`]), and what lies below is fetched
//! from peers like by any node that joined. Only the validators of the current epoch are needed
//! before a peer can be asked, so the newest sets are kept in a file of their own as well.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use alloy_primitives::{B256, keccak256};
use fjall::OwnedWriteBatch;
use types::ValidatorSet;

use crate::{ChainError, ChainOptions, ChainStore, encoding};

/// Newest validator sets kept outside the store as well.
const SETS_BESIDE_MAX: usize = 4;
/// Longest file of them that is read, bytes.
const BESIDE_BYTES_MAX: u64 = 1024 * 1024;

/// What happened to a damaged store.
#[derive(Debug)]
pub struct SetAside {
    /// Where it is now. An earlier one there is gone.
    pub folder: PathBuf,
    /// What was found.
    pub damage: ChainError,
}

impl ChainStore {
    /// Opens the store; a damaged one is moved to the folder beside it with the ending `damaged`
    /// (one is kept) and a new one begun. Once that has block 0, it has the newest validator sets of
    /// the old one as well.
    ///
    /// # Errors
    /// As [`Self::open`], damage excepted; the folder cannot be moved.
    pub fn open_or_set_aside(
        path: &Path,
        options: ChainOptions,
    ) -> Result<(Self, Option<SetAside>), ChainError> {
        let damage = match Self::open(path, options) {
            Ok(store) => return Ok((store, None)),
            Err(damage @ ChainError::Damaged { .. }) => damage,
            Err(other) => return Err(other),
        };
        let folder = beside(path, "damaged");
        tracing::error!(%damage, kept = %folder.display(), "chain store is damaged, begun anew");
        move_aside(path, &folder).map_err(io_error)?;
        let store = Self::open(path, options)?;
        Ok((store, Some(SetAside { folder, damage })))
    }

    /// Puts back the sets beside a store that begins with block 0, if they are of the same chain.
    pub(crate) fn restore_from_beside(&self, batch: &mut OwnedWriteBatch, genesis: B256) {
        for (epoch, set) in read_sets(&beside(self.path(), "validators"), genesis) {
            tracing::info!(epoch, "validators restored from the copy beside the chain store");
            let (key, value) = (encoding::height_key(epoch), encoding::encode_validators(&set));
            batch.insert(&self.tables.validators, key, value);
        }
    }

    /// A journal that lost its end may have lost the newest sets with it, without which a node
    /// cannot check what its peers send: they are taken from the copy.
    pub(crate) fn restore_lost_validators(&self) -> Result<(), ChainError> {
        let Some(genesis) = self.hash(0)? else {
            return Ok(());
        };
        for (epoch, set) in read_sets(&beside(self.path(), "validators"), genesis) {
            if self.validators(epoch)?.is_none() {
                tracing::warn!(epoch, "validators restored from the copy beside the chain store");
                self.put_validators(epoch, &set)?;
            }
        }
        Ok(())
    }

    /// Keeps the newest sets in a file beside a store that holds block 0.
    pub(crate) fn keep_beside(&self, epoch: u64, set: &ValidatorSet) -> Result<(), ChainError> {
        let Some(genesis) = self.hash(0)? else {
            return Ok(());
        };
        let file = beside(self.path(), "validators");
        let mut sets = read_sets(&file, genesis);
        sets.retain(|(kept, _)| *kept != epoch);
        sets.push((epoch, set.clone()));
        sets.sort_by_key(|(epoch, _)| *epoch);
        let surplus = sets.len().saturating_sub(SETS_BESIDE_MAX);
        write_sets(&file, genesis, &sets[surplus..]).map_err(io_error)
    }
}

fn io_error(error: io::Error) -> ChainError {
    ChainError::Storage(fjall::Error::Io(error))
}

/// `path` with an ending: `chain` and `damaged` make `chain.damaged`.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

fn move_aside(path: &Path, target: &Path) -> io::Result<()> {
    if target.exists() {
        fs::remove_dir_all(target)?;
    }
    fs::rename(path, target)?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// `keccak256 of the rest (32) || hash of block 0 (32) || (epoch (8) || count (4) || key (32)…)…`,
/// through another file, so that a killed process leaves one of the two whole.
fn write_sets(file: &Path, genesis: B256, sets: &[(u64, ValidatorSet)]) -> io::Result<()> {
    let mut content = genesis.to_vec();
    for (epoch, set) in sets {
        content.extend_from_slice(&epoch.to_be_bytes());
        let count = u32::try_from(set.keys().len()).map_err(io::Error::other)?;
        content.extend_from_slice(&count.to_be_bytes());
        content.extend(encoding::encode_validators(set));
    }
    let temporary = beside(file, "new");
    let mut out = File::create(&temporary)?;
    out.write_all(keccak256(&content).as_slice())?;
    out.write_all(&content)?;
    // Not synced: a joining node stores one set per epoch, and a torn copy is seen by its hash.
    drop(out);
    fs::rename(temporary, file)
}

/// The sets in the file; none where it is absent, damaged itself or of another chain.
fn read_sets(file: &Path, genesis: B256) -> Vec<(u64, ValidatorSet)> {
    let length = fs::metadata(file).map_or(0, |metadata| metadata.len());
    if length == 0 || length > BESIDE_BYTES_MAX {
        return Vec::new();
    }
    let sets = fs::read(file).ok().and_then(|bytes| decode_sets(&bytes, genesis));
    sets.unwrap_or_else(|| {
        tracing::warn!(file = %file.display(), "copy of the validator sets is damaged");
        Vec::new()
    })
}

fn decode_sets(bytes: &[u8], genesis: B256) -> Option<Vec<(u64, ValidatorSet)>> {
    let (hash, mut rest) = bytes.split_at_checked(32)?;
    if keccak256(rest).as_slice() != hash {
        return None;
    }
    let (chain, tail) = rest.split_at_checked(32)?;
    let mut sets = Vec::new();
    if chain != genesis {
        return Some(sets);
    }
    rest = tail;
    while !rest.is_empty() {
        let (epoch, tail) = rest.split_first_chunk::<8>()?;
        let (count, tail) = tail.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*count)).ok()?.checked_mul(32)?;
        let (keys, tail) = tail.split_at_checked(length)?;
        sets.push((u64::from_be_bytes(*epoch), encoding::decode_validators(keys).ok()?));
        rest = tail;
    }
    Some(sets)
}
