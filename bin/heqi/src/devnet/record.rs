//! `devnet.json`: what a network is, and where its files lie.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};
use types::ValidatorKey;

use crate::error::{self, CliError};

/// Longest `devnet.json` that is read, bytes.
const RECORD_BYTES_MAX: u64 = 1024 * 1024;
const FORMAT: u32 = 1;
/// Role of a node that votes.
pub const VALIDATOR: &str = "validator";
/// Role of a node that follows and serves.
pub const OBSERVER: &str = "observer";
/// Ports from one node to the next.
const PORT_STEP: u16 = 10;

/// A devnet in its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Devnet {
    /// The folder, as given.
    pub folder: PathBuf,
    /// What `devnet.json` says.
    pub record: Record,
}

/// What `devnet.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Version of the file's form.
    pub format: u32,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Hash of block 0.
    pub genesis_hash: B256,
    /// RPC port of the first node.
    pub port_base: u16,
    /// Whether the development accounts have a balance.
    pub funded: bool,
    /// Organisations in the order of their nodes.
    pub organisations: Vec<Organisation>,
}

/// One organisation with its node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Name.
    pub name: String,
    /// Name of its folder.
    pub folder: String,
    /// What its node does.
    pub role: String,
    /// Its node's key.
    pub key: ValidatorKey,
}

/// An organisation's node: where its files are and what ports it uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name of the organisation.
    pub name: String,
    /// `node1` and so on.
    pub node: String,
    /// What the node does.
    pub role: String,
    /// Node key.
    pub key: ValidatorKey,
    /// Folder of all its files.
    pub folder: PathBuf,
    /// Port of JSON-RPC.
    pub rpc_port: u16,
    /// Port for the other nodes.
    pub p2p_port: u16,
}

impl Member {
    /// Configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.join("node.toml")
    }

    /// Data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Node key file.
    pub fn key_file(&self) -> PathBuf {
        self.folder.join("node-key.pem")
    }

    /// Log file.
    pub fn log(&self) -> PathBuf {
        self.folder.join("node.log")
    }

    /// Exists while somebody asks the supervisor to start the node.
    pub fn start_request(&self) -> PathBuf {
        self.folder.join("start.request")
    }

    /// URL of JSON-RPC.
    pub fn rpc(&self) -> String {
        format!("http://127.0.0.1:{}", self.rpc_port)
    }

    /// Process that runs the node now.
    pub fn process(&self) -> Option<u32> {
        node::data_folder::holder(&self.data())
    }
}

impl Devnet {
    /// A new network's record.
    pub fn new(
        folder: &Path,
        chain_id: u64,
        port_base: u16,
        funded: bool,
        organisations: Vec<Organisation>,
    ) -> Self {
        let genesis_hash = B256::ZERO;
        let record =
            Record { format: FORMAT, chain_id, genesis_hash, port_base, funded, organisations };
        Self { folder: folder.into(), record }
    }

    /// Whether the folder holds a network.
    pub fn exists(folder: &Path) -> bool {
        folder.join("devnet.json").exists()
    }

