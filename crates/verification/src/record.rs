//! What is stored of a contract, and what it proves.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{StandardInput, input::sources_json};

/// Version of the form of stored records.
pub(crate) const RECORD_FORMAT: u32 = 1;

/// What was proved. The order is that of strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// The code ends with the hash of the metadata, which has the hashes of the sources.
    Declared,
    /// A compiler here made this code of these sources, and the code has their metadata's hash.
    Compiled,
}

/// A contract with its sources.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub(crate) format: u32,
    /// Where it is.
    pub address: Address,
    /// keccak256 of its code. Where the code is another one by now, the record says nothing.
    pub code_hash: B256,
    /// What was proved.
    pub proof: Proof,
    /// When, milliseconds since the Unix epoch, by this node's clock.
    pub recorded_ms: u64,
    /// Sources, settings, contract and compiler.
    pub input: StandardInput,
    /// The compiler's metadata, the exact text.
    pub metadata: String,
    /// ABI.
    pub abi: Value,
    /// Addresses of libraries that the settings do not have, taken from the code, as `FILE:LIBRARY`.
    pub libraries: BTreeMap<String, Address>,
}

impl Record {
    /// Sourcify's word: `exact_match` where compiled, else none.
    pub fn match_word(&self) -> Option<&'static str> {
        (self.proof == Proof::Compiled).then_some("exact_match")
    }

    /// Standard JSON that compiles to the contract.
    pub fn standard_json(&self) -> Value {
        json!({
            "language": "Solidity",
            "sources": sources_json(&self.input.sources),
            "settings": self.input.settings,
        })
    }

    /// Everything, for an explorer.
    pub fn to_json(&self) -> Value {
        json!({
            "address": self.address.to_checksum(None),
            "codeHash": self.code_hash,
            "proof": self.proof,
            "verified": self.proof == Proof::Compiled,
            "recordedMillis": self.recorded_ms,
            "contract": self.input.contract(),
            "compilerVersion": self.input.compiler_version,
            "settings": self.input.settings,
            "sources": sources_json(&self.input.sources),
            "libraries": self.libraries,
            "abi": self.abi,
            "metadata": self.metadata_value(),
        })
    }

    /// The metadata as a value.
    pub fn metadata_value(&self) -> Value {
        serde_json::from_str(&self.metadata).unwrap_or_default()
    }

    /// The settings.
    pub fn settings(&self) -> &Map<String, Value> {
        &self.input.settings
    }
}
