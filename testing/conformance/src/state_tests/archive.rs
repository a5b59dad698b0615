//! Unpacks the archive of state tests with the system's `tar`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use eyre::{Context, Result, bail, ensure};

const ARCHIVE: &str = "cancun-general-state-tests.tar.xz";
/// More files than this are no state tests (the archive has about 2,800).
const FILES_MAX: usize = 20_000;

/// The unpacked archive; its folder is removed with it.
#[derive(Debug)]
pub struct Archive {
    folder: tempfile::TempDir,
}

/// Unpacks the archive of the suite's folder into a temporary folder.
pub fn unpack(suite: &Path) -> Result<Archive> {
    let archive = suite.join(ARCHIVE);
    ensure!(archive.is_file(), "no file {}", archive.display());
    let folder = tempfile::tempdir().wrap_err("temporary folder")?;
    let output = Command::new("tar")
        .arg("-xJf")
        .arg(&archive)
        .arg("-C")
        .arg(folder.path())
        .output()
        .wrap_err("the archive of state tests needs the programs tar and xz")?;
    if !output.status.success() {
        bail!("tar -xJf {}: {}", archive.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(Archive { folder })
}

impl Archive {
    /// Where it is unpacked.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Paths, relative to the archive, of the test files whose path contains `filter`, sorted.
    pub fn files(&self, filter: &str) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?;
                let path = entry.path();
                if entry.file_type()?.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "json") {
                    let relative = path.strip_prefix(self.folder.path())?.to_path_buf();
                    if relative.to_string_lossy().contains(filter) {
                        files.push(relative);
                    }
                }
                ensure!(files.len() <= FILES_MAX, "more than {FILES_MAX} files in the archive");
            }
        }
        files.sort();
        Ok(files)
    }

    /// Text of one of [`Self::files`].
    pub fn read(&self, file: &Path) -> Result<String> {
        std::fs::read_to_string(self.folder.path().join(file))
            .wrap_err_with(|| file.display().to_string())
    }
}
