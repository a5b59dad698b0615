//! Metadata: its exact text, the hash by which code names it, and the hashes by which it names its
//! sources.

use std::collections::BTreeMap;

use alloy_primitives::{B256, keccak256};
use serde_json::Value;

use crate::{
    MetadataSubmission, VerificationError,
    error::shortened,
    input::wrong,
    ipfs::{self, Multihash},
};

/// Metadata whose hash stands in code, with its sources.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    /// The exact text.
    pub(crate) text: String,
    /// The same as a value.
    pub(crate) value: Value,
    /// Sources by name, each with the hash that the metadata has.
    pub(crate) sources: BTreeMap<String, String>,
}

/// Checks that code with this metadata hash names the metadata, and the metadata the sources.
pub(crate) fn declared(
    submission: &MetadataSubmission,
    named: &Multihash,
) -> Result<Declared, VerificationError> {
    submission.check()?;
    let (text, value) = text_with_hash(submission.metadata.get(), named)?;
    let listed = value["sources"].as_object().ok_or_else(|| wrong("metadata: no sources"))?;
    let mut sources = BTreeMap::new();
    for (name, entry) in listed {
        sources.insert(name.clone(), source(name, entry, &submission.sources)?);
    }
    Ok(Declared { text, value, sources })
}

fn source(
    name: &str,
    entry: &Value,
    given: &BTreeMap<String, String>,
) -> Result<String, VerificationError> {
    let expected: B256 = entry["keccak256"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| VerificationError::source(name, "the metadata has no keccak256 of it"))?;
    let content = given.get(name).map(String::as_str).or_else(|| entry["content"].as_str());
    let content = content.ok_or_else(|| VerificationError::source(name, "it was not sent"))?;
    let found = keccak256(content.as_bytes());
    match found == expected {
        true => Ok(content.to_owned()),
        false => Err(VerificationError::other_hash(name, expected, found)),
    }
}

/// The text that has the hash: what was sent, or the compiler's own form of the same object (sorted,
/// without blanks, other letters than ASCII escaped).
fn text_with_hash(sent: &str, named: &Multihash) -> Result<(String, Value), VerificationError> {
    let odd = |error: serde_json::Error| {
        wrong(format!("the metadata is no JSON: {}", shortened(&error.to_string())))
    };
    let mut value: Value = serde_json::from_str(sent).map_err(odd)?;
    let mut texts = vec![sent.to_owned()];
    if let Value::String(text) = &value {
        texts = vec![text.clone()];
        value = serde_json::from_str(text).map_err(odd)?;
    }
    if !value.is_object() {
        return Err(wrong("the metadata is no JSON object"));
    }
    let sorted = sorted(&value).to_string();
    texts.push(escaped(&sorted));
    texts.push(sorted);
    let found = ipfs::hash(texts[0].as_bytes());
    let right = texts.into_iter().find(|text| ipfs::hash(text.as_bytes()) == *named);
    let differs = || VerificationError::MetadataDiffers {
        expected: ipfs::text(named),
        found: ipfs::text(&found),
    };
    Ok((right.ok_or_else(differs)?, value))
}

/// The same value with the keys of every object in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let ordered: BTreeMap<&String, Value> =
                entries.iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(ordered.into_iter().map(|(key, value)| (key.clone(), value)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// JSON text in ASCII: other letters as UTF-16 escapes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() {
            out.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
    out
}
