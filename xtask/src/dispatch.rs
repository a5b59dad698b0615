//! Verbs that build a program of the workspace and hand over to it.

use std::process::{Command, ExitCode};

use eyre::{Result, ensure};

use crate::{
    metadata::Workspace,
    process::{cargo, hand_over},
};

/// Builds the node in release and runs a network in the foreground; Ctrl-C goes to it.
pub fn up(arguments: &[String]) -> Result<ExitCode> {
    let workspace = Workspace::read()?;
    let mut build = cargo(&workspace.root);
    build.args(["build", "--release", "--package", "heqi"]);
    let status = build.status()?;
    ensure!(status.success(), "the node does not build; see the compiler's output above");
    let mut node = Command::new(workspace.target.join("release").join("heqi"));
    node.args(["devnet", "up"]).args(arguments);
    become_program(node)
}

/// The node takes this process's place, so that signals and exit code are its own.
#[cfg(unix)]
fn become_program(mut command: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(command.exec().into())
}

#[cfg(not(unix))]
fn become_program(command: Command) -> Result<ExitCode> {
    hand_over(command)
}

/// Writes what the pages take from the code; the same test without the variable fails when a page
/// is stale.
pub fn docs() -> Result<ExitCode> {
    let workspace = Workspace::read()?;
    let mut command = cargo(&workspace.root);
    command.env("HEQI_WRITE_DOCS", "1");
    command.args(["test", "--workspace", "--lib", "the_pages_have_the_table_of_methods"]);
    hand_over(command)
}

/// Runs the program of package `name` in release.
pub fn package(name: &str, arguments: &[String]) -> Result<ExitCode> {
    let workspace = Workspace::read()?;
    ensure!(
        workspace.package(name).is_some(),
        "this workspace has no package `{name}` (expected in testing/{name})"
    );
    let mut command = cargo(&workspace.root);
    command.args(["run", "--release", "--package", name, "--"]).args(arguments);
    hand_over(command)
}

/// Runs the program of package `name` in release on a node built in release, unless the arguments
/// name a network.
pub fn on_node(name: &str, arguments: &[String]) -> Result<ExitCode> {
    let named = ["--devnet", "--rpc", "--heqi", "--help"];
    if arguments.iter().any(|argument| named.contains(&argument.as_str())) {
        return package(name, arguments);
    }
    let workspace = Workspace::read()?;
    let mut build = cargo(&workspace.root);
    build.args(["build", "--release", "--package", "heqi"]);
    if name == "processes" {
        // The hostile validator, which stands beside the node.
        build.args(["--package", "flood"]);
    }
    ensure!(build.status()?.success(), "the node does not build; see the compiler's output above");
    let node = workspace.target.join("release").join("heqi");
    let option = if name == "processes" { "--heqi" } else { "--devnet" };
    let mut all = vec![option.to_owned(), node.to_string_lossy().into_owned()];
    all.extend_from_slice(arguments);
    package(name, &all)
}
