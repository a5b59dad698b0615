//! Checks of the files that compilers and Clippy do not make: length, names, headers, manifests,
//! lock files, and that every direct dependency is accounted for.

mod manifests;
mod source;

use std::{
    fs,
    path::{Path, PathBuf},
};

use eyre::{Result, WrapErr};

use crate::metadata::Workspace;

/// Folders that hold no source of ours.
const SKIPPED: [&str; 5] = ["target", "node_modules", ".git", "out", "cache"];

/// What was found.
#[derive(Default)]
pub struct Report {
    /// Files looked at.
    pub files: usize,
    /// Breaches of a rule.
    pub problems: Vec<String>,
    /// What should be looked at, but does not fail.
    pub warnings: Vec<String>,
}

/// Looks at every file of the workspace.
pub fn check(workspace: &Workspace) -> Result<Report> {
    let mut report = Report::default();
    for path in files(&workspace.root)? {
        let name = path.strip_prefix(&workspace.root)?;
        let is = |extension: &str| name.extension().is_some_and(|other| other == extension);
        let wanted = is("rs") || is("md") || is("toml") || name.ends_with("package-lock.json");
        if !wanted && !name.ends_with("Cargo.lock") {
            continue;
        }
        let text = read(&path)?;
        report.files += 1;
        if is("rs") {
            source::check(name, &text, &mut report);
        }
        let member = || workspace.packages.iter().any(|p| name.parent() == Some(&p.folder));
        if name.ends_with("Cargo.toml") && member() {
            manifests::check(name, &text, &mut report.problems);
        }
        manifests::check_lock(name, &text, &mut report.problems);
        source::check_paths(name, &text, &mut report.problems);
    }
    let manifest = read(&workspace.root.join("Cargo.toml"))?;
    let list = read(&workspace.root.join(manifests::DEPENDENCIES_DOCUMENT))?;
    manifests::check_documented(&manifest, &list, &mut report.problems);
    Ok(report)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).wrap_err_with(|| format!("cannot read {}", path.display()))
}

/// Every file below `folder` in a fixed order, links and build products left out.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).wrap_err_with(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            let skipped = SKIPPED.iter().any(|name| entry.file_name() == *name);
            if kind.is_dir() && !skipped {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
