//! The node's configuration file (TOML): every key documented in one table, every mistake an error
//! that names file, line, cause and next step.

mod address;
mod check;
mod keys;
mod nearest;
mod read;
mod values;

pub use address::PeerAddress;
pub use keys::{CONFIG_KEYS, ConfigKey, ReferenceLanguage, reference};
pub use values::{
    Config, History, Join, LogConfig, LogFormat, P2pConfig, Peer, PoolConfig, Retention, RpcConfig,
    RuntimeConfig, StorageConfig,
};

/// Longest configuration file that is read, bytes.
pub const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

#[cfg(test)]
mod tests;
