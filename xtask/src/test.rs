//! `cargo xtask test`: the whole test command, one summary at the end.

use std::process::ExitCode;

use eyre::Result;

use crate::{
    check, clients, dispatch,
    metadata::Workspace,
    suite::{Suite, summary},
    suites,
};

/// Everything, cheapest first; a failure does not stop what comes after it.
pub fn run() -> Result<ExitCode> {
    let workspace = Workspace::read()?;
    let mut all = check::quick(&workspace)?;
    all.extend(suites::unit_tests(&workspace.root)?);
    all.extend(conformance(&workspace)?);
    all.extend(clients::suites(&workspace)?);
    all.extend(suites::lints(&workspace.root)?);
    Ok(close(&all))
}

/// Outside vectors, if the workspace has the program for them.
fn conformance(workspace: &Workspace) -> Result<Vec<Suite>> {
    let mut suites = Vec::new();
    if workspace.package("conformance").is_some() {
        // A slice of the state tests is among the unit tests; all of them take several minutes in
        // release: `cargo xtask conformance state-tests`.
        let command = dispatch::debug_program(workspace, "conformance", &["import-chain".into()]);
        suites.push(suites::counted("execution-apis chain import", command)?);
    }
    Ok(suites)
}

/// Prints the summary and answers the exit code.
pub fn close(suites: &[Suite]) -> ExitCode {
    println!("\n{}", summary(suites));
    if suites.iter().all(|suite| suite.failed == 0) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
