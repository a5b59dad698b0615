//! Client tests: needs Node.js, installs their packages, builds the node, hands over to `run.mjs`.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use eyre::{Result, WrapErr, ensure, eyre};

use crate::{
    metadata::Workspace,
    process::{cargo, hand_over, lines},
    suite::Suite,
    suites,
};

const NAME: &str = "clients (ethers, viem, cast, forge)";
const FOLDER: &str = "testing/clients";
/// Oldest Node.js major version that the packages run on.
const NODE_MAJOR_MIN: u32 = 20;

/// All clients against a network of the debug build, or why they did not run.
pub fn suites(workspace: &Workspace) -> Result<Vec<Suite>> {
    if !workspace.root.join(FOLDER).join("run.mjs").exists() {
        return Ok(Vec::new());
    }
    if let Err(problem) = node() {
        println!("client tests did not run: {problem}");
        return Ok(vec![Suite::not_run(NAME, problem.to_string())]);
    }
    let suite = match ready(workspace) {
        Ok(command) => suites::counted(NAME, command)?,
        Err(problem) => {
            println!("error: client tests cannot run: {problem:#}");
            Suite::counted(NAME, 0, 1)
        }
    };
    Ok(vec![suite])
}

fn ready(workspace: &Workspace) -> Result<Command> {
    install(&workspace.root)?;
    // The node's process tests have just built it; building the package alone would build most of
    // the tree again with other features.
    let built = workspace.target.join("debug").join("heqi");
    let program = if built.exists() { built } else { build(workspace, &[])? };
    let mut command = run(&workspace.root);
    command.arg("--devnet").arg(program);
    Ok(command)
}

/// `cargo xtask clients`: against a network of the release build unless told otherwise.
pub fn run_alone(arguments: &[String]) -> Result<ExitCode> {
    node()?;
    let workspace = Workspace::read()?;
    install(&workspace.root)?;
    let mut command = run(&workspace.root);
    let named = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if !["--devnet", "--rpc", "--target"].into_iter().any(named) {
        command.arg("--devnet").arg(build(&workspace, &["--release"])?);
    }
    command.args(arguments);
    hand_over(command)
}

fn run(root: &Path) -> Command {
    let mut command = Command::new("node");
    command.current_dir(root.join(FOLDER)).arg("run.mjs");
    command
}

fn build(workspace: &Workspace, profile: &[&str]) -> Result<PathBuf> {
    let mut command = cargo(&workspace.root);
    let status = command.args(["build", "--package", "heqi"]).args(profile).status()?;
    ensure!(status.success(), "the node does not build; see the compiler's output above");
    let folder = if profile.is_empty() { "debug" } else { "release" };
    Ok(workspace.target.join(folder).join("heqi"))
}

/// Packages exactly as the lock file has them, unless they are there already.
fn install(root: &Path) -> Result<()> {
    let folder = root.join(FOLDER);
    if is_newer(&folder.join("node_modules/.package-lock.json"), &folder.join("package-lock.json"))
    {
        return Ok(());
    }
    let mut command = Command::new("npm");
    command.current_dir(&folder).args(["ci", "--no-audit", "--no-fund"]);
    let status = lines(command, |line| println!("{line}"))
        .wrap_err("npm is not installed; it comes with Node.js")?;
    ensure!(status.success(), "`npm ci` in {FOLDER} failed; see its output above");
    Ok(())
}

fn is_newer(file: &Path, than: &Path) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    matches!((modified(file), modified(than)), (Ok(one), Ok(other)) if one >= other)
}

/// Whether a Node.js of a sufficient version is there.
fn node() -> Result<()> {
    let missing =
        || eyre!("Node.js {NODE_MAJOR_MIN} or newer is not installed (https://nodejs.org)");
    let output = Command::new("node").arg("--version").output().map_err(|_| missing())?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major = major_version(&version).ok_or_else(missing)?;
    ensure!(
        major >= NODE_MAJOR_MIN,
        "Node.js is {version}, the client tests need {NODE_MAJOR_MIN} or newer"
    );
    Ok(())
}

fn major_version(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_are_read() {
        assert_eq!(major_version("v22.11.0"), Some(22));
        assert_eq!(major_version("v8"), Some(8));
        assert_eq!(major_version(""), None);
        assert_eq!(major_version("22"), None);
    }
}
