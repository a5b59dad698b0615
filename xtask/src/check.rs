//! `cargo xtask check`: what can be said without running the product.

use std::process::ExitCode;

use eyre::Result;

use crate::{metadata::Workspace, suite::Suite, suites, test::close};

/// Format, tidy, edges, lints.
pub fn run() -> Result<ExitCode> {
    let workspace = Workspace::read()?;
    let mut all = quick(&workspace)?;
    all.extend(suites::lints(&workspace.root)?);
    Ok(close(&all))
}

/// `cargo xtask tidy`.
pub fn run_quick() -> Result<ExitCode> {
    Ok(close(&quick(&Workspace::read()?)?))
}

/// The part that compiles nothing.
pub fn quick(workspace: &Workspace) -> Result<Vec<Suite>> {
    Ok(vec![suites::format(&workspace.root)?, suites::tidy(workspace)?, suites::edges(workspace)])
}
