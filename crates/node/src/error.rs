//! Why a node cannot start or run on: each error names its cause, a stable code and the next step.

use std::{io, net::SocketAddr, path::Path, path::PathBuf};

use alloy_primitives::B256;

use crate::error_code::{self, ErrorCode};

/// Exit code of a node that does not start, or stopped, because space is missing. A service manager
/// should not start it again by itself (systemd: `RestartPreventExitStatus=5`).
pub const SPACE_EXIT_CODE: u8 = 5;

/// Everything that ends or prevents a node, as its operator sees it.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The configuration file could not be read.
    #[error("configuration file {}: {source}", path.display())]
    ConfigUnreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The configuration file is wrong.
    #[error("{place}: {cause}")]
    Config {
        /// Which kind of mistake.
        code: ErrorCode,
        /// File and line.
        place: String,
        /// What is wrong.
        cause: String,
        /// What to do.
        next: String,
    },
    /// The genesis file is missing or wrong.
    #[error("genesis file {}: {cause}", path.display())]
    GenesisFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The node key file is missing or wrong.
    #[error("node key file {}: {cause}", path.display())]
    NodeKey {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// Others may read the node key file.
    #[error("node key file {} has mode {mode:04o}: other users of this machine could read the key", path.display())]
    NodeKeyPermissions {
        /// The file.
        path: PathBuf,
        /// Permission bits found.
        mode: u32,
    },
    /// Another process uses the data folder.
    #[error("data folder {} is in use by {}", path.display(), holder_text(*pid))]
    DataFolderInUse {
        /// The folder.
        path: PathBuf,
        /// Process id of the holder, where it could be read.
        pid: Option<u32>,
    },
    /// The data folder holds another network's data.
    #[error(
        "data folder {} holds chain id {found_chain_id}, genesis {found_genesis}; the configuration says chain id {chain_id}, genesis {genesis}",
        path.display()
    )]
    DataFolderOtherNetwork {
        /// The folder.
        path: PathBuf,
        /// Chain id that the folder was made for.
        found_chain_id: u64,
        /// Genesis hash that the folder was made for.
        found_genesis: B256,
        /// Chain id of the configured genesis file.
        chain_id: u64,
        /// Hash of the configured genesis.
        genesis: B256,
    },
    /// The data folder was written by a later release.
    #[error("data folder {} has format {found}, this release reads up to {known}", path.display())]
    DataFolderNewer {
        /// The folder.
        path: PathBuf,
        /// Format found.
        found: u32,
        /// Newest format that this release reads.
        known: u32,
    },
    /// A file or folder below the data folder cannot be used.
    #[error("{}: cannot {action}: {cause}", path.display())]
    DataFolderUnusable {
        /// File or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        cause: String,
    },
    /// No space left.
    #[error("{}: disk full ({free_bytes} bytes free, {needed_bytes} needed)", path.display())]
    DiskFull {
        /// File or folder.
        path: PathBuf,
        /// Bytes that are free.
        free_bytes: u64,
        /// Bytes that must be free.
        needed_bytes: u64,
    },
    /// The node stopped before the disk is full.
    #[error("{}: {free_bytes} bytes free, less than the reserve of {reserve_bytes}: stopped before the disk is full", path.display())]
    DiskReserve {
        /// The data folder.
        path: PathBuf,
        /// Bytes that are free.
        free_bytes: u64,
        /// Bytes that are kept free.
        reserve_bytes: u64,
    },
    /// A listening address cannot be bound.
    #[error("{} address {address}: {}", purpose.name(), bind_text(source))]
    Address {
        /// What it is for.
        purpose: AddressPurpose,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The host name of a peer is not known.
    #[error("peer address {host}:{port}: {cause}")]
    PeerName {
        /// Host name.
        host: String,
        /// Port.
        port: u16,
        /// What the resolver said.
        cause: String,
    },
    /// The ledger did not start.
    #[error("ledger could not start: {0}")]
    LedgerStart(String),
    /// The ledger ended without being asked.
    #[error("ledger ended: {0}")]
    LedgerEnded(String),
    /// Executing a final block gave something else here than the others certified.
    #[error("{0}")]
    Diverged(String),
    /// The next block is under rules that this release does not know.
    #[error("{0}")]
    UnknownActivation(String),
    /// Stopping took too long.
    #[error("stop not finished after {0} ms and cut off; nothing final is lost")]
    StopTimeout(u64),
    /// The system refused threads, signals or the like.
    #[error("cannot {action}: {cause}")]
    SystemResource {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        cause: String,
    },
}