    /// Reads `devnet.json`.
    ///
    /// # Errors
    /// Missing, unreadable, of another release.
    pub fn load(folder: &Path) -> Result<Self, CliError> {
        let wrong = |cause: String| {
            let values = vec![("path", folder.display().to_string()), ("cause", cause)];
            CliError::new(error::NO_DEVNET, values)
        };
        let mut text = String::new();
        File::open(folder.join("devnet.json"))
            .and_then(|file| file.take(RECORD_BYTES_MAX).read_to_string(&mut text))
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => wrong("devnet.json not found".into()),
                _ => wrong(format!("devnet.json: {error}")),
            })?;
        let record: Record =
            serde_json::from_str(&text).map_err(|error| wrong(format!("devnet.json: {error}")))?;
        if record.format != FORMAT {
            return Err(wrong(format!("devnet.json has format {}", record.format)));
        }
        super::ports::check_range(record.port_base, record.organisations.len())?;
        let plain = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        };
        match record.organisations.iter().find(|organisation| !plain(&organisation.folder)) {
            Some(found) => Err(wrong(format!("devnet.json: folder `{}`", found.folder))),
            None => Ok(Self { folder: folder.into(), record }),
        }
    }

    /// Writes `devnet.json` whole or not at all.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn save(&self) -> Result<(), CliError> {
        let path = self.folder.join("devnet.json");
        let aside = self.folder.join("devnet.json.new");
        let failed = |error: std::io::Error| CliError::file(&path, error);
        let text = serde_json::to_string_pretty(&self.record)
            .expect("numbers, texts and hashes always have a JSON form");
        let mut file = File::create(&aside).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&aside, &path).map_err(failed)
    }

    /// The network's genesis file.
    pub fn genesis_file(&self) -> PathBuf {
        self.folder.join("genesis.json")
    }

    /// Exists while somebody asks the supervisor to stop everything.
    pub fn down_request(&self) -> PathBuf {
        self.folder.join("down.request")
    }

    /// All nodes in order.
    pub fn members(&self) -> Vec<Member> {
        let numbered = self.record.organisations.iter().enumerate();
        numbered
            .map(|(index, organisation)| {
                let rpc_port = rpc_port(self.record.port_base, index);
                Member {
                    name: organisation.name.clone(),
                    node: format!("node{}", index + 1),
                    role: organisation.role.clone(),
                    key: organisation.key,
                    folder: self.folder.join(&organisation.folder),
                    rpc_port,
                    p2p_port: rpc_port.saturating_add(1),
                }
            })
            .collect()
    }

    /// Notes what the node of an organisation does.
    pub fn set_role(&mut self, name: &str, role: &str) {
        let organisations = self.record.organisations.iter_mut();
        for organisation in organisations.filter(|organisation| organisation.name == name) {
            organisation.role = role.into();
        }
    }

    /// The node that `text` names: organisation, its folder, its first word, or node number.
    ///
    /// # Errors
    /// None or more than one does.
    pub fn member(&self, text: &str) -> Result<Member, CliError> {
        let asked = text.trim().to_lowercase();
        let members = self.members();
        let fits = |member: &&Member| {
            let name = member.name.to_lowercase();
            let number = member.node.trim_start_matches("node");
            asked == name
                || asked == super::organisations::short_name(&member.name)
                || asked == member.node
                || asked == number
                || name.split(' ').next() == Some(&asked)
        };
        let mut found = members.iter().filter(fits);
        match (found.next(), found.next()) {
            (Some(member), None) => Ok(member.clone()),
            _ => {
                let known: Vec<String> = members
                    .iter()
                    .map(|member| format!("{} ({})", member.name, member.node))
                    .collect();
                let values = vec![("org", text.to_string()), ("known", known.join(", "))];
                Err(CliError::new(error::UNKNOWN_ORGANISATION, values))
            }
        }
    }

    /// Held while a command changes the network.
    ///
    /// # Errors
    /// Another command holds it.
    pub fn lock_commands(folder: &Path) -> Result<File, CliError> {
        Self::try_lock(folder, ".command.lock")?
            .ok_or_else(|| CliError::new(error::BUSY, vec![("path", folder.display().to_string())]))
    }

    /// Held by the process that supervises the network in the foreground; `None` if there is one.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn lock_supervision(folder: &Path) -> Result<Option<File>, CliError> {
        Self::try_lock(folder, ".supervisor.lock")
    }

    fn try_lock(folder: &Path, name: &str) -> Result<Option<File>, CliError> {
        let path = folder.join(name);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| CliError::file(&path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(CliError::file(&path, error)),
        }
    }
}

/// RPC port of node `index` (from 0); its p2p port is one higher.
pub fn rpc_port(base: u16, index: usize) -> u16 {
    let step = u16::try_from(index).unwrap_or(u16::MAX).saturating_mul(PORT_STEP);
    base.saturating_add(step)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::devnet::organisations::{names, short_name};

    fn devnet(folder: &Path) -> Devnet {
        let organisations = names(4)
            .map(|name| Organisation {
                name: name.into(),
                folder: short_name(name),
                role: "validator".into(),
                key: ValidatorKey([7; 32]),
            })
            .collect();
        Devnet::new(folder, 7_412_883, 8545, false, organisations)
    }

    #[test]
    fn a_record_is_read_as_written() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!Devnet::exists(folder.path()));
        let written = devnet(folder.path());
        written.save().unwrap();
        assert_eq!(Devnet::load(folder.path()).unwrap(), written);
    }

    #[test]
    fn broken_records_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let code = || Devnet::load(folder.path()).unwrap_err().code().id;
        assert_eq!(code(), "CLI-0001");
        let mut wrong = devnet(folder.path());
        wrong.record.organisations[1].folder = "../../etc".into();
        wrong.save().unwrap();
        assert_eq!(code(), "CLI-0001");
        let mut wrong = devnet(folder.path());
        wrong.record.format = 2;
        wrong.save().unwrap();
        assert_eq!(code(), "CLI-0001");
        let mut wrong = devnet(folder.path());
        wrong.record.port_base = 65_530;
        wrong.save().unwrap();
        assert_eq!(code(), "CLI-0003");
        fs::write(folder.path().join("devnet.json"), "{").unwrap();
        assert_eq!(code(), "CLI-0001");
    }

    #[test]
    fn nodes_are_found_by_every_name() {
        let devnet = devnet(Path::new("d"));
        for text in ["Court C", "court c", "court-c", "Court", "node3", "3"] {
            assert_eq!(devnet.member(text).unwrap().rpc_port, 8565, "{text}");
        }
        for text in ["", "node", "node5", "0", "Bank B", "../bank-a"] {
            assert_eq!(devnet.member(text).unwrap_err().code().id, "CLI-0004", "{text}");
        }
    }

    #[test]
    fn locks_exclude_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let held = Devnet::lock_commands(folder.path()).unwrap();
        assert_eq!(Devnet::lock_commands(folder.path()).unwrap_err().exit(), 2);
        drop(held);
        Devnet::lock_commands(folder.path()).unwrap();
        let supervising = Devnet::lock_supervision(folder.path()).unwrap();
        assert!(supervising.is_some());
        assert!(Devnet::lock_supervision(folder.path()).unwrap().is_none());
    }
}
