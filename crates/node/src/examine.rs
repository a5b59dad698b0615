//! Looks at a node's files without starting it: what would keep it from starting, and whether it
//! runs already. Nothing is written but a probe that is removed again, and the stores are opened
//! only while no process uses them.

use std::path::Path;

use chain::{ChainOptions, ChainStore};

use crate::{
    config::Config,
    data_folder::{self, NetworkIdentity, Stored},
    disk::{self, DiskLimits},
    divergence::{self, DivergenceReports},
    error::NodeError,
    files,
};

/// What was found.
#[derive(Debug)]
pub struct Examination {
    /// Process that uses the data folder.
    pub running: Option<u32>,
    /// Whether there is a data folder.
    pub exists: bool,
    /// Bytes free on its volume, where known.
    pub free_bytes: Option<u64>,
    /// Bounds of the free space.
    pub limits: DiskLimits,
    /// Whether the node's key is one of the genesis validators; `None` where it cannot be told.
    pub is_validator: Option<bool>,
    /// The chain store; `None` while a process uses it, or where it is missing or damaged.
    pub store: Option<StoreSummary>,
    /// Blocks whose execution on this node differed.
    pub divergences: DivergenceReports,
    /// Everything that would keep the node from starting.
    pub problems: Vec<NodeError>,
}

/// What a chain store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreSummary {
    /// Oldest block.
    pub lowest: u64,
    /// Newest block.
    pub head: u64,
    /// Entries of evidence.
    pub evidence: usize,
}

/// Examines everything that the configuration names.
pub fn examine(config: &Config) -> Examination {
    let mut problems = Vec::new();
    let genesis = kept(files::load_genesis(&config.genesis_file), &mut problems);
    let key = kept(files::load_node_key(&config.node_key_file), &mut problems);
    let is_validator = genesis.as_ref().zip(key.as_ref()).map(|(genesis, key)| {
        genesis.validators.iter().any(|validator| validator.key == key.public())
    });
    let identity = genesis.and_then(|genesis| {
        let genesis_hash = files::genesis_hash(&genesis).ok()?;
        Some(NetworkIdentity { chain_id: genesis.chain_id, genesis_hash })
    });
    let limits = DiskLimits::new(&config.storage);
    Examination { is_validator, ..examine_folder(&config.data_dir, identity, limits, problems) }
}

/// Examines a data folder alone. Without `identity` it is not compared with a genesis.
pub fn examine_folder(
    path: &Path,
    identity: Option<NetworkIdentity>,
    limits: DiskLimits,
    mut problems: Vec<NodeError>,
) -> Examination {
    let exists = path.is_dir();
    let running = data_folder::holder(path);
    // A volume that is not there yet is that of the nearest folder above.
    let volume = path.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let free_bytes = disk::free_bytes(volume);
    if let Some(free_bytes) = free_bytes.filter(|free| *free < limits.start_bytes()) {
        let (path, needed_bytes) = (path.to_path_buf(), limits.start_bytes());
        problems.push(NodeError::DiskFull { path, free_bytes, needed_bytes });
    }
    let mut store = None;
    if exists {
        kept(data_folder::write_probe(path), &mut problems);
        let stored = identity.map(|identity| data_folder::check_network(path, identity));
        let usable = match stored {
            Some(stored) => kept(stored, &mut problems) == Some(Stored::ThisNetwork),
            None => true,
        };
        if usable && running.is_none() {
            store = kept(open_store(path), &mut problems).flatten();
        }
    } else if path.exists() {
        let error = std::io::Error::from(std::io::ErrorKind::NotADirectory);
        problems.push(NodeError::storage(path, "open the folder", &error));
    }
    let divergences = divergence::reports(path);
    Examination {
        running,
        exists,
        free_bytes,
        limits,
        is_validator: None,
        store,
        divergences,
        problems,
    }
}

fn open_store(path: &Path) -> Result<Option<StoreSummary>, NodeError> {
    let folder = path.join("ledgers").join("0").join("chain");
    // An empty folder would become a store by being opened.
    if !std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Ok(None);
    }
    let _lock = data_folder::lock(path)?;
    // As an archive, so that nothing is dropped by looking.
    let options = ChainOptions { history_blocks: None, ..ChainOptions::default() };
    let failed = |error: chain::ChainError| NodeError::LedgerStart(error.to_string());
    let store = ChainStore::open(&folder, options).map_err(failed)?;
    Ok(Some(StoreSummary {
        lowest: store.lowest().unwrap_or(0),
        head: store.head().unwrap_or(0),
        evidence: store.evidence(chain::EVIDENCE_MAX).map_err(failed)?.len(),
    }))
}

fn kept<T>(result: Result<T, NodeError>, problems: &mut Vec<NodeError>) -> Option<T> {
    result.map_err(|error| problems.push(error)).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn codes(examination: &Examination) -> Vec<&'static str> {
        examination.problems.iter().map(|error| error.code().id).collect()
    }

    #[test]
    fn a_fresh_configuration_names_each_missing_file() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: folder.path().join("data"),
            genesis_file: folder.path().join("genesis.json"),
            node_key_file: folder.path().join("node-key.pem"),
            ..Config::default()
        };
        let found = examine(&config);
        assert_eq!(codes(&found), ["NOD-0006", "NOD-0007"]);
        assert!(!found.exists && found.running.is_none() && found.free_bytes.is_some());
    }

    #[test]
    fn a_folder_in_use_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let identity = NetworkIdentity { chain_id: 7, genesis_hash: Default::default() };
        let limits = DiskLimits::default();
        let open = || data_folder::DataFolder::open(folder.path(), identity, limits).unwrap();
        let used = open();
        let look = |identity| examine_folder(folder.path(), identity, limits, Vec::new());
        assert_eq!(look(Some(identity)).running, Some(std::process::id()));
        assert_eq!(look(Some(identity)).store, None);
        drop(used);
        let free = look(Some(identity));
        assert_eq!((free.running, codes(&free)), (None, Vec::new()));
        assert_eq!(free.store, None, "nothing was stored yet");
        drop(open());
        let other = NetworkIdentity { chain_id: 8, ..identity };
        assert_eq!(codes(&look(Some(other))), ["NOD-0010"]);
    }

    #[test]
    fn too_little_room_and_a_broken_store_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let limits = DiskLimits { warning_bytes: u64::MAX, reserve_bytes: u64::MAX - 1 };
        let found = examine_folder(folder.path(), None, limits, Vec::new());
        assert_eq!(codes(&found), ["NOD-0012"]);
        let chain = folder.path().join("ledgers/0/chain");
        std::fs::create_dir_all(chain.parent().unwrap()).unwrap();
        drop(ChainStore::open(&chain, ChainOptions::default()).unwrap());
        for entry in std::fs::read_dir(&chain).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::write(path, "damaged").unwrap();
            }
        }
        let found = examine_folder(folder.path(), None, DiskLimits::default(), Vec::new());
        assert_eq!(codes(&found), ["NOD-0015"], "{:?}", found.problems);
    }
}
