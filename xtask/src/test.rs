//! `cargo xtask test`: the whole test command, one summary at the end.

use std::process::ExitCode;

use eyre::Result;

use crate::{
    check, clients,
    metadata::Workspace,
    suite::{Suite, summary},
    suites,
};

/// Everything, cheapest first; a failure does not stop what comes after it. The chain import and a
/// slice of the state tests are among the unit tests; all state tests take several minutes in
/// release: `cargo xtask conformance state-tests`.
pub fn run() -> Result<ExitCode> {
    let workspace = Workspace::read()?;
    let mut all = check::quick(&workspace)?;
    all.extend(suites::unit_tests(&workspace.root)?);
    all.extend(clients::suites(&workspace)?);
    all.extend(suites::lints(&workspace.root)?);
    Ok(close(&all))
}

/// Prints the summary and answers the exit code.
pub fn close(suites: &[Suite]) -> ExitCode {
    println!("\n{}", summary(suites));
    if suites.iter().all(|suite| suite.failed == 0) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
