//! A folder. A snapshot grows in `NAME.partial` beside it and gets its name when it is whole and on
//! disk.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::FILES_MAX;
use crate::SnapshotError;

#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
    partial: PathBuf,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        let mut partial = path.clone().into_os_string();
        partial.push(".partial");
        Self { path, partial: partial.into() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn begin(&self) -> Result<(), SnapshotError> {
        if !is_free(&self.path).map_err(|error| failed(&self.path, "read", &error))? {
            return Err(SnapshotError::Occupied(self.path.display().to_string()));
        }
        remove(&self.partial).map_err(|error| failed(&self.partial, "remove", &error))?;
        fs::create_dir_all(&self.partial)
            .map_err(|error| failed(&self.partial, "make the folder", &error))
    }

    pub(super) fn put(&self, name: &str, content: &[u8]) -> Result<(), SnapshotError> {
        let path = self.partial.join(name);
        let write = || {
            let mut file = File::create_new(&path)?;
            file.write_all(content)?;
            file.sync_all()
        };
        write().map_err(|error| failed(&path, "write", &error))
    }

    pub(super) fn finish(&self) -> Result<(), SnapshotError> {
        let publish = || {
            File::open(&self.partial)?.sync_all()?;
            // Replaces an empty folder, and nothing else.
            fs::rename(&self.partial, &self.path)?;
            let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
        };
        publish().map_err(|error| failed(&self.path, "write", &error))
    }

    pub(super) fn abandon(&self) {
        // What is left has no manifest, and the next attempt removes it.
        let _ = remove(&self.partial);
    }

    pub(super) fn list(&self) -> Result<BTreeMap<String, u64>, SnapshotError> {
        let read = || {
            let mut found = BTreeMap::new();
            for entry in fs::read_dir(&self.path)? {
                if found.len() == FILES_MAX {
                    return Err(io::Error::other(format!("more than {FILES_MAX} files")));
                }
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                found.insert(name, entry.metadata()?.len());
            }
            Ok(found)
        };
        read().map_err(|error: io::Error| failed(&self.path, "read", &error))
    }

    pub(super) fn get(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, SnapshotError> {
        let path = self.path.join(name);
        let mut content = Vec::new();
        let read = File::open(&path)
            .and_then(|file| file.take((limit as u64).saturating_add(1)).read_to_end(&mut content));
        match read {
            Ok(bytes) if bytes > limit => {
                Err(SnapshotError::damaged(name, format!("it has more than {limit} bytes")))
            }
            Ok(_) => Ok(Some(content)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, "read", &error)),
        }
    }
}

/// Whether nothing is there, or an empty folder.
fn is_free(path: &Path) -> io::Result<bool> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn failed(path: &Path, action: &'static str, error: &io::Error) -> SnapshotError {
    let place = path.display().to_string();
    SnapshotError::Place { place, action, cause: error.to_string() }
}
