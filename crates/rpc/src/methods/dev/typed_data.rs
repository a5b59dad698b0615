//! Typed data (EIP-712) as wallets take it for `eth_signTypedData_v4`: types, domain and message in
//! one JSON document, given as an object or as its text.
//!
//! Everything in it is hostile. What recurses follows the values, whose depth the JSON reader bounds.

mod values;

#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use alloy_primitives::{B256, keccak256};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use values::{Atomic, Kind};

/// Struct types of one document.
const TYPES_MAX: usize = 256;
/// Members of all types of one document.
const MEMBERS_MAX: usize = 2_048;
/// Names and types of one document, bytes.
const TYPE_TEXT_BYTES_MAX: usize = 64 * 1024;
/// The type of the domain.
const DOMAIN: &str = "EIP712Domain";
/// Fields that a domain may have, in the order of EIP-712.
const DOMAIN_FIELDS: [(&str, &str); 5] = [
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
    ("salt", "bytes32"),
];

/// Why a document has no hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypedDataError {
    /// Too many types, members or letters.
    #[error("types exceed the limit of {0}")]
    TooLarge(String),
    /// Neither a struct of the document nor a type of Solidity.
    #[error("unknown type {0}")]
    UnknownType(String),
    /// A struct may not have this name.
    #[error("{0} cannot be the name of a struct")]
    Name(String),
    /// A struct lacks a member.
    #[error("missing value for field {1} of {0}")]
    Missing(String, String),
    /// A value is not of its type.
    #[error("a value is no {0}")]
    Value(String),
}

/// A member of a struct.
#[derive(Clone, Debug, Deserialize)]
struct Member {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    types: BTreeMap<String, Vec<Member>>,
    primary_type: String,
    #[serde(default)]
    domain: Map<String, Value>,
    #[serde(default)]
    message: Map<String, Value>,
}

/// A document that is to be signed.
#[derive(Clone, Debug)]
pub struct TypedData {
    types: Types,
    primary_type: String,
    domain: Map<String, Value>,
    message: Map<String, Value>,
}

impl<'de> Deserialize<'de> for TypedData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire: Wire = match Value::deserialize(deserializer)? {
            Value::String(text) => serde_json::from_str(&text).map_err(de::Error::custom)?,
            value @ Value::Object(_) => serde_json::from_value(value).map_err(de::Error::custom)?,
            _ => return Err(de::Error::custom("typed data is an object or its text")),
        };
        let Wire { types, primary_type, domain, message } = wire;
        let types = Types::new(types, &domain).map_err(de::Error::custom)?;
        Ok(Self { types, primary_type, domain, message })
    }
}

impl TypedData {
    /// The hash that is signed.
    ///
    /// # Errors
    /// Values that do not fit their types.
    pub fn digest(&self) -> Result<B256, TypedDataError> {
        let mut bytes = vec![0x19, 0x01];
        bytes.extend(self.types.hash_struct(DOMAIN, &self.domain)?);
        // A document may be nothing but its domain.
        if self.primary_type != DOMAIN {
            bytes.extend(self.types.hash_struct(&self.primary_type, &self.message)?);
        }
        Ok(keccak256(bytes))
    }
}

/// The structs of a document.
#[derive(Clone, Debug)]
struct Types {
    structs: BTreeMap<String, Vec<Member>>,
    /// Hashes of types that were asked for.
    hashes: RefCell<BTreeMap<String, B256>>,
}

impl Types {
    fn new(
        mut structs: BTreeMap<String, Vec<Member>>,
        domain: &Map<String, Value>,
    ) -> Result<Self, TypedDataError> {
        check_size(&structs)?;
        if let Some(name) = structs.keys().find(|name| !is_name(name)) {
            return Err(TypedDataError::Name(shown(name)));
        }
        structs.entry(DOMAIN.to_owned()).or_insert_with(|| domain_members(domain));
        Ok(Self { structs, hashes: RefCell::default() })
    }

    fn members(&self, name: &str) -> Result<&[Member], TypedDataError> {
        let found = self.structs.get(name).map(Vec::as_slice);
        found.ok_or_else(|| TypedDataError::UnknownType(shown(name)))
    }

