//! Where a snapshot is kept.

mod folder;
mod objects;

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use folder::Folder;
use objects::Objects;

use crate::SnapshotError;

/// Files of one place; more are refused while they are listed.
const FILES_MAX: usize = 1_000_000;

/// A folder or an object store. Files have plain names: there are no folders in it.
/// Cloning shares it.
#[derive(Clone, Debug)]
pub struct Place(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Folder(Folder),
    Objects(Arc<Objects>),
}

impl Place {
    /// A folder of this machine.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Self(Kind::Folder(Folder::new(path.into())))
    }

    /// What a user names: `s3://bucket/prefix` is an S3-compatible store, anything else a folder.
    /// Endpoint, region and credentials of a store come from the environment (`AWS_…`); without
    /// `allow_http` it is reached over TLS only.
    ///
    /// # Errors
    /// The store's name or the environment is wrong.
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, SnapshotError> {
        if text.starts_with("s3://") {
            return Ok(Self(Kind::Objects(Arc::new(Objects::open(text, allow_http)?))));
        }
        Ok(Self::folder(text))
    }

    /// Makes ready for a new snapshot, where there is none.
    pub(crate) fn begin(&self) -> Result<(), SnapshotError> {
        match &self.0 {
            Kind::Folder(folder) => folder.begin(),
            Kind::Objects(objects) => objects.begin(),
        }
    }

    /// Writes a file of the snapshot that was begun.
    pub(crate) fn put(&self, name: &str, content: &[u8]) -> Result<(), SnapshotError> {
        match &self.0 {
            Kind::Folder(folder) => folder.put(name, content),
            Kind::Objects(objects) => objects.put(name, content),
        }
    }

    /// Ends the snapshot that was begun: everything of it is there for good.
    pub(crate) fn finish(&self) -> Result<(), SnapshotError> {
        match &self.0 {
            Kind::Folder(folder) => folder.finish(),
            Kind::Objects(_) => Ok(()),
        }
    }

    /// Removes what was written of a snapshot that failed, as far as possible.
    pub(crate) fn abandon(&self, names: &[String]) {
        match &self.0 {
            Kind::Folder(folder) => folder.abandon(),
            Kind::Objects(objects) => objects.abandon(names),
        }
    }

    /// Names and lengths of everything that is there.
    pub(crate) fn list(&self) -> Result<BTreeMap<String, u64>, SnapshotError> {
        match &self.0 {
            Kind::Folder(folder) => folder.list(),
            Kind::Objects(objects) => objects.list(),
        }
    }

    /// Content of a file of at most `limit` bytes; `None` where there is none.
    pub(crate) fn get(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, SnapshotError> {
        match &self.0 {
            Kind::Folder(folder) => folder.get(name, limit),
            Kind::Objects(objects) => objects.get(name, limit),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Folder(folder) => write!(f, "{}", folder.path().display()),
            Kind::Objects(objects) => f.write_str(objects.name()),
        }
    }
}
