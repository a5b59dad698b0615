//! The configuration as values.

use std::{fmt, net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use types::ValidatorKey;

use super::PeerAddress;

/// The whole file. Units and meaning of every key: `docs/en/configuration.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Folder of everything that the node stores.
    pub data_dir: PathBuf,
    /// The network's genesis file.
    pub genesis_file: PathBuf,
    /// The node's Ed25519 key, PKCS#8 PEM.
    pub node_key_file: PathBuf,
    /// Name of the organisation that runs the node.
    pub organisation: String,
    /// How far back old state is kept.
    pub history_blocks: History,
    /// How many blocks keep body and receipts.
    pub retained_blocks: Retention,
    /// How a node with an empty folder comes to the present.
    pub join: Join,
    /// Network between nodes.
    pub p2p: P2pConfig,
    /// JSON-RPC, WebSocket, health and metrics.
    pub rpc: RpcConfig,
    /// Transactions that wait.
    pub pool: PoolConfig,
    /// Threads.
    pub runtime: RuntimeConfig,
    /// Disk.
    pub storage: StorageConfig,
    /// Logs.
    pub log: LogConfig,
    /// Verification of contracts.
    pub verification: VerificationConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "data".into(),
            genesis_file: "genesis.json".into(),
            node_key_file: "node-key.pem".into(),
            organisation: String::new(),
            history_blocks: History::Blocks(10_000),
            retained_blocks: Retention::All,
            join: Join::Auto,
            p2p: P2pConfig::default(),
            rpc: RpcConfig::default(),
            pool: PoolConfig::default(),
            runtime: RuntimeConfig::default(),
            storage: StorageConfig::default(),
            log: LogConfig::default(),
            verification: VerificationConfig::default(),
        }
    }
}

/// `join`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Join {
    /// State sync where the network is far ahead, else replay.
    Auto,
    /// Executes every block.
    Replay,
    /// State sync, however short the chain is.
    StateSync,
}

/// `history_blocks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// Old state of this many blocks.
    Blocks(u64),
    /// Old state of every block.
    Archive,
}

impl<'de> Deserialize<'de> for History {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = History;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of blocks or \"archive\"")
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<History, E> {
                u64::try_from(value)
                    .map(History::Blocks)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(value), &self))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<History, E> {
                Ok(History::Blocks(value))
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<History, E> {
                match value {
                    "archive" => Ok(History::Archive),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(value), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for History {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Blocks(count) => serializer.serialize_u64(*count),
            Self::Archive => serializer.serialize_str("archive"),
        }
    }
}

/// `retained_blocks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Bodies and receipts of this many blocks.
    Blocks(u64),
    /// Those of every block.
    All,
}

impl Retention {
    /// The number of blocks, `None` for all.
    pub fn blocks(self) -> Option<u64> {
        match self {
            Self::Blocks(blocks) => Some(blocks),
            Self::All => None,
        }
    }
}

impl<'de> Deserialize<'de> for Retention {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Retention;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of blocks or \"all\"")
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Retention, E> {
                u64::try_from(value)
                    .map(Retention::Blocks)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(value), &self))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Retention, E> {
                Ok(Retention::Blocks(value))
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Retention, E> {
                match value {
                    "all" => Ok(Retention::All),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(value), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for Retention {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Blocks(count) => serializer.serialize_u64(*count),
            Self::All => serializer.serialize_str("all"),
        }
    }
}

/// `[p2p]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct P2pConfig {
    /// Address that other nodes connect to.
    pub listen: SocketAddr,
    /// The other nodes.
    pub peers: Vec<Peer>,
}

impl Default for P2pConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 30_545)), peers: Vec::new() }
    }
}

/// One entry of `[[p2p.peers]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Name of its organisation.
    pub organisation: String,
    /// Its Ed25519 key.
    pub key: ValidatorKey,
    /// Where it listens.
    pub address: PeerAddress,
}

