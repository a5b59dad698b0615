//! The data folder of one node: at most one process uses it, and it belongs to one network.
//!
//! `LOCK` is held by an operating system lock for as long as the process lives, so a killed
//! process never leaves a stale one; the process id in it is for people. `network.json` remembers
//! the network that the folder was made for.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};

use crate::{
    disk::{self, DiskLimits},
    error::NodeError,
};

/// Version of the folder's layout that this release writes.
pub const FORMAT: u32 = 1;
/// Longest `network.json` or `LOCK` that is read, bytes.
const SMALL_FILE_BYTES_MAX: u64 = 4096;
/// How often the lock is tried.
const LOCK_ATTEMPTS: u32 = 5;
/// Time between two attempts.
const LOCK_RETRY: std::time::Duration = std::time::Duration::from_millis(40);
const LOCK_FILE: &str = "LOCK";
const NETWORK_FILE: &str = "network.json";
const PROBE_FILE: &str = ".write-probe";

/// Which network a folder belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkIdentity {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Hash of block 0.
    pub genesis_hash: B256,
}

#[derive(Serialize, Deserialize)]
struct NetworkFile {
    format: u32,
    chain_id: u64,
    genesis_hash: B256,
}

/// An opened data folder; dropping it releases the lock.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Creates what is missing, takes the lock and checks the network.
    ///
    /// # Errors
    /// In use, not writable, disk full, of another network, of a later release.
    pub fn open(
        path: &Path,
        identity: NetworkIdentity,
        limits: DiskLimits,
    ) -> Result<Self, NodeError> {
        fs::create_dir_all(path)
            .map_err(|error| NodeError::storage(path, "create the folder", &error))?;
        let folder = Self { path: path.to_path_buf(), _lock: lock(path)? };
        check_space(path, limits)?;
        write_probe(path)?;
        folder.check_network(identity)?;
        for name in ["consensus", "chain"] {
            let part = folder.ledger_folder(0).join(name);
            fs::create_dir_all(&part)
                .map_err(|error| NodeError::storage(&part, "create the folder", &error))?;
        }
        Ok(folder)
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything of ledger `id`: `consensus` (blocks, certificates, votes, state) and `chain`
    /// (receipts and indexes).
    pub fn ledger_folder(&self, id: types::LedgerId) -> PathBuf {
        self.path.join("ledgers").join(id.to_string())
    }

    fn check_network(&self, identity: NetworkIdentity) -> Result<(), NodeError> {
        match check_network(&self.path, identity)? {
            Stored::Nothing => write_network(&self.path.join(NETWORK_FILE), identity),
            Stored::ThisNetwork => Ok(()),
        }
    }
}

/// Where the data folder keeps divergence reports.
pub fn reports(folder: &Path) -> PathBuf {
    folder.join("reports")
}

/// Where the data folder keeps verified contracts.
pub(crate) fn verification(folder: &Path) -> PathBuf {
    folder.join("verification")
}

/// What a folder holds that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It was never used.
    Nothing,
    /// Data of the network asked for.
    ThisNetwork,
}

/// Whether the folder is of this network and format. Writes nothing and takes no lock.
///
/// # Errors
/// Of another network, of a later release, not readable.
pub fn check_network(folder: &Path, identity: NetworkIdentity) -> Result<Stored, NodeError> {
    let path = folder.join(NETWORK_FILE);
    let Some(text) = read_small(&path)? else { return Ok(Stored::Nothing) };
    let found: NetworkFile =
        serde_json::from_str(&text).map_err(|error| NodeError::DataFolderUnusable {
            path: path.clone(),
            action: "read which network the folder belongs to",
            cause: error.to_string(),
        })?;
    if found.format > FORMAT {
        let path = folder.to_path_buf();
        return Err(NodeError::DataFolderNewer { path, found: found.format, known: FORMAT });
    }
    let found_identity =
        NetworkIdentity { chain_id: found.chain_id, genesis_hash: found.genesis_hash };
    if found_identity == identity {
        return Ok(Stored::ThisNetwork);
    }
    Err(NodeError::DataFolderOtherNetwork {
        path: folder.to_path_buf(),
        found_chain_id: found.chain_id,
        found_genesis: found.genesis_hash,
        chain_id: identity.chain_id,
        genesis: identity.genesis_hash,
    })
}

