//! The two files that a node needs beside its configuration: genesis and node key.

use std::{fs::File, io::Read, path::Path};

use alloy_primitives::B256;
use crypto::{NodeKey, NodeKeyError};
use types::Genesis;

use crate::error::NodeError;

/// Longest genesis file that is read, bytes.
pub const GENESIS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Reads and checks a genesis file.
///
/// # Errors
/// Unreadable, too long, not a valid genesis.
pub fn load_genesis(path: &Path) -> Result<Genesis, NodeError> {
    let wrong = |cause: String| NodeError::GenesisFile { path: path.into(), cause };
    let mut text = String::new();
    let read = File::open(path)
        .and_then(|file| file.take(GENESIS_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|error| wrong(error.to_string()))?;
    if read as u64 > GENESIS_BYTES_MAX {
        return Err(wrong(format!("longer than {GENESIS_BYTES_MAX} bytes")));
    }
    Genesis::from_json(&text).map_err(|error| wrong(error.to_string()))
}

/// Hash of block 0: names the network for every member.
///
/// # Errors
/// The genesis breaks a rule.
pub fn genesis_hash(genesis: &Genesis) -> Result<B256, types::GenesisError> {
    Ok(genesis.block(state::qmdb::empty_commitment())?.hash())
}

/// Whether this release knows every feature of the protocol that a genesis file names, from whatever
/// block on. Who begins with the file is told at once, of a wrong name as well.
///
/// # Errors
/// It does not.
pub fn check_activations(genesis: &Genesis) -> Result<(), NodeError> {
    match genesis.parameters.unknown_activation() {
        Some(unknown) => Err(NodeError::UnknownActivation(format!(
            "genesis file: protocol activation: {unknown}"
        ))),
        None => Ok(()),
    }
}

/// Reads the node key; nobody but the owner may be able to.
///
/// # Errors
/// Missing, open to others, not a key.
pub fn load_node_key(path: &Path) -> Result<NodeKey, NodeError> {
    NodeKey::load(path).map_err(|error| match error {
        NodeKeyError::Permissions { path, mode } => NodeError::NodeKeyPermissions { path, mode },
        NodeKeyError::Io { path, source } => NodeError::NodeKey { path, cause: source.to_string() },
        NodeKeyError::Malformed { path, reason } => NodeError::NodeKey {
            path,
            cause: format!("not an Ed25519 private key in PKCS#8 PEM form ({reason})"),
        },
        other => NodeError::NodeKey { path: path.into(), cause: other.to_string() },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn genesis_mistakes_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("genesis.json");
        let report = |path: &Path| load_genesis(path).unwrap_err().report();
        assert!(report(&path).starts_with("error[NOD-0006]"), "{}", report(&path));
        for (text, words) in [
            ("", "EOF"),
            ("{\"format\": 1}", "missing field"),
            ("{\"format\": 1, \"colour\": 2}", "unknown field `colour`"),
        ] {
            fs::write(&path, text).unwrap();
            let report = report(&path);
            assert!(report.contains(words) && report.contains("genesis check"), "{report}");
        }
    }

    #[test]
    fn key_mistakes_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let error = |path: &Path| load_node_key(path).err().unwrap();
        assert_eq!(error(&path).code().id, "NOD-0007");
        assert!(error(&path).report().contains("heqi keys new --out"));
        fs::write(&path, "no key").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(error(&path).code().id, "NOD-0008");
        assert!(error(&path).report().contains("next: chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(error(&path).code().id, "NOD-0007");
    }
}
