//! `cargo xtask fuzz`: coverage-guided fuzzing of the decoders of outside bytes, one target after
//! the other, from the seeds in `fuzz/seeds` and what earlier runs have found.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

use eyre::{Result, WrapErr, bail, ensure, eyre};

use crate::{
    metadata::Workspace,
    process::{cargo, lines},
    suite::Suite,
    test::close,
};

const FOLDER: &str = "fuzz";
const SECONDS_DEFAULT: u64 = 60;
/// Longest input, bytes; the largest seed has less than half.
const INPUT_BYTES_MAX: u64 = 4_096;
/// One input that takes longer is a failure, seconds.
const INPUT_SECONDS_MAX: u64 = 10;
/// Memory of the fuzzed process, MiB.
const MEMORY_MIB_MAX: u64 = 2_048;
const INSTALL: &str = "cargo-fuzz is not installed. It comes with `cargo install cargo-fuzz` and \
    needs a C++ compiler (g++ or clang++), on Linux or macOS; no nightly toolchain is needed";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    /// Time for each target, seconds.
    seconds: u64,
    /// Targets; none means all.
    targets: Vec<String>,
}

/// Builds the targets and runs each for the time asked for.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let request = parse(arguments)?;
    let workspace = Workspace::read()?;
    let folder = workspace.root.join(FOLDER);
    check_installed(&folder)?;
    take_over_versions(&workspace.root, &folder).wrap_err("cannot copy Cargo.lock to fuzz")?;
    let known = targets(&folder)?;
    if let Some(other) = request.targets.iter().find(|name| !known.contains(name)) {
        bail!("no target `{other}`; there are {}", known.join(", "));
    }
    let wanted = if request.targets.is_empty() { known } else { request.targets };
    let built = fuzz(&folder, "build").status()?;
    ensure!(built.success(), "the fuzz targets do not build; see the compiler's output above");
    let mut suites = Vec::new();
    for name in wanted {
        suites.push(run_target(&folder, &name, request.seconds)?);
    }
    Ok(close(&suites))
}

fn parse(arguments: &[String]) -> Result<Request> {
    let mut request = Request { seconds: SECONDS_DEFAULT, targets: Vec::new() };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--seconds" => {
                let number = rest.next().and_then(|text| text.parse().ok()).filter(|n| *n > 0);
                request.seconds = number.ok_or_else(|| eyre!("--seconds needs a whole number"))?;
            }
            flag if flag.starts_with('-') => {
                bail!("no flag `{flag}`; usage: cargo xtask fuzz [--seconds N] [TARGET …]")
            }
            name => request.targets.push(name.to_owned()),
        }
    }
    Ok(request)
}

fn check_installed(folder: &Path) -> Result<()> {
    let output = cargo(folder).args(["fuzz", "--version"]).output()?;
    ensure!(output.status.success(), "{INSTALL}");
    Ok(())
}

/// The same versions as in the product: its lock file, unless the one there is newer already. What
/// fuzzing needs beside them is pinned in its manifest, and cargo adds it.
fn take_over_versions(root: &Path, folder: &Path) -> Result<()> {
    let (from, to) = (root.join("Cargo.lock"), folder.join("Cargo.lock"));
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    let wanted = modified(&from)?;
    if modified(&to).map_or(true, |written| written < wanted) {
        fs::copy(from, to)?;
    }
    Ok(())
}

/// The targets, by the names of their files.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.join("fuzz_targets"))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Without a sanitizer: the product has no `unsafe` of its own, and the stable compiler suffices.
fn fuzz(folder: &Path, verb: &str) -> Command {
    let mut command = cargo(folder);
    command.args(["fuzz", verb, "--fuzz-dir", ".", "--sanitizer", "none"]);
    command
}

fn run_target(folder: &Path, name: &str, seconds: u64) -> Result<Suite> {
    println!("\n{name}: {seconds} s");
    let found = PathBuf::from("corpus").join(name);
    fs::create_dir_all(folder.join(&found))?;
    let mut command = fuzz(folder, "run");
    command.arg(name).arg(found).arg(format!("seeds/{name}")).arg("--").args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={INPUT_BYTES_MAX}"),
        format!("-timeout={INPUT_SECONDS_MAX}"),
        format!("-rss_limit_mb={MEMORY_MIB_MAX}"),
        "-print_final_stats=1".into(),
    ]);
    let start = Instant::now();
    let mut executions = None;
    let mut output = Vec::new();
    let status = lines(command, |line| {
        executions = executions.or(parse_executions(line));
        output.push(line.to_owned());
    })?;
    if !status.success() {
        output.iter().rev().take(60).rev().for_each(|line| println!("{line}"));
    }
    println!("{name}: {} inputs executed", executions.unwrap_or(0));
    // A run that executed nothing has shown nothing.
    let passed = status.success() && executions.is_some_and(|count| count > 0);
    let suite = Suite::counted(format!("fuzz {name}"), usize::from(passed), usize::from(!passed));
    Ok(suite.took(start.elapsed()))
}

/// Reads libFuzzer's `stat::number_of_executed_units: N`.
fn parse_executions(line: &str) -> Option<u64> {
    line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn request(arguments: &[&str]) -> Result<Request> {
        parse(&arguments.iter().map(|&argument| argument.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_are_read_and_mistakes_are_named() {
        assert_eq!(request(&[]).unwrap(), Request { seconds: 60, targets: Vec::new() });
        let some = request(&["block", "--seconds", "5", "header"]).unwrap();
        assert_eq!(some, Request { seconds: 5, targets: vec!["block".into(), "header".into()] });
        for bad in [&["--seconds"][..], &["--seconds", "0"], &["--seconds", "x"], &["--fast"]] {
            assert!(request(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn executions_are_read_from_the_statistics() {
        assert_eq!(parse_executions("stat::number_of_executed_units: 1234"), Some(1234));
        assert_eq!(parse_executions("stat::new_units_added:          5"), None);
    }

    /// A target is a file, a `[[bin]]` of the manifest and a folder of seeds.
    #[test]
    fn every_target_is_declared_and_has_seeds() {
        let folder = Workspace::read().unwrap().root.join(FOLDER);
        let names = targets(&folder).unwrap();
        assert!(names.len() > 10, "{names:?}");
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let declared: Vec<String> = manifest
            .lines()
            .skip_while(|line| *line != "[[bin]]")
            .filter_map(|line| Some(line.strip_prefix("name = \"")?.strip_suffix('"')?.to_owned()))
            .collect();
        assert_eq!(declared, names);
        for name in names {
            assert!(fs::read_dir(folder.join("seeds").join(&name)).unwrap().count() > 0, "{name}");
        }
    }
}
