//! What can be wrong with a snapshot.

use alloy_primitives::B256;

/// Why a snapshot was not written or not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// There is no manifest, or no digest of it.
    #[error("{place} holds no whole snapshot: {file} is missing")]
    Incomplete {
        /// Where it was looked for.
        place: String,
        /// What is missing.
        file: &'static str,
    },
    /// A file is not what the manifest says, or says what cannot be.
    #[error("{file}: {cause}")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A file that the manifest names is not there.
    #[error("{0} is missing")]
    Missing(String),
    /// A file is there that the manifest does not name.
    #[error("{0} does not belong to the snapshot")]
    Extra(String),
    /// The snapshot is of another network.
    #[error("the snapshot is of genesis {found}, the genesis file gives {expected}")]
    OtherNetwork {
        /// Genesis hash in the manifest.
        found: B256,
        /// That of the genesis file.
        expected: B256,
    },
    /// A later release wrote it.
    #[error("the snapshot has format {found}, this release reads format {known}")]
    Newer {
        /// Its format.
        found: u32,
        /// The newest known here.
        known: u32,
    },
    /// What it says is not proved from the genesis file.
    #[error("not proved from the genesis file: {0}")]
    Unproved(String),
    /// The genesis file breaks a rule.
    #[error("genesis file: {0}")]
    Genesis(String),
    /// There is something already where a snapshot is to be written.
    #[error("{0} is not empty")]
    Occupied(String),
    /// The place is no place, or cannot be reached, read or written.
    #[error("cannot {action} {place}: {cause}")]
    Place {
        /// Folder or store.
        place: String,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        cause: String,
    },
}

impl SnapshotError {
    /// A file that is wrong.
    pub(crate) fn damaged(file: &str, cause: impl ToString) -> Self {
        Self::Damaged { file: file.into(), cause: cause.to_string() }
    }
}
