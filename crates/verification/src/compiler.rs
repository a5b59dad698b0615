//! The compilers that the operator supplied, by version, and one run of one.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    StandardInput, VerificationError,
    code::Compiled,
    error::shortened,
    limits::{COMPILER_RETRY_TIME, COMPILER_TIME_MAX, COMPILER_VERSION_TIME_MAX},
    process,
};

/// Solidity compilers of one node. Each is asked for its version when it is first needed.
#[derive(Debug)]
pub struct Compilers {
    paths: Vec<PathBuf>,
    folder: PathBuf,
    /// What each told.
    versions: Mutex<BTreeMap<PathBuf, Told>>,
    /// Held while one is asked.
    asking: Mutex<()>,
}

/// A version, or what was wrong and when.
type Told = Result<String, (String, Instant)>;

/// What one contract compiles to.
#[derive(Debug)]
pub(crate) struct Compilation {
    pub(crate) abi: Value,
    pub(crate) metadata: String,
    pub(crate) code: Compiled,
}

#[derive(Deserialize)]
struct Output {
    #[serde(default)]
    errors: Vec<Message>,
    #[serde(default)]
    contracts: BTreeMap<String, BTreeMap<String, Contract>>,
    #[serde(default)]
    sources: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    severity: String,
    #[serde(default)]
    formatted_message: Option<String>,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Contract {
    #[serde(default)]
    abi: Value,
    #[serde(default)]
    metadata: String,
    evm: Evm,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Evm {
    deployed_bytecode: Compiled,
}

impl Compilers {
    /// The compilers at `paths`. They run in `folder`, which is made and must stay empty: what a
    /// source imports must come with it.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(paths: Vec<PathBuf>, folder: PathBuf) -> Result<Self, VerificationError> {
        fs::create_dir_all(&folder)
            .map_err(|error| VerificationError::Store(format!("{}: {error}", folder.display())))?;
        Ok(Self { paths, folder, versions: Mutex::default(), asking: Mutex::default() })
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The versions of those that tell one, and what is wrong with the others.
    pub fn versions(&self) -> (Vec<String>, Vec<String>) {
        let (mut known, mut problems) = (Vec::new(), Vec::new());
        for path in &self.paths {
            match self.version(path) {
                Ok(version) => known.push(version),
                Err(problem) => problems.push(format!("{}: {problem}", path.display())),
            }
        }
        (known, problems)
    }

    /// One compiler is asked at a time, and one that told none not again for a while: whoever waits
    /// gets the answer that somebody else got.
    fn version(&self, path: &Path) -> Result<String, String> {
        if let Some(known) = self.known_version(path) {
            return known;
        }
        let _asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.known_version(path) {
            return known;
        }
        let told = self.ask_version(path);
        let kept = told.clone().map_err(|problem| (problem, Instant::now()));
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.insert(path.to_path_buf(), kept);
        told
    }

    fn known_version(&self, path: &Path) -> Option<Result<String, String>> {
        let versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        match versions.get(path)? {
            Ok(version) => Some(Ok(version.clone())),
            Err((problem, when)) if when.elapsed() < COMPILER_RETRY_TIME => {
                Some(Err(problem.clone()))
            }
            Err(_) => None,
        }
    }

    fn ask_version(&self, path: &Path) -> Result<String, String> {
        let time = COMPILER_VERSION_TIME_MAX;
        let output = process::run(path, &["--version"], &self.folder, Vec::new(), time)?;
        let text = String::from_utf8_lossy(&output);
        version_of(&text).ok_or_else(|| "it tells no version".into())
    }

    /// Whether there is a compiler of this version.
    ///
    /// # Errors
    /// There is none.
    pub fn require(&self, wanted: &str) -> Result<(), VerificationError> {
        self.find(wanted).map(|_| ())
    }

    pub(crate) fn find(&self, wanted: &str) -> Result<&Path, VerificationError> {
        let mut known = Vec::new();
        for path in &self.paths {
            match self.version(path) {
                Ok(version) if same(&version, wanted) => return Ok(path),
                Ok(version) => known.push(version),
                Err(_) => {}
            }
        }
        let known = if known.is_empty() { "none".into() } else { known.join(", ") };
        Err(VerificationError::NoCompiler { wanted: wanted.into(), known })
    }

    /// Compiles the one contract of an input.
    pub(crate) fn compile(&self, input: &StandardInput) -> Result<Compilation, VerificationError> {
        let path = self.find(&input.compiler_version)?;
        let text = input.standard_json().to_string().into_bytes();
        let arguments = ["--standard-json"];
        let output = process::run(path, &arguments, &self.folder, text, COMPILER_TIME_MAX)
            .map_err(VerificationError::Compiler)?;
        let output: Output = serde_json::from_slice(&output).map_err(|error| {
            VerificationError::Compiler(format!("its output is not understood: {error}"))
        })?;
        chosen(output, input)
    }
}

fn chosen(mut output: Output, input: &StandardInput) -> Result<Compilation, VerificationError> {
    if let Some(error) = output.errors.iter().find(|message| message.severity == "error") {
        let text = error.formatted_message.as_deref().unwrap_or(&error.message);
        return Err(VerificationError::DoesNotCompile(shortened(text.trim())));
    }
    if let Some(name) = output.sources.keys().find(|name| !input.sources.contains_key(*name)) {
        return Err(VerificationError::source(name, "it was read from elsewhere, not sent"));
    }
    let contracts = output.contracts.get_mut(&input.file);
    let contract = contracts.and_then(|contracts| contracts.remove(&input.name));
    let contract = contract.ok_or_else(|| VerificationError::NoSuchContract(input.contract()))?;
    Ok(Compilation {
        abi: contract.abi,
        metadata: contract.metadata,
        code: contract.evm.deployed_bytecode,
    })
}

/// `0.8.30+commit.73712a01` out of `Version: 0.8.30+commit.73712a01.Linux.g++`.
fn version_of(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("Version:"))?.trim();
    let (number, build) = line.split_once("+commit.")?;
    let commit = build.split('.').next()?;
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
    (plain(number) && plain(commit)).then(|| format!("{number}+commit.{commit}"))
}

/// A version without its commit means any build of it.
fn same(version: &str, wanted: &str) -> bool {
    let number = version.split('+').next();
    version == wanted || (!wanted.contains('+') && number == Some(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_compilers_print_them() {
        let native = "solc, the solidity compiler commandline interface\n\
                      Version: 0.8.30+commit.73712a01.Linux.g++\n";
        assert_eq!(version_of(native).as_deref(), Some("0.8.30+commit.73712a01"));
        let script = "Version: 0.8.37+commit.f401782d.Emscripten.clang\n";
        assert_eq!(version_of(script).as_deref(), Some("0.8.37+commit.f401782d"));
        assert_eq!(version_of("Version: latest"), None);
        assert_eq!(version_of(""), None);
        assert!(same("0.8.30+commit.73712a01", "0.8.30"));
        assert!(!same("0.8.30+commit.73712a01", "0.8.30+commit.00000000"));
        assert!(!same("0.8.30+commit.73712a01", "0.8.3"));
    }
}