    /// `encodeType`: the struct, then those that it refers to in alphabetical order.
    fn text(&self, name: &str) -> Result<String, TypedDataError> {
        let mut found = BTreeSet::new();
        let mut open = vec![name];
        while let Some(next) = open.pop() {
            if !found.insert(next) {
                continue;
            }
            for member in self.members(next)? {
                let base = values::base(&member.kind);
                if self.structs.contains_key(base) {
                    open.push(base);
                } else if Atomic::parse(base).is_none() {
                    return Err(TypedDataError::UnknownType(shown(base)));
                }
            }
        }
        found.remove(name);
        let mut text = String::new();
        for name in std::iter::once(name).chain(found) {
            let members = self.members(name)?.iter();
            let members = members.map(|Member { name, kind }| format!("{kind} {name}"));
            let members: Vec<String> = members.collect();
            text.push_str(&format!("{name}({})", members.join(",")));
        }
        Ok(text)
    }

    fn hash(&self, name: &str) -> Result<B256, TypedDataError> {
        if let Some(hash) = self.hashes.borrow().get(name) {
            return Ok(*hash);
        }
        let hash = keccak256(self.text(name)?);
        self.hashes.borrow_mut().insert(name.to_owned(), hash);
        Ok(hash)
    }

    fn hash_struct(&self, name: &str, value: &Map<String, Value>) -> Result<B256, TypedDataError> {
        let mut bytes = self.hash(name)?.to_vec();
        for member in self.members(name)? {
            let field = value.get(&member.name).filter(|field| !field.is_null());
            let missing = || TypedDataError::Missing(shown(name), shown(&member.name));
            bytes.extend(self.word(&member.kind, field.ok_or_else(missing)?)?);
        }
        Ok(keccak256(bytes))
    }

    /// `encodeData` of one value: its word, or the hash of what is longer.
    fn word(&self, kind: &str, value: &Value) -> Result<B256, TypedDataError> {
        let wrong = || TypedDataError::Value(shown(kind));
        match Kind::parse(kind).ok_or_else(|| TypedDataError::UnknownType(shown(kind)))? {
            Kind::Array { item, length } => {
                let items = value.as_array().ok_or_else(wrong)?;
                if length.is_some_and(|length| length != items.len()) {
                    return Err(wrong());
                }
                let mut bytes = Vec::with_capacity(items.len().saturating_mul(32));
                for value in items {
                    bytes.extend(self.word(item, value)?);
                }
                Ok(keccak256(bytes))
            }
            Kind::One(name) => match (self.structs.contains_key(name), Atomic::parse(name)) {
                (true, _) => self.hash_struct(name, value.as_object().ok_or_else(wrong)?),
                (false, Some(atomic)) => atomic.word(value).ok_or_else(wrong),
                (false, None) => Err(TypedDataError::UnknownType(shown(name))),
            },
        }
    }
}

fn check_size(structs: &BTreeMap<String, Vec<Member>>) -> Result<(), TypedDataError> {
    let members = || structs.values().flatten();
    let names: usize = structs.keys().map(String::len).sum();
    let text: usize = names + members().map(|one| one.name.len() + one.kind.len()).sum::<usize>();
    let exceeded = [
        (structs.len(), TYPES_MAX, "structs"),
        (members().count(), MEMBERS_MAX, "members"),
        (text, TYPE_TEXT_BYTES_MAX, "bytes"),
    ];
    match exceeded.into_iter().find(|(count, limit, _)| count > limit) {
        Some((_, limit, what)) => Err(TypedDataError::TooLarge(format!("{limit} {what}"))),
        None => Ok(()),
    }
}

/// An identifier of Solidity that is not one of its types.
fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    let first = |letter: char| letter.is_ascii_alphabetic() || letter == '_' || letter == '$';
    letters.next().is_some_and(first)
        && letters.all(|letter| first(letter) || letter.is_ascii_digit())
        && Atomic::parse(name).is_none()
}

/// The domain's type where the document does not say: what the domain has.
fn domain_members(domain: &Map<String, Value>) -> Vec<Member> {
    let present = DOMAIN_FIELDS.iter().filter(|(name, _)| domain.contains_key(*name));
    let member =
        |(name, kind): &(&str, &str)| Member { name: (*name).to_owned(), kind: (*kind).to_owned() };
    present.map(member).collect()
}

/// A name in an error, shortened.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}
