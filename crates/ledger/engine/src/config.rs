//! What a ledger needs to run.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use chain::ChainOptions;
use commonware_cryptography::ed25519::PrivateKey;
use pool::PoolConfig;
use types::{Genesis, ValidatorKey};

use crate::{Join, retention::Windows, stages::StageTimes};

/// Another node of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its identity.
    pub key: ValidatorKey,
    /// Where it listens for peers.
    pub address: SocketAddr,
}

/// One ledger on one node.
pub struct Config {
    /// The genesis file.
    pub genesis: Genesis,
    /// Identity of this node in votes and on the network.
    pub identity: PrivateKey,
    /// Where this node listens for peers.
    pub listen: SocketAddr,
    /// All nodes that may connect, with or without this one.
    pub peers: Vec<Peer>,
    /// Folder of the chain store.
    pub chain_folder: PathBuf,
    /// Folder of divergence reports; made when there is one.
    pub report_folder: PathBuf,
    /// Settings of the chain store.
    pub chain_options: ChainOptions,
    /// Start of the names of all partitions in the runtime's storage.
    pub partition_prefix: String,
    /// Limits of the pool.
    pub pool: PoolConfig,
    /// Threads that execute, hash and check signatures.
    pub worker_threads: NonZeroUsize,
    /// Page cache shared by all stores of the ledger, pages of 4 KiB.
    pub cache_pages: NonZeroUsize,
    /// Folder in which the runtime keeps its partitions, where there is one: what is given up of
    /// the library's stores is removed there, or moved beside it where it is damaged.
    pub storage_folder: Option<PathBuf>,
    /// How many blocks the library's stores keep.
    pub windows: Windows,
    /// How a node with an empty folder comes to the present.
    pub join: Join,
    /// Counts processor time by stage, where it has a clock.
    pub stages: StageTimes,
    /// Whether peers may have private or loopback addresses.
    pub allow_private_addresses: bool,
}
