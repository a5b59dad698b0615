//! Which crate may depend on which. The table is the one of `ARCHITECTURE.md`; an edge that is not
//! in it is a decision to be made there first.

use crate::metadata::{Package, Workspace};

/// Crates of the consensus path and below: no runtime, no server, no command line.
const LEDGER_FOLDER: &str = "crates/ledger";
/// What ledger crates may not use outside tests: they are generic over the runtime, and errors are
/// typed.
const FORBIDDEN_IN_LEDGER: [&str; 8] = [
    "axum",
    "clap",
    "eyre",
    "tokio",
    "tokio-tungstenite",
    "tower",
    "tower-http",
    "tracing-subscriber",
];
/// What nobody may use: one TLS and one cryptography stack, in Rust.
const FORBIDDEN: [&str; 3] = ["native-tls", "openssl", "openssl-sys"];
/// Folder of crates that only test; they may depend on anything unless the table says otherwise.
const TESTING_FOLDER: &str = "testing";

/// A crate and what it may depend on.
type Row = (&'static str, &'static [&'static str]);

const TABLE: [Row; 18] = [
    ("types", &[]),
    ("crypto", &["types"]),
    ("state", &["types", "crypto"]),
    ("native", &["types", "crypto"]),
    ("system", &["native", "types", "crypto"]),
    ("execution", &["state", "native", "system", "types", "crypto"]),
    ("pool", &["execution", "state", "types", "crypto"]),
    ("consensus", &["types", "crypto"]),
    ("chain", &["state", "types", "crypto"]),
    ("ledger-api", &["chain", "execution", "pool", "state", "types", "crypto"]),
    (
        "engine",
        &[
            "chain",
            "consensus",
            "crypto",
            "execution",
            "ledger-api",
            "native",
            "pool",
            "state",
            "system",
            "types",
        ],
    ),
    (
        "node",
        &[
            "engine",
            "rpc",
            "ledger-api",
            "chain",
            "pool",
            "state",
            "types",
            "crypto",
            "verification",
        ],
    ),
    ("rpc", &["ledger-api", "chain", "execution", "pool", "state", "system", "types", "crypto"]),
    ("dev", &["chain", "crypto", "execution", "ledger-api", "pool", "state", "system", "types"]),
    ("snapshot", &["consensus", "ledger-api", "state", "types"]),
    ("verification", &[]),
    (
        "conformance",
        &["execution", "state", "chain", "pool", "ledger-api", "rpc", "types", "crypto"],
    ),
    ("xtask", &[]),
];
/// May depend on every crate of the workspace.
const BINARY: &str = "heqi";

/// Every edge that the table does not allow, in words.
pub fn check(workspace: &Workspace) -> Vec<String> {
    let names: Vec<&str> = workspace.packages.iter().map(|package| package.name.as_str()).collect();
    workspace.packages.iter().flat_map(|package| check_package(package, &names)).collect()
}

/// Edges looked at.
pub fn count(workspace: &Workspace) -> usize {
    workspace.packages.iter().map(|package| package.dependencies.len()).sum()
}

fn check_package(package: &Package, members: &[&str]) -> Vec<String> {
    let allowed = TABLE.iter().find(|(name, _)| *name == package.name).map(|(_, row)| *row);
    let free = package.name == BINARY || package.folder.starts_with(TESTING_FOLDER);
    let mut problems = Vec::new();
    if allowed.is_none() && !free {
        problems.push(format!("{}: no row in the table of edges", package.name));
    }
    for dependency in &package.dependencies {
        let name = dependency.name.as_str();
        let inside = members.contains(&name);
        let refused = match allowed {
            Some(allowed) => inside && !allowed.contains(&name),
            None => false,
        };
        if refused {
            problems.push(format!("{} → {name} is not an edge of the table", package.name));
        }
        if let Some(problem) = check_outside(package, name, dependency.for_tests) {
            problems.push(problem);
        }
    }
    problems
}

fn check_outside(package: &Package, name: &str, for_tests: bool) -> Option<String> {
    let in_ledger = package.folder.starts_with(LEDGER_FOLDER) && !for_tests;
    if in_ledger && FORBIDDEN_IN_LEDGER.contains(&name) {
        return Some(format!("{} → {name}: not in {LEDGER_FOLDER}", package.name));
    }
    FORBIDDEN.contains(&name).then(|| format!("{} → {name}: not in this workspace", package.name))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    fn package(name: &str, folder: &str, dependencies: &[(&str, bool)]) -> Package {
        let dependencies = dependencies
            .iter()
            .map(|(name, for_tests)| Dependency { name: (*name).into(), for_tests: *for_tests })
            .collect();
        Package { name: name.into(), folder: folder.into(), dependencies }
    }

    fn problems(package: Package) -> Vec<String> {
        check_package(&package, &["types", "chain", "rpc", "state", "execution", "engine"])
    }

    #[test]
    fn edges_of_the_table_pass() {
        let good = [("types", false), ("state", false), ("fjall", false), ("tokio", true)];
        assert_eq!(problems(package("chain", "crates/ledger/chain", &good)), Vec::<String>::new());
        let test = package("load", "testing/load", &[("rpc", false), ("tokio", false)]);
        assert_eq!(problems(test), Vec::<String>::new());
    }

    #[test]
    fn any_other_edge_fails_also_in_tests() {
        for for_tests in [false, true] {
            let bad = package("chain", "crates/ledger/chain", &[("rpc", for_tests)]);
            assert_eq!(problems(bad), ["chain → rpc is not an edge of the table"]);
        }
        let bad = package("conformance", "testing/conformance", &[("engine", false)]);
        assert_eq!(problems(bad).len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_fails() {
        let new = package("unheard-of", "crates/unheard-of", &[]);
        assert_eq!(problems(new), ["unheard-of: no row in the table of edges"]);
    }

    #[test]
    fn ledger_crates_have_no_runtime_and_nobody_has_openssl() {
        let bad = package("chain", "crates/ledger/chain", &[("tokio", false)]);
        assert_eq!(problems(bad), ["chain → tokio: not in crates/ledger"]);
        let bad = package("rpc", "crates/rpc", &[("tokio", false), ("openssl", true)]);
        assert_eq!(problems(bad), ["rpc → openssl: not in this workspace"]);
    }

    #[test]
    fn this_workspace_passes() {
        let workspace = Workspace::read().unwrap();
        assert!(count(&workspace) > 0);
        assert_eq!(check(&workspace), Vec::<String>::new());
    }
}
