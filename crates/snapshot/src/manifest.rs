//! The manifest: which files make up the snapshot, and of what it is one.

use alloy_primitives::{B256, hex};
use commonware_cryptography::{Hasher as _, Sha256};
use serde::{Deserialize, Serialize};

use crate::{SnapshotError, layout::FILE_BYTES_MAX};

/// Format that this release writes and reads.
pub(crate) const FORMAT: u32 = 1;
/// Name of the manifest.
pub(crate) const MANIFEST_FILE: &str = "manifest.json";
/// Name of the manifest's digest, in the form of `sha256sum`. Written last.
pub(crate) const DIGEST_FILE: &str = "manifest.sha256";
/// Longest manifest that is read, bytes: 40 times that of a state of ten million accounts.
pub(crate) const MANIFEST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a snapshot consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format.
    pub format: u32,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Hash of block 0.
    pub genesis_hash: B256,
    /// Height of the block whose state it holds.
    pub height: u64,
    /// Hash of that block.
    pub block_hash: B256,
    /// Root of the state after that block.
    pub state_root: B256,
    /// Time of that block, milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// The files, in the order in which they are read.
    pub files: Vec<FileEntry>,
}

/// A file of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content, 64 hexadecimal digits.
    pub sha256: String,
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::hash(&[bytes]))
}

impl FileEntry {
    pub(crate) fn new(name: String, content: &[u8]) -> Self {
        Self { name, bytes: content.len() as u64, sha256: digest(content) }
    }

    /// Checks content against the entry.
    pub(crate) fn check(&self, content: &[u8]) -> Result<(), SnapshotError> {
        self.check_length(content.len() as u64)?;
        if digest(content) != self.sha256 {
            return Err(SnapshotError::damaged(&self.name, "its SHA-256 is another one"));
        }
        Ok(())
    }

    pub(crate) fn check_length(&self, bytes: u64) -> Result<(), SnapshotError> {
        if bytes != self.bytes {
            let cause = format!("it has {bytes} bytes, the manifest says {}", self.bytes);
            return Err(SnapshotError::damaged(&self.name, cause));
        }
        if bytes > FILE_BYTES_MAX as u64 {
            let cause = format!("it has {bytes} bytes, limit {FILE_BYTES_MAX}");
            return Err(SnapshotError::damaged(&self.name, cause));
        }
        Ok(())
    }
}

impl Manifest {
    /// The manifest's text.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self)
            .expect("numbers, hashes and names always have a JSON form");
        text.push(b'\n');
        text
    }

    /// What the digest file says of a manifest's text.
    pub(crate) fn digest_line(text: &[u8]) -> Vec<u8> {
        format!("{}  {MANIFEST_FILE}\n", digest(text)).into_bytes()
    }

    /// Reads a manifest with its digest.
    pub(crate) fn decode(text: &[u8], digest_line: &[u8]) -> Result<Self, SnapshotError> {
        if Self::digest_line(text) != digest_line {
            let cause =
                format!("it is not the SHA-256 of {MANIFEST_FILE}, or that file is damaged");
            return Err(SnapshotError::damaged(DIGEST_FILE, cause));
        }
        let wrong = |cause: String| SnapshotError::damaged(MANIFEST_FILE, cause);
        #[derive(Deserialize)]
        struct Versioned {
            format: u32,
        }
        let Versioned { format: found } =
            serde_json::from_slice(text).map_err(|error| wrong(error.to_string()))?;
        if found > FORMAT {
            return Err(SnapshotError::Newer { found, known: FORMAT });
        }
        let manifest: Self =
            serde_json::from_slice(text).map_err(|error| wrong(error.to_string()))?;
        if manifest.format != FORMAT || manifest.encode() != text {
            return Err(wrong("it does not have the form in which manifests are written".into()));
        }
        Ok(manifest)
    }

    /// All files together, bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }
}
