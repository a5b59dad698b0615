//! Rules for manifests and lock files.

use std::path::Path;

/// Says of every direct dependency why it is there.
pub const DEPENDENCIES_DOCUMENT: &str = "docs/dependencies.md";
/// Where packages may come from.
const CRATES: &str = "registry+https://github.com/rust-lang/crates.io-index";
const NPM: &str = "https://registry.npmjs.org/";

/// Checks the manifest of a member: its dependencies come from the workspace, its lints too, and
/// its name is that of its folder.
pub fn check(name: &Path, text: &str, problems: &mut Vec<String>) {
    let Some(folder) = name.parent().and_then(Path::file_name) else {
        return;
    };
    let shown = name.display();
    let folder = folder.to_string_lossy();
    if let Some(package) = package_name(text)
        && package != folder
        && !package.ends_with(&format!("-{folder}"))
    {
        problems.push(format!("{shown}: package `{package}` in folder `{folder}`"));
    }
    if !sections(text).any(|(section, line)| section == "[lints]" && line == "workspace = true") {
        problems.push(format!("{shown}: without `[lints] workspace = true`"));
    }
    for (section, line) in sections(text) {
        let dependency = section.ends_with("dependencies]") && line.contains('=');
        if dependency && !line.replace(' ', "").contains("workspace=true") {
            problems.push(format!("{shown}: `{line}` does not come from the workspace"));
        }
    }
}

fn package_name(text: &str) -> Option<&str> {
    let mut lines = sections(text).filter(|(section, _)| *section == "[package]");
    lines.find_map(|(_, line)| line.strip_prefix("name = \"")?.strip_suffix('"'))
}

/// Each line that is not empty, not a comment and not a heading, with the heading above it.
fn sections(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut section = "";
    text.lines().map(str::trim).filter_map(move |line| {
        if line.starts_with('[') {
            section = line;
            return None;
        }
        (!line.is_empty() && !line.starts_with('#')).then_some((section, line))
    })
}

/// Checks that a lock file names public registries only, so that it works for everybody.
pub fn check_lock(name: &Path, text: &str, problems: &mut Vec<String>) {
    let (start, registry) = match name.file_name().and_then(|name| name.to_str()) {
        Some("Cargo.lock") => ("source = \"", CRATES),
        Some("package-lock.json") => ("\"resolved\": \"", NPM),
        _ => return,
    };
    let sources = text.lines().filter_map(|line| line.trim().strip_prefix(start));
    for source in sources.filter(|source| !source.starts_with(registry)) {
        problems.push(format!("{}: `{source}` is not the public registry", name.display()));
    }
}

/// Checks that the document has a row for each dependency of the workspace, and no other.
pub fn check_documented(manifest: &str, document: &str, problems: &mut Vec<String>) {
    let outside: Vec<&str> = sections(manifest)
        .filter(|(section, line)| {
            *section == "[workspace.dependencies]" && !line.contains("path =")
        })
        .filter_map(|(_, line)| Some(line.split_once('=')?.0.trim().trim_end_matches(".workspace")))
        .collect();
    let documented: Vec<&str> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .flat_map(|row| row.split(" | ").next().unwrap_or_default().split(", "))
        .filter_map(|name| name.trim().strip_prefix('`')?.strip_suffix('`'))
        .collect();
    for name in outside.iter().filter(|name| !documented.contains(name)) {
        problems.push(format!("{DEPENDENCIES_DOCUMENT}: no row for `{name}`"));
    }
    for name in documented.iter().filter(|name| !outside.contains(name)) {
        problems.push(format!("{DEPENDENCIES_DOCUMENT}: row for `{name}`, which nothing uses"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"ledger-api\"\n\n[dependencies]\n# why\n\
        a.workspace = true\nb = { workspace = true, features = [\"x\"] }\n\n\
        [lints]\nworkspace = true\n";

    fn problems(name: &str, text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        check(Path::new(name), text, &mut problems);
        problems
    }

    fn lock_problems(name: &str, text: &str) -> usize {
        let mut problems = Vec::new();
        check_lock(Path::new(name), text, &mut problems);
        problems.len()
    }

    #[test]
    fn a_good_manifest_passes() {
        assert_eq!(problems("crates/ledger/api/Cargo.toml", GOOD), Vec::<String>::new());
    }

    #[test]
    fn breaches_are_found() {
        let name = "crates/ledger/api/Cargo.toml";
        assert_eq!(problems("crates/other/Cargo.toml", GOOD).len(), 1);
        assert_eq!(problems(name, &GOOD.replace("a.workspace = true", "a = \"1\"")).len(), 1);
        assert_eq!(problems(name, &GOOD.replace("[lints]", "[other]")).len(), 1);
    }

    #[test]
    fn lock_files_name_public_registries() {
        let good = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        assert_eq!(lock_problems("Cargo.lock", good), 0);
        let bad = "source = \"registry+https://example.org/index\"\n";
        assert_eq!(lock_problems("Cargo.lock", bad), 1);
        let bad = "  \"resolved\": \"https://example.org/a.tgz\",\n";
        assert_eq!(lock_problems("testing/clients/package-lock.json", bad), 1);
        assert_eq!(lock_problems("docs/other.json", bad), 0);
    }

    #[test]
    fn the_document_and_the_manifest_agree() {
        let manifest = "[workspace.dependencies]\nown = { path = \"x\" }\na = \"1\"\nb = \"2\"\n";
        let of = |document: &str| {
            let mut problems = Vec::new();
            check_documented(manifest, document, &mut problems);
            problems
        };
        assert_eq!(of("| `a`, `b` | why | instead |\n"), Vec::<String>::new());
        assert_eq!(of("| `a` | why `b` | instead |\n").len(), 1);
        assert_eq!(of("| `a` | x | y |\n| `b` | x | y |\n| `c` | x | y |\n").len(), 1);
    }
}