/// The process that uses the folder now; `None` if none does.
pub fn holder(path: &Path) -> Option<u32> {
    let mut file = OpenOptions::new().read(true).open(path.join(LOCK_FILE)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => read_pid(&mut file),
        _ => None,
    }
}

/// Whether a byte can be written and made durable in `path`.
///
/// # Errors
/// As [`DataFolder::open`].
pub fn write_probe(path: &Path) -> Result<(), NodeError> {
    let probe = path.join(PROBE_FILE);
    let write = || {
        let mut file = File::create(&probe)?;
        file.write_all(b"heqi")?;
        file.sync_data()
    };
    write().map_err(|error| NodeError::storage(&probe, "write", &error))?;
    // Left-over probe files do no harm, and the next probe overwrites them.
    let _ = fs::remove_file(&probe);
    Ok(())
}

/// Bytes free below which whatever just failed is put down to the full disk.
const FULL_BYTES: u64 = 1024 * 1024;

/// What is wrong with the store in `path` at this moment, if anything is: libraries report a failed
/// write without its cause.
pub fn trouble(path: &Path) -> Option<NodeError> {
    let free_bytes = disk::free_bytes(path).filter(|free| *free < FULL_BYTES);
    let full = free_bytes.map(|free_bytes| NodeError::DiskFull {
        path: path.to_path_buf(),
        free_bytes,
        needed_bytes: DiskLimits::default().start_bytes(),
    });
    full.or_else(|| write_probe(path).err())
}

fn check_space(path: &Path, limits: DiskLimits) -> Result<(), NodeError> {
    let needed_bytes = limits.start_bytes();
    match disk::free_bytes(path) {
        Some(free_bytes) if free_bytes < needed_bytes => {
            Err(NodeError::DiskFull { path: path.to_path_buf(), free_bytes, needed_bytes })
        }
        _ => Ok(()),
    }
}

/// Takes the lock; dropping the file releases it.
pub(crate) fn lock(path: &Path) -> Result<File, NodeError> {
    let lock_path = path.join(LOCK_FILE);
    let storage = |action| {
        let lock_path = lock_path.clone();
        move |error: std::io::Error| NodeError::storage(&lock_path, action, &error)
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .map_err(storage("open the lock file"))?;
    match try_lock_patiently(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let pid = read_pid(&mut file);
            return Err(NodeError::DataFolderInUse { path: path.to_path_buf(), pid });
        }
        Err(TryLockError::Error(error)) => return Err(storage("lock")(error)),
    }
    file.set_len(0)
        .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()))
        .map_err(storage("write the lock file"))?;
    Ok(file)
}

/// [`holder`] takes the lock for a moment to look; a second and third attempt tell that from a use.
fn try_lock_patiently(file: &File) -> Result<(), TryLockError> {
    for _ in 1..LOCK_ATTEMPTS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_RETRY),
            answer => return answer,
        }
    }
    file.try_lock()
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(SMALL_FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn read_small(path: &Path) -> Result<Option<String>, NodeError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(NodeError::storage(path, "read", &error)),
    };
    let mut text = String::new();
    file.take(SMALL_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| NodeError::storage(path, "read", &error))?;
    Ok(Some(text))
}

/// Written aside, made durable and then renamed: a crash leaves the whole file or none.
fn write_network(path: &Path, identity: NetworkIdentity) -> Result<(), NodeError> {
    let text = serde_json::to_string_pretty(&NetworkFile {
        format: FORMAT,
        chain_id: identity.chain_id,
        genesis_hash: identity.genesis_hash,
    })
    .expect("numbers and hashes always have a JSON form");
    let aside = path.with_extension("json.new");
    let write = || {
        let mut file = File::create(&aside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&aside, path)?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(|error| NodeError::storage(path, "write", &error))
}

#[cfg(test)]
#[path = "data_folder/tests.rs"]
mod tests;
