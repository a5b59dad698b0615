//! What cargo says about the workspace.

use std::path::PathBuf;

use eyre::{Result, WrapErr, ensure, eyre};
use serde_json::Value;

use crate::process::cargo;

/// The workspace.
pub struct Workspace {
    /// Its folder.
    pub root: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
    /// Its members.
    pub packages: Vec<Package>,
}

/// A member.
#[derive(Clone, Debug)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Folder, relative to the workspace.
    pub folder: PathBuf,
    /// What its manifest asks for.
    pub dependencies: Vec<Dependency>,
}

/// One line of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Name of the package.
    pub name: String,
    /// Whether only tests use it.
    pub for_tests: bool,
}

impl Workspace {
    /// Asks cargo.
    pub fn read() -> Result<Self> {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let output = cargo(&here)
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .wrap_err("cannot run cargo metadata")?;
        let problem = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cargo metadata failed:\n{problem}");
        Self::parse(&serde_json::from_slice(&output.stdout)?)
    }

    fn parse(metadata: &Value) -> Result<Self> {
        let root = PathBuf::from(text(metadata, "workspace_root")?);
        let packages = items(metadata, "packages")?
            .iter()
            .map(|package| parse_package(package, &root))
            .collect::<Result<_>>()?;
        Ok(Self { target: text(metadata, "target_directory")?.into(), root, packages })
    }

    /// The member of this name.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }
}

fn parse_package(package: &Value, root: &PathBuf) -> Result<Package> {
    let manifest = PathBuf::from(text(package, "manifest_path")?);
    let folder = manifest.parent().ok_or_else(|| eyre!("manifest without folder"))?;
    let dependencies = items(package, "dependencies")?.iter().map(parse_dependency);
    Ok(Package {
        name: text(package, "name")?.into(),
        folder: folder.strip_prefix(root)?.into(),
        dependencies: dependencies.collect::<Result<_>>()?,
    })
}

fn parse_dependency(dependency: &Value) -> Result<Dependency> {
    let for_tests = dependency["kind"] == "dev";
    Ok(Dependency { name: text(dependency, "name")?.into(), for_tests })
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().ok_or_else(|| eyre!("cargo metadata has no text `{key}`"))
}

fn items<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value[key].as_array().ok_or_else(|| eyre!("cargo metadata has no list `{key}`"))
}
