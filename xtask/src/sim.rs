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

/// Seeds that a planted bug may take to be found, unless `--seeds` says otherwise. Every lie has its
/// turn twice in so many.
const PLANTED_SEEDS_MAX: u64 = 60;
/// Seeds that must pass with no bug awake.
const CONTROL_SEEDS: u64 = 6;
/// Wakes the planted bug of this name. The patches make it so that all of them are built once.
const AWAKE: &str = "PLANTED";
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

/// All patches on a copy of the workspace, built once: each must apply and its bug, once awake, be
/// found. With none awake the same program finds nothing.
fn planted(planted: &Planted) -> Result<ExitCode> {
    let workspace = Workspace::read()?;
    let copy = workspace.target.join("planted");
    copy_tree(&workspace.root, &copy)?;
    let found = patches(&workspace.root.join(PATCHES), planted.only.as_deref())?;
    ensure!(!found.is_empty(), "there are no planted bugs in {PATCHES}");
    let applied: Vec<Result<()>> = found.iter().map(|patch| apply(&copy, patch)).collect();
    let program = build(planted, &workspace, &copy)?;
    let mut suites = vec![told("none", Instant::now(), &control(&program))];
    for (patch, applied) in found.iter().zip(applied) {
        let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let begun = Instant::now();
        let found = applied
            .wrap_err("the patch no longer applies")
            .and_then(|()| find(&program, &name, planted.seeds));
        suites.push(told(&name, begun, &found));
    }
    println!("\n{}", summary(&suites));
    let all = suites.iter().all(|suite| suite.failed == 0);
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn told(name: &str, begun: Instant, found: &Result<String>) -> Suite {
    match found {
        Ok(said) => println!("{name}: {said}"),
        Err(error) => println!("{name}: FAILED: {error:#}"),
    }
    let failed = usize::from(found.is_err());
    Suite::counted(name.to_owned(), 1 - failed, failed).took(begun.elapsed())
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

fn apply(copy: &Path, patch: &Path) -> Result<()> {
    let mut git = Command::new("git");
    // The copy is no repository, though it may lie inside one.
    git.current_dir(copy).env("GIT_CEILING_DIRECTORIES", copy.parent().unwrap_or(copy));
    let output = git.arg("apply").arg(patch).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

fn build(planted: &Planted, workspace: &Workspace, copy: &Path) -> Result<PathBuf> {
    let mut build = cargo(copy);
    build.env("CARGO_TARGET_DIR", &workspace.target);
    build.args(["build", "--quiet", "--package", "simulation", "--profile", &planted.profile]);
    ensure!(build.status()?.success(), "it does not compile");
    let folder = if planted.profile == "dev" { "debug" } else { &planted.profile };
    // Under another name, because the next build of the workspace itself replaces the file.
    let program = workspace.target.join("planted-simulation");
    fs::copy(workspace.target.join(folder).join("simulation"), &program)?;
    Ok(program)
}

fn control(program: &Path) -> Result<String> {
    let mut run = Command::new(program);
    let output = run.args(["--seeds", &CONTROL_SEEDS.to_string()]).env_remove(AWAKE).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "with no bug awake: {text}");
    Ok(format!("{CONTROL_SEEDS} seeds pass with no bug awake"))
}

/// Runs seeds until one fails for another reason than that it was no test.
fn find(program: &Path, bug: &str, seeds: u64) -> Result<String> {
    let mut run = Command::new(program);
    run.args(["--until-failure", "--seeds", &seeds.to_string()]).env(AWAKE, bug);
    let output = run.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let is_found = |line: &&str| {
        line.starts_with("seed ") && line.contains(" failed: ") && !line.contains(HARNESS)
    };
    let last = text.lines().last().unwrap_or("");
    match text.lines().find(is_found) {
        Some(failure) => Ok(format!("found ({last}): {failure}")),
        None => bail!("not found in {seeds} seeds ({last})"),
    }
}
