//! `cargo xtask sim`: the simulation's seeds, and the planted bugs that they must find.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

use eyre::{Result, WrapErr as _, bail, ensure, eyre};

use crate::{
    dispatch,
    metadata::Workspace,
    process::cargo,
    suite::{Suite, summary},
};

/// Seeds that a planted bug may take to be found, unless `--seeds` says otherwise.
const PLANTED_SEEDS_MAX: u64 = 60;
/// Where the patches are.
const PATCHES: &str = "testing/simulation/planted";
/// Name under which the simulation reports that a run was no test.
const HARNESS: &str = "failed: harness:";

/// Runs the simulation, or with `--planted` looks for the planted bugs.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    if !arguments.iter().any(|argument| argument == "--planted") {
        return dispatch::package("simulation", arguments);
    }
    planted(&Planted::parse(arguments)?)
}

struct Planted {
    seeds: u64,
    profile: String,
    only: Option<String>,
}

impl Planted {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut planted = Self { seeds: PLANTED_SEEDS_MAX, profile: "release".into(), only: None };
        let mut rest = arguments.iter().filter(|argument| *argument != "--planted");
        while let Some(name) = rest.next() {
            let value = rest.next().ok_or_else(|| eyre!("{name} needs a value"))?;
            match name.as_str() {
                "--seeds" => planted.seeds = value.parse()?,
                "--profile" => planted.profile.clone_from(value),
                "--only" => planted.only = Some(value.clone()),
                _ => bail!("with --planted: [--seeds N] [--profile dev|release] [--only NAME]"),
            }
        }
        Ok(planted)
    }
}

/// Every patch in turn on a copy of the workspace: it must apply, compile and be found.
fn planted(planted: &Planted) -> Result<ExitCode> {
    let workspace = Workspace::read()?;
    let copy = workspace.target.join("planted");
    copy_tree(&workspace.root, &copy)?;
    let mut suites = Vec::new();
    for patch in patches(&workspace.root.join(PATCHES), planted.only.as_deref())? {
        let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let begun = Instant::now();
        let found = one(planted, &workspace, &copy, &patch);
        match &found {
            Ok(said) => println!("{name}: found: {said}"),
            Err(error) => println!("{name}: NOT FOUND: {error:#}"),
        }
        let failed = usize::from(found.is_err());
        suites.push(Suite::counted(name, 1 - failed, failed).took(begun.elapsed()));
    }
    ensure!(!suites.is_empty(), "there are no planted bugs in {PATCHES}");
    println!("\n{}", summary(&suites));
    let all = suites.iter().all(|suite| suite.failed == 0);
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn patches(folder: &Path, only: Option<&str>) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let named = |name: &str| path.file_stem().is_some_and(|stem| stem == name);
        let is_patch = path.extension().is_some_and(|extension| extension == "patch");
        if is_patch && only.is_none_or(named) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Files as they are now, committed or not. What did not change keeps its time, so that little is
/// compiled again.
fn copy_tree(root: &Path, copy: &Path) -> Result<()> {
    let mut list = Command::new("git");
    list.current_dir(root);
    list.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
    let output = list.output().wrap_err("git does not run")?;
    ensure!(output.status.success(), "git cannot list the files");
    let mut wanted = Vec::new();
    for name in String::from_utf8(output.stdout)?.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (root.join(name), copy.join(name));
        let Ok(content) = fs::read(&from) else {
            // Deleted, but still in the index.
            continue;
        };
        wanted.push(to.clone());
        if fs::read(&to).is_ok_and(|old| old == content) {
            continue;
        }
        fs::create_dir_all(to.parent().ok_or_else(|| eyre!("a file has a folder"))?)?;
        fs::write(&to, content)?;
    }
    remove_others(copy, &wanted)
}

fn remove_others(folder: &Path, wanted: &[PathBuf]) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(&path, wanted)?;
        } else if !wanted.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn one(planted: &Planted, workspace: &Workspace, copy: &Path, patch: &Path) -> Result<String> {
    apply(copy, patch, &[]).wrap_err("the patch no longer applies")?;
    let found = build_and_run(planted, workspace, copy);
    apply(copy, patch, &["--reverse"])?;
    found
}

fn apply(copy: &Path, patch: &Path, options: &[&str]) -> Result<()> {
    let mut git = Command::new("git");
    // The copy is no repository, though it may lie inside one.
    git.current_dir(copy).env("GIT_CEILING_DIRECTORIES", copy.parent().unwrap_or(copy));
    let output = git.arg("apply").args(options).arg(patch).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

fn build_and_run(planted: &Planted, workspace: &Workspace, copy: &Path) -> Result<String> {
    let mut build = cargo(copy);
    build.env("CARGO_TARGET_DIR", &workspace.target);
    build.args(["build", "--quiet", "--package", "simulation", "--profile", &planted.profile]);
    ensure!(build.status()?.success(), "it does not compile");
    let folder = if planted.profile == "dev" { "debug" } else { &planted.profile };
    // Under another name, because the next build of the workspace itself replaces the file.
    let program = workspace.target.join("planted-simulation");
    fs::copy(workspace.target.join(folder).join("simulation"), &program)?;
    let mut run = Command::new(program);
    run.args(["--until-failure", "--seeds", &planted.seeds.to_string()]);
    let output = run.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let failure = text
        .lines()
        .find(|line| line.starts_with("seed ") && line.contains(" failed: "))
        .filter(|line| !line.contains(HARNESS));
    match failure {
        Some(failure) => Ok(failure.into()),
        None => bail!("{} seeds passed: {}", planted.seeds, text.lines().last().unwrap_or("")),
    }
}
