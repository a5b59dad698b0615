//! Counted results of one suite, and the closing table.

use std::time::Duration;

/// What became of one suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    /// What it is called in the summary.
    pub name: String,
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed; at least 1 if the suite could not finish.
    pub failed: usize,
    /// Why it did not run, where it did not.
    pub not_run: Option<String>,
    /// How long it took.
    pub time: Duration,
}

impl Suite {
    /// A suite with these counts.
    pub fn counted(name: impl Into<String>, passed: usize, failed: usize) -> Self {
        Self { name: name.into(), passed, failed, not_run: None, time: Duration::ZERO }
    }

    /// A suite that needs something this machine does not have.
    pub fn not_run(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { not_run: Some(reason.into()), ..Self::counted(name, 0, 0) }
    }

    /// The same, with its time.
    pub fn took(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    fn line(&self) -> String {
        let Self { name, passed, failed, not_run, time } = self;
        match not_run {
            Some(reason) => format!("  {name:<34} did not run: {reason}"),
            None => {
                let seconds = time.as_secs_f64();
                format!("  {name:<34} {passed:>6} passed {failed:>4} failed {seconds:>8.1} s")
            }
        }
    }
}

/// All suites, one line each; the last line is `N passed, N failed`.
pub fn summary(suites: &[Suite]) -> String {
    let passed: usize = suites.iter().map(|suite| suite.passed).sum();
    let failed: usize = suites.iter().map(|suite| suite.failed).sum();
    let lines: Vec<String> = suites.iter().map(Suite::line).collect();
    format!("{}\n\n{passed} passed, {failed} failed", lines.join("\n"))
}

/// Reads `N passed, N failed`, the closing line of this repository's test programs.
pub fn parse_closing_line(line: &str) -> Option<(usize, usize)> {
    let (passed, failed) = line.trim().split_once(" passed, ")?;
    Some((passed.parse().ok()?, failed.strip_suffix(" failed")?.parse().ok()?))
}

/// Reads `test result: ok. N passed; N failed; …`, the closing line of a Rust test binary.
pub fn parse_test_result(line: &str) -> Option<(usize, usize)> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = counts.split("; ");
    let passed = counts.next()?.strip_suffix(" passed")?.parse().ok()?;
    Some((passed, counts.next()?.strip_suffix(" failed")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_read_and_others_are_not() {
        assert_eq!(parse_closing_line("12 passed, 0 failed"), Some((12, 0)));
        assert_eq!(parse_closing_line("12 passed, 3 failed\r"), Some((12, 3)));
        for other in ["", "12 passed", "passed, failed", "12 passed, x failed", "ok"] {
            assert_eq!(parse_closing_line(other), None, "{other}");
        }
        let line = "test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(parse_test_result(line), Some((5, 2)));
        assert_eq!(parse_test_result("test result: pending"), None);
        assert_eq!(parse_test_result("test chain::works ... ok"), None);
    }

    #[test]
    fn the_summary_ends_with_the_sum_and_names_what_did_not_run() {
        let suites = [
            Suite::counted("one", 3, 0),
            Suite::counted("two", 4, 1),
            Suite::not_run("three", "Node.js is not installed"),
        ];
        let summary = summary(&suites);
        assert!(summary.ends_with("\n\n7 passed, 1 failed"), "{summary}");
        assert!(summary.contains("did not run: Node.js is not installed"), "{summary}");
    }
}