/// `[rpc]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RpcConfig {
    /// Address of the one port for JSON-RPC, WebSocket, health and metrics.
    pub listen: SocketAddr,
    /// Host names, besides loopback names and IP addresses, that are answered; `*` for any.
    pub allowed_hosts: Vec<String>,
    /// Origins that browsers may call from; `*` for any.
    pub cors_origins: Vec<String>,
    /// Connections at one time.
    pub connections_max: usize,
    /// HTTP requests answered at one time.
    pub requests_max: usize,
    /// WebSocket connections at one time.
    pub websockets_max: usize,
    /// Weight of methods per second and address; 0 for no limit.
    pub caller_weight_per_second: u32,
    /// Simulations and log searches that compute at one time.
    pub simulations_max: usize,
    /// Gas of one `eth_call`.
    pub call_gas_max: u64,
    /// Blocks of one `eth_getLogs`.
    pub logs_blocks_max: u64,
    /// Results of one `eth_getLogs`.
    pub logs_results_max: usize,
    /// Time for one request, milliseconds.
    pub request_timeout_ms: u64,
}

impl Default for RpcConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8545)),
            allowed_hosts: Vec::new(),
            cors_origins: Vec::new(),
            connections_max: 2_048,
            requests_max: 1_024,
            websockets_max: 512,
            caller_weight_per_second: 0,
            simulations_max: 4,
            call_gas_max: 60_000_000,
            logs_blocks_max: 100_000,
            logs_results_max: 20_000,
            request_timeout_ms: 30_000,
        }
    }
}

/// `[pool]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PoolConfig {
    /// Transactions that wait in all.
    pub transactions_max: usize,
    /// Their encoded size in all, bytes.
    pub bytes_max: usize,
    /// Executable transactions of one sender.
    pub lane_transactions_max: usize,
    /// How many nonces a transaction may be ahead of its sender's next one.
    pub nonce_gap_max: u64,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            transactions_max: 100_000,
            bytes_max: 256 * 1024 * 1024,
            lane_transactions_max: 4_096,
            nonce_gap_max: 1_024,
        }
    }
}

/// `[runtime]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuntimeConfig {
    /// Threads for consensus, network and storage; 0 = one per processor, at least 2.
    pub consensus_threads: usize,
    /// Threads for requests; 0 = one per processor, at least 2.
    pub rpc_threads: usize,
    /// Threads that execute, hash and check signatures; 0 = one per processor, at least 2.
    pub worker_threads: usize,
    /// Page cache of the ledger's stores, bytes.
    pub cache_bytes: usize,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            consensus_threads: 0,
            rpc_threads: 0,
            worker_threads: 0,
            cache_bytes: 32 * 1024 * 1024,
        }
    }
}

impl RuntimeConfig {
    /// Threads for consensus, network and storage.
    pub fn consensus_threads(&self) -> usize {
        or_processors(self.consensus_threads)
    }

    /// Threads for requests.
    pub fn rpc_threads(&self) -> usize {
        or_processors(self.rpc_threads)
    }

    /// Threads that execute, hash and check signatures.
    pub fn worker_threads(&self) -> usize {
        or_processors(self.worker_threads)
    }
}

fn or_processors(threads: usize) -> usize {
    match threads {
        0 => std::thread::available_parallelism().map_or(2, usize::from).max(2),
        given => given,
    }
}

/// `[storage]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StorageConfig {
    /// Free space below which operators are warned, bytes.
    pub disk_warning_bytes: u64,
    /// Free space below which a running node stops in good order, bytes.
    pub disk_reserve_bytes: u64,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self { disk_warning_bytes: 4 * 1024 * 1024 * 1024, disk_reserve_bytes: 128 * 1024 * 1024 }
    }
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogConfig {
    /// Pretty text or JSON lines.
    pub format: LogFormat,
    /// Filter directives, for example `info,consensus=debug`.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: "info".into() }
    }
}

/// `[verification]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VerificationConfig {
    /// Solidity compilers that verify contracts.
    pub solc: Vec<PathBuf>,
}

/// `log.format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON lines otherwise.
    Auto,
    /// Text.
    Pretty,
    /// JSON lines.
    Json,
}
