//! Rules for source files.

use std::path::Path;

use super::Report;

/// Lines of a file, unit tests excluded, that fail.
const FILE_LINES_MAX: usize = 1000;
/// Lines of a file, unit tests excluded, that are worth a look.
const FILE_LINES_SOFT: usize = 600;
/// Lines of unit tests in the file that they test; longer ones belong in a `tests.rs` beside it.
const INLINE_TEST_LINES_SOFT: usize = 200;
/// Names that say nothing.
const EMPTY_NAMES: [&str; 8] =
    ["common", "helper", "helpers", "misc", "shared", "stuff", "util", "utils"];
/// What may not stand in a file, in pieces so that this file may stand itself.
const FORBIDDEN: [(&str, &str, &str); 3] = [
    ("#[", "ignore", "a test that does not run protects nothing"),
    ("unimplemented", "!(", "unfinished code"),
    ("todo", "!(", "unfinished code"),
];
/// Home folders: such a path works on one machine only.
const HOME_FOLDERS: [(&str, &str); 3] = [("/", "root/"), ("/", "home/"), ("/", "Users/")];

/// Checks one Rust file.
pub fn check(name: &Path, text: &str, report: &mut Report) {
    let shown = name.display();
    if let Some(part) = empty_name(name) {
        report.problems.push(format!("{shown}: the name `{part}` does not say one job"));
    }
    if !is_test(name) && !text.trim_start().starts_with("//!") {
        report.problems.push(format!("{shown}: starts without a `//!` header"));
    }
    for (start, end, reason) in FORBIDDEN {
        if text.contains(&format!("{start}{end}")) {
            report.problems.push(format!("{shown}: `{start}{end}`: {reason}"));
        }
    }
    if !is_test(name) {
        check_length(name, text, report);
    }
}

fn check_length(name: &Path, text: &str, report: &mut Report) {
    let shown = name.display();
    let (code, tests) = lengths(text);
    if code > FILE_LINES_MAX {
        report.problems.push(format!("{shown}: {code} lines, the limit is {FILE_LINES_MAX}"));
    } else if code > FILE_LINES_SOFT {
        report.warnings.push(format!("{shown}: {code} lines, should be at most {FILE_LINES_SOFT}"));
    }
    if tests > INLINE_TEST_LINES_SOFT {
        report.warnings.push(format!(
            "{shown}: {tests} lines of unit tests; over {INLINE_TEST_LINES_SOFT} they go beside it"
        ));
    }
}

/// Lines of code and of inline unit tests, which stand at the end of a file.
fn lengths(text: &str) -> (usize, usize) {
    let total = text.lines().count();
    let lines: Vec<&str> = text.lines().collect();
    // `mod tests;` names a file beside this one and may stand anywhere.
    let inline = |pair: &[&str]| pair[0] == "#[cfg(test)]" && !pair[1].ends_with(';');
    let start = lines.windows(2).position(inline).unwrap_or(total);
    (start, total - start)
}

/// Files that hold only tests.
fn is_test(name: &Path) -> bool {
    name.ends_with("tests.rs") || name.components().any(|part| part.as_os_str() == "tests")
}

fn empty_name(name: &Path) -> Option<String> {
    name.iter()
        .map(|part| part.to_string_lossy().trim_end_matches(".rs").to_owned())
        .find(|part| EMPTY_NAMES.contains(&part.as_str()))
}

/// Checks any text file for paths of one machine.
pub fn check_paths(name: &Path, text: &str, problems: &mut Vec<String>) {
    for (start, end) in HOME_FOLDERS {
        let folder = format!("{start}{end}");
        let quoted = |line: &str| starts_path(line, &folder);
        if let Some(number) = text.lines().position(quoted) {
            let line = number + 1;
            problems.push(format!("{}:{line}: path `{folder}` of one machine", name.display()));
        }
    }
}

/// Whether an absolute path into `folder` begins somewhere in `line`.
fn starts_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|before| before.is_whitespace() || "\"'`(=".contains(before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(name: &str, text: &str) -> Report {
        let mut report = Report::default();
        check(Path::new(name), text, &mut report);
        check_paths(Path::new(name), text, &mut report.problems);
        report
    }

    #[test]
    fn a_good_file_passes() {
        let report = problems("crates/a/src/block.rs", "//! Blocks.\n\nfn a() {}\n");
        assert_eq!((report.problems.len(), report.warnings.len()), (0, 0));
        let tests = problems("crates/a/src/block/tests.rs", &"fn a() {}\n".repeat(2_000));
        assert_eq!((tests.problems.len(), tests.warnings.len()), (0, 0));
    }

    #[test]
    fn breaches_are_found() {
        for (name, text) in [
            ("crates/a/src/utils.rs", "//! a\n".to_owned()),
            ("crates/helpers/src/lib.rs", "//! a\n".to_owned()),
            ("crates/a/src/block.rs", "fn a() {}\n".to_owned()),
            ("crates/a/src/block.rs", "//! a\n".repeat(1_001)),
            ("crates/a/src/block.rs", format!("//! a\n#[{}]\n", "ignore")),
            ("crates/a/src/block.rs", format!("//! a\n{}!()\n", "todo")),
            ("crates/a/src/block.rs", format!("//! a\nconst A: &str = \"/{}/x\";\n", "root")),
        ] {
            assert_eq!(problems(name, &text).problems.len(), 1, "{name}: {text:.40}");
        }
    }

    #[test]
    fn length_counts_code_and_tests_apart() {
        let code = "//! a\n".to_owned() + &"fn a() {}\n".repeat(700);
        assert_eq!(problems("a.rs", &code).warnings.len(), 1);
        let tests = "//! a\n#[cfg(test)]\n".to_owned() + &"fn a() {}\n".repeat(300);
        assert_eq!(problems("a.rs", &tests).warnings.len(), 1);
        assert_eq!(lengths("a\nb\n#[cfg(test)]\nmod tests {\n}\n"), (2, 3));
        assert_eq!(lengths("a\n#[cfg(test)]\nmod tests;\nb\n"), (4, 0), "they are elsewhere");
    }

    #[test]
    fn only_paths_count_as_paths() {
        let folder = format!("/{}/", "home");
        assert!(starts_path(&format!("open(\"{folder}x\")"), &folder));
        assert!(!starts_path(&format!("https://example.org{folder}x"), &folder));
    }
}
