//! Making the data folder of a new node out of a snapshot.

use std::{
    fs,
    io::ErrorKind,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

use commonware_runtime::{Runner as _, tokio as ledger_runtime};
use state::qmdb::ReadPages;
use types::Genesis;

pub use engine::snapshot::Beginning;

use crate::{
    data_folder::{DataFolder, NetworkIdentity},
    disk::{self, DiskLimits},
    error::NodeError,
    files,
    ledger_link::PARTITION_PREFIX,
};

/// Page cache while the stores are made, bytes.
const CACHE_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of one page of the cache.
const PAGE_BYTES: usize = 4_096;
/// What a database needs on disk for each byte of a snapshot, in quarters: its log has the same
/// bytes, and each operation adds two hashes.
const DISK_QUARTERS_PER_BYTE: u64 = 8;

/// Why no data folder was made. What was begun of it was removed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreFailure {
    /// There is something in the data folder.
    #[error("{0} is not empty")]
    Occupied(PathBuf),
    /// The folder cannot be used.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The snapshot is wrong, or cannot be read.
    #[error("{0}")]
    Snapshot(String),
}

/// Makes the data folder `folder`, which must be absent or empty, of a snapshot of `bytes` bytes.
/// It grows in a folder beside it and gets its name when it is whole and on disk, so that a node
/// never starts from a part.
///
/// # Errors
/// The folder is in use, the disk too small, or the snapshot not what it says.
pub fn restore(
    genesis: &Genesis,
    folder: &Path,
    (beginning, bytes): (&Beginning, u64),
    pages: Arc<impl ReadPages>,
) -> Result<(), RestoreFailure> {
    if !is_free(folder)? {
        return Err(RestoreFailure::Occupied(folder.into()));
    }
    let mut aside = folder.as_os_str().to_owned();
    aside.push(".restoring");
    let aside = PathBuf::from(aside);
    remove(&aside)?;
    let made = make(genesis, &aside, (beginning, bytes), pages)
        .and_then(|lock| publish(&aside, folder).map(|()| drop(lock)));
    if made.is_err() {
        // What is left has another name than any data folder, and the next attempt removes it.
        let _ = fs::remove_dir_all(&aside);
    }
    made
}

fn make(
    genesis: &Genesis,
    aside: &Path,
    (beginning, bytes): (&Beginning, u64),
    pages: Arc<impl ReadPages>,
) -> Result<DataFolder, RestoreFailure> {
    let wrong = |error: types::GenesisError| RestoreFailure::Snapshot(error.to_string());
    let genesis_hash = files::genesis_hash(genesis).map_err(wrong)?;
    let identity = NetworkIdentity { chain_id: genesis.chain_id, genesis_hash };
    let limits = DiskLimits::default();
    let folder = DataFolder::open(aside, identity, limits)?;
    check_space(aside, bytes, limits)?;
    let ledger = folder.ledger_folder(genesis.ledger_id);
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let place = engine::snapshot::Place {
        genesis: genesis.clone(),
        chain_folder: ledger.join("chain"),
        partition_prefix: PARTITION_PREFIX.into(),
        worker_threads: threads,
        cache_pages: NonZeroUsize::new(CACHE_BYTES / PAGE_BYTES).unwrap_or(NonZeroUsize::MIN),
    };
    let config = ledger_runtime::Config::new()
        .with_worker_threads(threads.get())
        .with_storage_directory(ledger.join("consensus"));
    let restored = ledger_runtime::Runner::new(config).start(|context| async move {
        Box::pin(engine::snapshot::restore(&context, &place, beginning, pages)).await
    });
    restored.map_err(|error| RestoreFailure::Snapshot(error.to_string()))?;
    Ok(folder)
}

fn check_space(path: &Path, bytes: u64, limits: DiskLimits) -> Result<(), NodeError> {
    let stores = (bytes / 4).saturating_mul(DISK_QUARTERS_PER_BYTE);
    let needed_bytes = stores.saturating_add(limits.start_bytes());
    match disk::free_bytes(path) {
        Some(free_bytes) if free_bytes < needed_bytes => {
            Err(NodeError::DiskFull { path: path.into(), free_bytes, needed_bytes })
        }
        _ => Ok(()),
    }
}

fn is_free(folder: &Path) -> Result<bool, NodeError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(NodeError::storage(folder, "read the folder", &error)),
    }
}

fn remove(path: &Path) -> Result<(), NodeError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(NodeError::storage(path, "remove what an interrupted restore left", &error))
        }
        _ => Ok(()),
    }
}

fn publish(aside: &Path, folder: &Path) -> Result<(), RestoreFailure> {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    // Replaces an empty folder, and nothing else.
    let published = fs::rename(aside, folder)
        .and_then(|()| fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all());
    Ok(published.map_err(|error| NodeError::storage(folder, "name the folder", &error))?)
}