/// What a listening address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressPurpose {
    /// JSON-RPC, metrics and health.
    Rpc,
    /// Other nodes.
    P2p,
}

impl AddressPurpose {
    fn name(self) -> &'static str {
        match self {
            Self::Rpc => "rpc.listen",
            Self::P2p => "p2p.listen",
        }
    }
}

fn holder_text(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("process {pid}"),
        None => "another process".into(),
    }
}

fn bind_text(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::AddrInUse => "the port is already in use".into(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".into(),
        io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege".into(),
        _ => source.to_string(),
    }
}

impl NodeError {
    /// Sorts what the system said about a file below the data folder.
    pub fn storage(path: &Path, action: &'static str, error: &io::Error) -> Self {
        let path = path.to_path_buf();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                let free_bytes = crate::disk::free_bytes(&path).unwrap_or(0);
                let needed_bytes = crate::disk::DiskLimits::default().start_bytes();
                Self::DiskFull { path, free_bytes, needed_bytes }
            }
            io::ErrorKind::ReadOnlyFilesystem => Self::DataFolderUnusable {
                path,
                action,
                cause: "the file system is mounted read-only".into(),
            },
            _ => Self::DataFolderUnusable { path, action, cause: error.to_string() },
        }
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::ConfigUnreadable { .. } => error_code::CONFIG_UNREADABLE,
            Self::Config { code, .. } => *code,
            Self::GenesisFile { .. } => error_code::GENESIS_FILE,
            Self::NodeKey { .. } => error_code::NODE_KEY,
            Self::NodeKeyPermissions { .. } => error_code::NODE_KEY_PERMISSIONS,
            Self::DataFolderInUse { .. } => error_code::DATA_FOLDER_IN_USE,
            Self::DataFolderOtherNetwork { .. } => error_code::DATA_FOLDER_OTHER_NETWORK,
            Self::DataFolderNewer { .. } => error_code::DATA_FOLDER_NEWER,
            Self::DataFolderUnusable { .. } => error_code::DATA_FOLDER_UNUSABLE,
            Self::DiskFull { .. } => error_code::DISK_FULL,
            Self::DiskReserve { .. } => error_code::DISK_RESERVE,
            Self::Address { purpose: AddressPurpose::Rpc, .. } => error_code::RPC_ADDRESS,
            Self::Address { purpose: AddressPurpose::P2p, .. } => error_code::P2P_ADDRESS,
            Self::PeerName { .. } => error_code::PEER_NAME,
            Self::LedgerStart(_) => error_code::LEDGER_START,
            Self::LedgerEnded(_) => error_code::LEDGER_ENDED,
            Self::Diverged(_) => error_code::DIVERGED,
            Self::UnknownActivation(_) => error_code::UNKNOWN_ACTIVATION,
            Self::StopTimeout(_) => error_code::STOP_TIMEOUT,
            Self::SystemResource { .. } => error_code::SYSTEM_RESOURCE,
        }
    }

    /// Exit code of the process: [`SPACE_EXIT_CODE`] where space is missing, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::DiskFull { .. } | Self::DiskReserve { .. } => SPACE_EXIT_CODE,
            _ => 1,
        }
    }

    /// What the operator can do now.
    pub fn next_step(&self) -> String {
        match self {
            Self::ConfigUnreadable { path, source } => match source.kind() {
                io::ErrorKind::NotFound => format!(
                    "write {} (docs/en/configuration.md has every key) or give the right path with --config",
                    path.display()
                ),
                _ => format!("make {} readable for the user that runs heqi", path.display()),
            },
            Self::Config { next, .. } => next.clone(),
            Self::GenesisFile { path, .. } => format!(
                "get the network's genesis file from another member, then run: heqi genesis check {}",
                path.display()
            ),
            Self::NodeKey { path, .. } => format!(
                "restore the key from its backup, or make a new one: heqi keys new --out {}",
                path.display()
            ),
            Self::NodeKeyPermissions { path, .. } => format!("chmod 600 {}", path.display()),
            Self::DataFolderInUse { pid, .. } => match pid {
                Some(pid) => format!("stop process {pid}, or give this node a data_dir of its own"),
                None => "stop the other process, or give this node a data_dir of its own".into(),
            },
            Self::DataFolderOtherNetwork { .. } => {
                "use the genesis file that the folder was made with, or set data_dir to an empty folder".into()
            }
            Self::DataFolderNewer { .. } => {
                "run the release that wrote the folder, or a later one".into()
            }
            Self::DataFolderUnusable { path, .. } => format!(
                "let the user that runs heqi read and write {}, or set data_dir to another folder",
                path.display()
            ),
            Self::DiskFull { .. } | Self::DiskReserve { .. } => {
                "free space or enlarge the volume, then start the node again; it continues where it was".into()
            }
            Self::Address { purpose, source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => format!(
                    "stop the program that uses the port (ss -ltnp shows it), or change {}",
                    purpose.name()
                ),
                _ => format!("change {} to an address of this machine", purpose.name()),
            },
            Self::PeerName { host, .. } => format!(
                "check the name (getent hosts {host}) and the machine's name service, or give the IP address in [[p2p.peers]]"
            ),
            Self::LedgerStart(_) | Self::LedgerEnded(_) => {
                "the log lines above name the part; start the node again, and report it if it repeats".into()
            }
            Self::Diverged(_) => {
                "keep the newest file of the data folder's reports, check release, memory and disk, and let the node join again with an empty data folder".into()
            }
            Self::UnknownActivation(_) => {
                "install a release that knows it (its notes name the protocol's features) and start the node again; it continues where it was".into()
            }
            Self::StopTimeout(_) => "none; the node continues from its disk at the next start".into(),
            Self::SystemResource { .. } => {
                "check the limits of the service (ulimit -a: processes, open files, memory)".into()
            }
        }
    }

    /// Code, cause and next step as printed on a terminal.
    pub fn report(&self) -> String {
        format!("error[{}]: {self}\n  next: {}", self.code(), self.next_step())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn storage_errors_are_told_apart() {
        let path = std::env::temp_dir();
        let code = |kind| NodeError::storage(&path, "write", &io::Error::from(kind)).code().id;
        assert_eq!(code(io::ErrorKind::StorageFull), "NOD-0012");
        assert_eq!(code(io::ErrorKind::QuotaExceeded), "NOD-0012");
        assert_eq!(code(io::ErrorKind::ReadOnlyFilesystem), "NOD-0011");
        assert_eq!(code(io::ErrorKind::PermissionDenied), "NOD-0011");
        let text =
            NodeError::storage(&path, "write", &io::ErrorKind::ReadOnlyFilesystem.into()).report();
        assert!(text.contains("read-only") && text.contains("next: let the user"), "{text}");
    }

    #[test]
    fn a_full_device_is_named_as_such() {
        use std::io::Write;
        let path = Path::new("/dev/full");
        let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        let error = file.write_all(b"x").unwrap_err();
        let report = NodeError::storage(path, "write", &error).report();
        assert!(report.starts_with("error[NOD-0012]: /dev/full: disk full"), "{report}");
    }
}
