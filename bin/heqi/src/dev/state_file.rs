//! The file that a development ledger takes its accounts from and leaves them in.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use ::dev::{DUMP_BYTES_MAX, DevLedger};
use ledger_api::Development as _;

use super::{option, write_whole};
use crate::error::{self, CliError};

/// What every data folder of a node has.
const NODE_MARK: &str = "network.json";

/// A development ledger has nothing to do with the data of a network: a state file is refused where
/// it, or a folder around it, is the data folder of a node.
pub fn refuse_node_folders(file: &Path) -> Result<(), CliError> {
    let absolute = std::path::absolute(file).map_err(|cause| CliError::file(file, cause))?;
    // Where it leads to counts, not only what it is called.
    let real = absolute.parent().and_then(|parent| fs::canonicalize(parent).ok());
    let folders: Vec<PathBuf> = real.into_iter().chain([absolute]).collect();
    let found = folders
        .iter()
        .flat_map(|folder| folder.ancestors())
        .find(|folder| folder.join(NODE_MARK).is_file());
    match found {
        None => Ok(()),
        Some(folder) => {
            let values = vec![("path", folder.display().to_string())];
            Err(CliError::new(error::DEV_NODE_FOLDER, values))
        }
    }
}

/// Loads the accounts, where the file exists.
pub fn load(file: &Path, ledger: &DevLedger) -> Result<(), CliError> {
    let opened = match File::open(file) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(|cause| CliError::file(file, cause))?,
    };
    let mut bytes = Vec::new();
    let limit = DUMP_BYTES_MAX as u64 + 1;
    opened.take(limit).read_to_end(&mut bytes).map_err(|cause| CliError::file(file, cause))?;
    ledger.load(&bytes).map_err(|cause| CliError::file(file, cause))
}

/// Writes the accounts as they are.
pub fn write(file: &Path, ledger: &DevLedger) -> Result<(), CliError> {
    let bytes = ledger.dump().map_err(|cause| option(cause.to_string()))?;
    write_whole(file, &bytes).map_err(|cause| CliError::file(file, cause))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_nodes_are_refused_however_they_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir_all(data.join("chain")).unwrap();
        let beside = folder.path().join("state.json");
        assert!(refuse_node_folders(&data.join("state.json")).is_ok());
        fs::write(data.join(NODE_MARK), "{}").unwrap();
        assert!(refuse_node_folders(&beside).is_ok());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&data, &link).unwrap();
        for inside in ["data", "data/state.json", "data/chain/state.json", "link/state.json"] {
            let refused = refuse_node_folders(&folder.path().join(inside)).unwrap_err();
            assert_eq!(refused.code().id, "CLI-0023", "{inside}");
        }
    }
}
