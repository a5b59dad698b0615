//! `cargo xtask bench`: the standard set of measurements, or a quick one, in one command.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use eyre::{Result, ensure};

use crate::{dispatch, metadata::Workspace, process::cargo};

/// Options that say for themselves what is measured on what.
const NETWORKS: [&str; 4] = ["--devnet", "--rpc", "--help", "-h"];
/// Where the npm packages of anvil's programs lie, one for each platform.
const ANVIL_PACKAGES: &str = "testing/clients/node_modules/@foundry-rs";

/// Builds the node and the load program, and runs the set unless the arguments name a network.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    if NETWORKS.iter().any(|option| names(arguments, option)) {
        return dispatch::package("load", arguments);
    }
    let workspace = Workspace::read()?;
    let mut build = cargo(&workspace.root);
    build.args(["build", "--release", "--package", "heqi"]);
    ensure!(build.status()?.success(), "the node does not build; see the compiler's output above");
    let node = workspace.target.join("release").join("heqi");
    let results = workspace.target.join("bench");
    fs::create_dir_all(&results)?;
    let anvil = anvil(&workspace.root);
    dispatch::package("load", &complete(arguments, &node, &results, anvil.as_deref()))
}

/// Adds what the arguments leave open.
fn complete(
    arguments: &[String],
    node: &Path,
    results: &Path,
    anvil: Option<&Path>,
) -> Vec<String> {
    let mut all = vec!["--devnet".to_owned(), node.display().to_string()];
    let mut add = |option: &str, value: String| {
        if !names(arguments, option) {
            all.extend([option.to_owned(), value]);
        }
    };
    add("--json", results.join("figures.json").display().to_string());
    add("--pictures", results.join("pictures").display().to_string());
    // the standard set compares with one validator and with anvil, a set of one's own with neither
    if !names(arguments, "--quick") && !names(arguments, "--phases") {
        add("--validators", "4,1".to_owned());
        if let Some(anvil) = anvil {
            add("--anvil", anvil.display().to_string());
        }
    }
    all.extend_from_slice(arguments);
    all
}

fn names(arguments: &[String], option: &str) -> bool {
    let is_option = |argument: &String| {
        argument == option
            || argument.strip_prefix(option).is_some_and(|rest| rest.starts_with('='))
    };
    arguments.iter().any(is_option)
}

/// anvil as the client tests have installed it.
fn anvil(root: &Path) -> Option<PathBuf> {
    let packages = fs::read_dir(root.join(ANVIL_PACKAGES)).ok()?;
    packages
        .flatten()
        .filter(|package| package.file_name().to_string_lossy().starts_with("anvil-"))
        .map(|package| package.path().join("bin").join("anvil"))
        .find(|program| program.exists())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::complete;

    fn completed(arguments: &[&str]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let (node, results, anvil) = (Path::new("heqi"), Path::new("out"), Path::new("anvil"));
        complete(&arguments, node, results, Some(anvil)).join(" ")
    }

    #[test]
    fn the_standard_set_compares() {
        assert_eq!(
            completed(&[]),
            "--devnet heqi --json out/figures.json --pictures out/pictures --validators 4,1 --anvil anvil"
        );
    }

    #[test]
    fn what_is_named_is_not_added() {
        let files = "--devnet heqi --json out/figures.json --pictures out/pictures";
        assert_eq!(completed(&["--quick"]), format!("{files} --quick"));
        assert_eq!(completed(&["--phases=open"]), format!("{files} --phases=open"));
        assert_eq!(
            completed(&["--json", "a", "--pictures=b", "--validators=7"]),
            "--devnet heqi --anvil anvil --json a --pictures=b --validators=7"
        );
    }
}
