//! Counting checks; each prints one line.

use crate::program::Ended;

/// What was counted so far.
#[derive(Debug, Default)]
pub struct Checks {
    passed: usize,
    failed: usize,
    not_run: usize,
}

/// What an error has to look like.
pub struct Expected<'a> {
    /// Exit code.
    pub exit: i32,
    /// Error code.
    pub code: &'a str,
    /// Parts of cause and next step.
    pub words: &'a [&'a str],
}

impl Checks {
    /// Counts a check that passes where `holds`; `detail` says what was seen.
    pub fn check(&mut self, name: &str, holds: bool, detail: &str) {
        match holds {
            true => {
                self.passed += 1;
                println!("  ok    {name}: {detail}");
            }
            false => self.fail(name, detail),
        }
    }

    /// Checks what an attack cost a process for good, bytes.
    pub fn memory_bounded(&mut self, before: u64, after: u64, growth_max: u64) {
        let growth = after.saturating_sub(before);
        let seen = format!("{} MiB before, {} MiB more after", before >> 20, growth >> 20);
        self.check("memory stays bounded", growth < growth_max, &seen);
    }

    /// Counts a failure.
    pub fn fail(&mut self, name: &str, detail: &str) {
        self.failed += 1;
        println!("  FAIL  {name}: {detail}");
    }

    /// Counts a check that this machine does not allow.
    pub fn not_run(&mut self, name: &str, reason: &str) {
        self.not_run += 1;
        println!("  NOT RUN  {name}: {reason}");
    }

    /// Checks a process that must have ended with a clear error.
    pub fn clear_error(&mut self, name: &str, ended: &Ended, expected: &Expected<'_>) {
        let mut wrong = faults(&ended.text, expected);
        if ended.exit != Some(expected.exit) {
            wrong.push(format!("exit {:?} instead of {}", ended.exit, expected.exit));
        }
        let seen = match wrong.is_empty() {
            true => first_error_line(&ended.text).to_string(),
            false => format!("{} in:\n{}", wrong.join("; "), ended.text),
        };
        self.check(name, wrong.is_empty(), &seen);
    }

    /// Checks the log of a process for one clear error or warning.
    pub fn clear_log(&mut self, name: &str, log: &str, expected: &Expected<'_>) {
        let wrong = faults(log, expected);
        let seen = match wrong.is_empty() {
            true => first_error_line(log).to_string(),
            false => format!("{} in the log's end:\n{}", wrong.join("; "), end_of(log)),
        };
        self.check(name, wrong.is_empty(), &seen);
    }

    /// Failures so far.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// Whether everything ran and passed.
    pub fn is_complete(&self) -> bool {
        self.passed > 0 && self.failed == 0 && self.not_run == 0
    }

    /// The last line of the program.
    pub fn summary(&self) -> String {
        let counts = format!("{} passed, {} failed", self.passed, self.failed);
        match self.not_run {
            0 => counts,
            missing => format!("{counts}, {missing} not run"),
        }
    }
}

/// What is missing for a clear error: code, words, a next step; and what must not be there.
fn faults(text: &str, expected: &Expected<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for word in expected.words.iter().chain([&expected.code]) {
        if !text.contains(word) {
            wrong.push(format!("no `{word}`"));
        }
    }
    if !(text.contains("\"next\":\"") || text.contains("  next: ")) {
        wrong.push("no next step".into());
    }
    for bad in BAD_WORDS {
        if text.contains(bad) {
            wrong.push(format!("`{bad}`"));
        }
    }
    wrong
}

/// Signs of a defect: the standard panic message, and this program's code for one.
pub const BAD_WORDS: [&str; 3] = ["panicked", "NOD-0018", "RUST_BACKTRACE"];

fn first_error_line(text: &str) -> &str {
    let is_error = |line: &&str| line.contains("error[") || line.contains("\"code\":");
    text.lines().find(is_error).unwrap_or_default().trim()
}

/// The last lines of a log.
pub fn end_of(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_error_without_next_step_or_with_a_panic_is_not_clear() {
        let expected = Expected { exit: 1, code: "NOD-0013", words: &["port"] };
        let good = "error[NOD-0013]: port 1 in use\n  next: stop it";
        assert!(faults(good, &expected).is_empty());
        for bad in [
            "error[NOD-0013]: port 1 in use",
            "error[NOD-0014]: port 1 in use\n  next: stop it",
            "error[NOD-0013]: in use\n  next: stop it",
            "thread 'main' panicked\nerror[NOD-0013]: port\n  next: stop it",
        ] {
            assert!(!faults(bad, &expected).is_empty(), "{bad}");
        }
        let mut checks = Checks::default();
        let ended = Ended { exit: Some(101), text: good.into(), out: String::new() };
        checks.clear_error("wrong exit code", &ended, &expected);
        assert_eq!((checks.failed(), checks.is_complete()), (1, false));
    }
}
