//! The suites made of Rust programs: unit tests, conformance, format and lints.

use std::{path::Path, process::Command, time::Instant};

use eyre::Result;

use crate::{
    edges,
    metadata::Workspace,
    process::{cargo, lines},
    suite::{Suite, parse_closing_line, parse_test_result},
    tidy,
};

/// Crates whose results every node must agree on.
const DETERMINISTIC: [&str; 6] = ["types", "state", "native", "execution", "system", "consensus"];
/// Lints for them that a `clippy.toml` cannot turn on; it forbids clocks and randomness.
const DETERMINISM_LINTS: [&str; 2] = ["clippy::float_arithmetic", "clippy::iter_over_hash_type"];

/// Checks of the files themselves.
pub fn tidy(workspace: &Workspace) -> Result<Suite> {
    let start = Instant::now();
    let report = tidy::check(workspace)?;
    report.warnings.iter().for_each(|warning| println!("warning: {warning}"));
    Ok(listed("tidy (files)", report.files, &report.problems).took(start.elapsed()))
}

/// Checks of the dependency edges.
pub fn edges(workspace: &Workspace) -> Suite {
    listed("edges (dependencies)", edges::count(workspace), &edges::check(workspace))
}

fn listed(name: &str, looked_at: usize, problems: &[String]) -> Suite {
    problems.iter().for_each(|problem| println!("error: {problem}"));
    Suite::counted(name, looked_at.saturating_sub(problems.len()), problems.len())
}

/// Formatting of the whole workspace.
pub fn format(root: &Path) -> Result<Suite> {
    let mut command = cargo(root);
    command.args(["fmt", "--all", "--check"]);
    one("format", command)
}

/// Clippy: the workspace's lints everywhere, the determinism lints where they apply.
pub fn lints(root: &Path) -> Result<Vec<Suite>> {
    let mut everywhere = cargo(root);
    everywhere.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    let mut deterministic = cargo(root);
    deterministic.args(["clippy", "--no-deps", "--lib"]);
    DETERMINISTIC.iter().for_each(|name| {
        deterministic.args(["--package", name]);
    });
    deterministic.args(["--", "-D", "warnings"]);
    DETERMINISM_LINTS.iter().for_each(|lint| {
        deterministic.args(["-D", lint]);
    });
    Ok(vec![one("lints", everywhere)?, one("lints (determinism)", deterministic)?])
}

/// A program that is one case: it passes or fails as a whole.
fn one(name: &str, command: Command) -> Result<Suite> {
    let start = Instant::now();
    let status = lines(command, |line| println!("{line}"))?;
    let failed = usize::from(!status.success());
    Ok(Suite::counted(name, 1 - failed, failed).took(start.elapsed()))
}

/// A program of this repository that closes with `N passed, N failed`, or says in its last line
/// why it did not run.
pub fn counted(name: &str, command: Command) -> Result<Suite> {
    let start = Instant::now();
    let (mut counts, mut last) = (None, String::new());
    let status = lines(command, |line| {
        println!("{line}");
        counts = parse_closing_line(line).or(counts);
        if !line.trim().is_empty() {
            last = line.trim().into();
        }
    })?;
    let suite = match (counts, status.success()) {
        (Some((passed, failed)), success) => {
            Suite::counted(name, passed, failed.max(usize::from(!success)))
        }
        (None, true) => Suite::not_run(name, last),
        (None, false) => Suite::counted(name, 0, 1),
    };
    Ok(suite.took(start.elapsed()))
}

/// `cargo test` of the workspace: one suite per test binary.
pub fn unit_tests(root: &Path) -> Result<Vec<Suite>> {
    let mut command = cargo(root);
    command.args(["test", "--workspace", "--no-fail-fast"]);
    let mut results = TestResults::default();
    let status = lines(command, |line| {
        println!("{line}");
        results.read(line);
    })?;
    let failed = results.suites.iter().any(|suite| suite.failed > 0);
    if !status.success() && !failed {
        // It did not compile, or a binary died before it could count.
        results.suites.push(Suite::counted("cargo test", 0, 1));
    }
    results.suites.retain(|suite| suite.passed + suite.failed > 0);
    Ok(results.suites)
}

struct TestResults {
    suites: Vec<Suite>,
    current: String,
    start: Instant,
}

impl Default for TestResults {
    fn default() -> Self {
        Self { suites: Vec::new(), current: String::new(), start: Instant::now() }
    }
}

impl TestResults {
    fn read(&mut self, line: &str) {
        if let Some(name) = binary_name(line) {
            self.current = name;
            self.start = Instant::now();
        }
        if let Some((passed, failed)) = parse_test_result(line) {
            let name = format!("unit tests of {}", self.current);
            self.suites.push(Suite::counted(name, passed, failed).took(self.start.elapsed()));
        }
    }
}

/// `Running unittests src/lib.rs (target/debug/deps/chain-0123456789abcdef)` names `chain`.
fn binary_name(line: &str) -> Option<String> {
    let line = line.trim();
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(format!("{name} (documentation)"));
    }
    let path = line.strip_prefix("Running ")?.rsplit_once('(')?.1.strip_suffix(')')?;
    let file = path.rsplit(['/', '\\']).next()?;
    Some(file.rsplit_once('-').map_or(file, |(name, _)| name).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_per_binary() {
        let mut results = TestResults::default();
        let output = "   Compiling chain v0.1.0
     Running unittests src/lib.rs (target/debug/deps/chain-0123456789abcdef)
test works ... ok
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s
     Running tests/process.rs (target/debug/deps/process-00ff)
test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out
   Doc-tests chain
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        output.lines().for_each(|line| results.read(line));
        let counts: Vec<(&str, usize, usize)> = results
            .suites
            .iter()
            .map(|suite| (suite.name.as_str(), suite.passed, suite.failed))
            .collect();
        let expected = [
            ("unit tests of chain", 3, 0),
            ("unit tests of process", 1, 2),
            ("unit tests of chain (documentation)", 1, 0),
        ];
        assert_eq!(counts, expected);
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_counts_by_its_closing_line_and_its_exit_code() -> Result<()> {
        let of = |script| counted("suite", shell(script));
        let suite = of("echo ok >&2; echo '4 passed, 0 failed'")?;
        assert_eq!((suite.passed, suite.failed, suite.not_run), (4, 0, None));
        let suite = of("echo '4 passed, 0 failed'; exit 1")?;
        assert_eq!((suite.passed, suite.failed), (4, 1));
        let suite = of("echo starting; exit 101")?;
        assert_eq!((suite.passed, suite.failed), (0, 1));
        let suite = of("echo vectors are not here; echo")?;
        assert_eq!(suite.not_run.as_deref(), Some("vectors are not here"));
        Ok(())
    }
}
