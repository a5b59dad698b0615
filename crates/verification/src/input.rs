//! What somebody sends: sources with settings, or sources with metadata. Nothing in it is trusted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{
    VerificationError,
    limits::{NAME_BYTES_MAX, REQUEST_BYTES_MAX, SETTINGS_BYTES_MAX, SOURCES_MAX},
};

/// Settings that change code. What else there is may make a compiler start other programs or read
/// files (`modelChecker`), or asks for output.
const SETTINGS: [&str; 9] = [
    "debug",
    "evmVersion",
    "experimental",
    "libraries",
    "metadata",
    "optimizer",
    "remappings",
    "viaIR",
    "viaSSACFG",
];

/// What a compiler of Solidity is asked to compile, without anything that is not needed for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StandardInput {
    /// Sources by name.
    pub sources: BTreeMap<String, String>,
    /// Settings that change code.
    pub settings: Map<String, Value>,
    /// File of the contract.
    pub file: String,
    /// Name of the contract.
    pub name: String,
    /// Version of the compiler, for example `0.8.30+commit.73712a01`.
    pub compiler_version: String,
}

impl StandardInput {
    /// Reads the standard JSON that Foundry and Hardhat send.
    ///
    /// # Errors
    /// Not Solidity, a source without content, a limit.
    pub fn new(
        standard_json: &Value,
        contract: &str,
        compiler_version: &str,
    ) -> Result<Self, VerificationError> {
        let language = standard_json["language"].as_str().unwrap_or_default();
        if language != "Solidity" {
            return Err(wrong("language is not \"Solidity\", which is the only one known"));
        }
        let sources = standard_json["sources"].as_object();
        let sources = sources.ok_or_else(|| wrong("stdJsonInput.sources is missing"))?;
        let sources = sources.iter().map(|(name, source)| {
            let content = source["content"].as_str();
            let content = content.ok_or_else(|| {
                wrong(format!("source {name:.200} has no content; links are not followed"))
            })?;
            Ok((name.clone(), content.to_owned()))
        });
        let (file, name) = contract
            .rsplit_once(':')
            .ok_or_else(|| wrong("the contract is not named as FILE:CONTRACT"))?;
        let known = standard_json["settings"].as_object().cloned().unwrap_or_default();
        Self {
            sources: sources.collect::<Result<_, _>>()?,
            settings: essential(known),
            file: file.into(),
            name: name.into(),
            compiler_version: plain_version(compiler_version)?,
        }
        .checked()
    }

    /// The input of metadata: its settings have the same names but for the contract.
    pub(crate) fn of_metadata(
        metadata: &Value,
        sources: BTreeMap<String, String>,
    ) -> Result<Self, VerificationError> {
        let target = metadata["settings"]["compilationTarget"].as_object();
        let mut targets = target.into_iter().flatten();
        let (Some((file, Value::String(name))), None) = (targets.next(), targets.next()) else {
            return Err(wrong("metadata: settings.compilationTarget does not name one contract"));
        };
        let version = metadata["compiler"]["version"].as_str().unwrap_or_default();
        let mut settings = metadata["settings"].as_object().cloned().unwrap_or_default();
        let libraries = settings.remove("libraries").unwrap_or_default();
        let mut settings = essential(settings);
        settings.insert("libraries".into(), libraries_by_file(&libraries));
        Self {
            sources,
            settings,
            file: file.clone(),
            name: name.clone(),
            compiler_version: plain_version(version)?,
        }
        .checked()
    }

    fn checked(self) -> Result<Self, VerificationError> {
        check_sources(&self.sources)?;
        check_name(&self.name)?;
        let settings = serde_json::to_string(&self.settings).map_or(usize::MAX, |text| text.len());
        limit("the size of the settings in bytes", settings, SETTINGS_BYTES_MAX)?;
        match self.sources.contains_key(&self.file) {
            true => Ok(self),
            false => Err(VerificationError::NoSuchContract(self.contract())),
        }
    }

    /// `FILE:CONTRACT`.
    pub fn contract(&self) -> String {
        format!("{}:{}", self.file, self.name)
    }

    /// Standard JSON, with an output selection of the one contract.
    pub fn standard_json(&self) -> Value {
        let selection = ["abi", "metadata", "evm.deployedBytecode"];
        let mut settings = self.settings.clone();
        settings.insert("outputSelection".into(), json!({ &self.file: { &self.name: selection } }));
        json!({
            "language": "Solidity",
            "sources": sources_json(&self.sources),
            "settings": settings,
        })
    }
}

/// Sources as standard JSON has them.
pub(crate) fn sources_json(sources: &BTreeMap<String, String>) -> Value {
    let entries = sources.iter().map(|(name, content)| (name.clone(), json!({"content": content})));
    Value::Object(entries.collect())
}

fn essential(settings: Map<String, Value>) -> Map<String, Value> {
    settings.into_iter().filter(|(name, _)| SETTINGS.contains(&name.as_str())).collect()
}

/// Metadata has `"FILE:LIBRARY": ADDRESS`, standard JSON `FILE: {LIBRARY: ADDRESS}`.
fn libraries_by_file(libraries: &Value) -> Value {
    let mut files = Map::new();
    for (name, address) in libraries.as_object().into_iter().flatten() {
        let (file, library) = name.rsplit_once(':').unwrap_or(("", name));
        let names = files.entry(file).or_insert_with(|| json!({}));
        names[library] = address.clone();
    }
    Value::Object(files)
}

/// A version without the `v` that some tools put in front, and without a platform behind.
fn plain_version(version: &str) -> Result<String, VerificationError> {
    let plain = version.trim().trim_start_matches('v');
    let known = |c: char| c.is_ascii_alphanumeric() || ".+-".contains(c);
    match plain.is_empty() || plain.len() > 64 || !plain.chars().all(known) {
        true => Err(wrong("the compiler's version is missing or odd")),
        false => Ok(plain.into()),
    }
}

fn check_sources(sources: &BTreeMap<String, String>) -> Result<(), VerificationError> {
    if sources.is_empty() {
        return Err(wrong("there are no sources"));
    }
    limit("the number of sources", sources.len(), SOURCES_MAX)?;
    let bytes = sources.values().map(String::len).sum();
    limit("the size of the sources in bytes", bytes, REQUEST_BYTES_MAX)?;
    sources.keys().try_for_each(|name| check_name(name))
}

fn check_name(name: &str) -> Result<(), VerificationError> {
    limit("the length of a name in bytes", name.len(), NAME_BYTES_MAX)?;
    match name.is_empty() || name.chars().any(char::is_control) {
        true => Err(wrong("a name is empty or has control characters")),
        false => Ok(()),
    }
}

pub(crate) fn limit(
    what: &'static str,
    found: usize,
    limit: usize,
) -> Result<(), VerificationError> {
    match found > limit {
        true => Err(VerificationError::Limit { what, found, limit }),
        false => Ok(()),
    }
}

pub(crate) fn wrong(cause: impl Into<String>) -> VerificationError {
    VerificationError::Request(cause.into())
}

/// Metadata with the sources that it names.
#[derive(Debug, Deserialize)]
pub struct MetadataSubmission {
    /// The metadata: its text in a string, or the object.
    pub metadata: Box<RawValue>,
    /// Sources by name.
    pub sources: BTreeMap<String, String>,
}

impl MetadataSubmission {
    pub(crate) fn check(&self) -> Result<(), VerificationError> {
        check_sources(&self.sources)?;
        limit("the size of the metadata in bytes", self.metadata.get().len(), REQUEST_BYTES_MAX)
    }
}
