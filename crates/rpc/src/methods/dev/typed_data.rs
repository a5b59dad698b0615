//! Typed data (EIP-712) as wallets take it for `eth_signTypedData_v4`: types, domain and message in
//! one JSON document, given as an object or as its text.
//!
//! What the document means is `alloy-dyn-abi`'s to say. It writes every struct out wherever another
//! names it, and follows types and brackets by recursion, so the types are measured first.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use alloy_dyn_abi::{Eip712Domain, Resolver};
use alloy_primitives::B256;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

/// Struct types of one document.
const TYPES_MAX: usize = 256;
/// Members of all types of one document.
const MEMBERS_MAX: usize = 2_048;
/// Names and types of one document, bytes.
const TYPE_TEXT_BYTES_MAX: usize = 16 * 1024;
/// Dimensions of an array.
const DIMENSIONS_MAX: usize = 8;
/// Structs within structs, levels.
const NESTED_STRUCTS_MAX: usize = 32;
/// Members of one struct with everything in it written out.
const WRITTEN_OUT_MEMBERS_MAX: usize = 16_384;
/// A reason, letters: the library's contain types and values.
const REASON_LETTERS_MAX: usize = 200;

/// Why a document has no hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypedDataError {
    /// Too many types, members or letters.
    #[error("the types exceed the limit of {0} {1}")]
    TooLarge(usize, &'static str),
    /// A tuple, which EIP-712 does not have.
    #[error("{0} is not a type of EIP-712")]
    Type(String),
    /// What the library says of types and values that do not fit.
    #[error("{0}")]
    Document(String),
}

/// A member of a struct.
#[derive(Deserialize)]
struct Member {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Measured {
    types: Types,
}

/// As the library has it, whose own reading of it does not say what is wrong.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    types: Resolver,
    primary_type: String,
    #[serde(default)]
    domain: Eip712Domain,
    #[serde(default)]
    message: Value,
}

/// A document that is to be signed.
#[derive(Clone, Debug)]
pub struct TypedData(alloy_dyn_abi::TypedData);

impl<'de> Deserialize<'de> for TypedData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = match Value::deserialize(deserializer)? {
            Value::String(text) => serde_json::from_str(&text).map_err(de::Error::custom)?,
            document => document,
        };
        let Measured { types } = Measured::deserialize(&document).map_err(de::Error::custom)?;
        types.measure().map_err(de::Error::custom)?;
        let read: Result<Document, _> = serde_json::from_value(document);
        let Document { types: resolver, primary_type, domain, message } =
            read.map_err(|error| de::Error::custom(format!("typed data: {}", shown(&error))))?;
        Ok(Self(alloy_dyn_abi::TypedData { domain, resolver, primary_type, message }))
    }
}

impl TypedData {
    /// The hash that is signed.
    ///
    /// # Errors
    /// Types that are missing or contain themselves, values that do not fit their types.
    pub fn digest(&self) -> Result<B256, TypedDataError> {
        self.0.eip712_signing_hash().map_err(|error| TypedDataError::Document(shown(&error)))
    }
}

/// The structs of a document.
#[derive(Deserialize)]
#[serde(transparent)]
struct Types(BTreeMap<String, Vec<Member>>);

impl Types {
    fn measure(&self) -> Result<(), TypedDataError> {
        let members = || self.0.values().flatten();
        let names: usize = self.0.keys().map(String::len).sum();
        let text = names + members().map(|one| one.name.len() + one.kind.len()).sum::<usize>();
        let brackets = members().map(|one| one.kind.matches('[').count()).max();
        within(self.0.len(), TYPES_MAX, "structs")?;
        within(members().count(), MEMBERS_MAX, "members")?;
        within(text, TYPE_TEXT_BYTES_MAX, "bytes")?;
        within(brackets.unwrap_or(0), DIMENSIONS_MAX, "dimensions")?;
        let written = self.0.keys().chain(members().map(|one| &one.kind));
        if let Some(tuple) = written.into_iter().find(|one| one.contains('(')) {
            return Err(TypedDataError::Type(shown(tuple)));
        }
        let mut sizes = BTreeMap::new();
        self.0.keys().try_for_each(|name| self.written_out(name, 0, &mut sizes).map(drop))
    }

    /// Members of a struct with all that it contains, `levels` of structs deep. `sizes` has those
    /// known already, with their depth.
    fn written_out<'a>(
        &'a self,
        name: &'a str,
        levels: usize,
        sizes: &mut BTreeMap<&'a str, (usize, usize)>,
    ) -> Result<(usize, usize), TypedDataError> {
        let Some(members) = self.0.get(name) else {
            return Ok((1, 0));
        };
        within(levels, NESTED_STRUCTS_MAX, "levels of structs")?;
        if let Some(known) = sizes.get(name) {
            return Ok(*known);
        }
        let (mut size, mut depth) = (1_usize, 0);
        for member in members {
            let base = member.kind.split('[').next().unwrap_or_default();
            // A struct within itself has no size; the library says so where it is used.
            if base == name {
                continue;
            }
            let (more, below) = self.written_out(base, levels + 1, sizes)?;
            size = size.saturating_add(more);
            depth = depth.max(below);
        }
        within(size, WRITTEN_OUT_MEMBERS_MAX, "members with their structs written out")?;
        within(depth + 1, NESTED_STRUCTS_MAX, "levels of structs")?;
        sizes.insert(name, (size, depth + 1));
        Ok((size, depth + 1))
    }
}

fn within(count: usize, limit: usize, what: &'static str) -> Result<(), TypedDataError> {
    if count <= limit { Ok(()) } else { Err(TypedDataError::TooLarge(limit, what)) }
}

/// The beginning of a text that may be long, in one line.
fn shown(text: &impl ToString) -> String {
    let text: String = text.to_string().chars().take(REASON_LETTERS_MAX).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
