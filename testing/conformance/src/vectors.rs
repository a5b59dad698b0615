//! Where the outside vectors are, and what happens when they are not there.

use std::path::{Path, PathBuf};

use eyre::{Result, bail};

/// Names the folder with the vectors; otherwise `../shared/vectors` beside the repository.
pub const FOLDER_VARIABLE: &str = "HEQI_VECTORS";

/// One suite of the vectors' folder.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    /// Its subfolder.
    pub folder: &'static str,
    /// Where the data can be had.
    pub origin: &'static str,
}

/// Ethereum's general state tests to Cancun.
pub const STATE_TESTS: Suite = Suite {
    folder: "ethereum-state-tests",
    origin: "github.com/ethereum/legacytests, folder Cancun/GeneralStateTests, as \
             cancun-general-state-tests.tar.xz",
};

/// Chain and cases of the JSON-RPC specification.
pub const EXECUTION_APIS: Suite =
    Suite { folder: "execution-apis", origin: "github.com/ethereum/execution-apis, folder tests" };

/// geth's test data of its tracers.
pub const GETH_TRACERS: Suite = Suite {
    folder: "geth-tracers",
    origin: "github.com/ethereum/go-ethereum, folder eth/tracers/internal/tracetest/testdata",
};

/// The suite's folder, or `None` with a plain message where it is missing.
///
/// # Errors
/// A missing folder where `CI=true`: there nothing may be left out.
pub fn find(suite: Suite) -> Result<Option<PathBuf>> {
    let path = root().join(suite.folder);
    if path.is_dir() {
        return Ok(Some(path));
    }
    let message = format!(
        "{} did not run: no folder {}. The data comes from {}; set {FOLDER_VARIABLE} to the \
         folder that holds it",
        suite.folder,
        path.display(),
        suite.origin
    );
    if std::env::var("CI").is_ok_and(|value| value == "true") {
        bail!("{message}");
    }
    println!("{message}");
    Ok(None)
}

fn root() -> PathBuf {
    match std::env::var_os(FOLDER_VARIABLE) {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
    }
}
