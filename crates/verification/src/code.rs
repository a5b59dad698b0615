//! What stands in code: the metadata hash at its end, and the places that differ between what a
//! compiler makes and what is deployed.

use std::collections::BTreeMap;

use alloy_primitives::{Address, hex};
use serde::Deserialize;

use crate::{VerificationError, ipfs::Multihash};

/// EIP-7702: code of an account that delegates.
const DELEGATION_PREFIX: [u8; 3] = [0xef, 0x01, 0x00];
/// `PUSH20`, with which the code of a library begins; its own address follows.
const PUSH20: u8 = 0x73;
/// `ADDRESS`, which a library compares that address with.
const ADDRESS: u8 = 0x30;

/// Where an account with this code delegates to.
pub(crate) fn delegation(code: &[u8]) -> Option<Address> {
    let target = code.strip_prefix(&DELEGATION_PREFIX)?;
    Address::try_from(target).ok()
}

/// The IPFS hash of the metadata in the CBOR map at the end of code. The map's length, two bytes, is
/// the very end.
pub(crate) fn metadata_hash(code: &[u8]) -> Option<Multihash> {
    let (_, map) = split_metadata(code)?;
    let mut reader = Reader(map);
    let entries = reader.header(5)?;
    for _ in 0..entries {
        let key_bytes = reader.header(3)?;
        let key = reader.take(key_bytes)?;
        let value = reader.value()?;
        if key == b"ipfs" {
            let hash = Multihash::try_from(value).ok()?;
            return hash.starts_with(&[0x12, 0x20]).then_some(hash);
        }
    }
    None
}

/// Code, and the CBOR map behind it, where its length says that there is one.
fn split_metadata(code: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, length) = code.split_last_chunk::<2>()?;
    let start = rest.len().checked_sub(usize::from(u16::from_be_bytes(*length)))?;
    Some(rest.split_at(start))
}

/// Reads the few kinds of CBOR items that the compiler writes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The count of an item of major type `kind`.
    fn header(&mut self, kind: u8) -> Option<usize> {
        let first = *self.take(1)?.first()?;
        if first >> 5 != kind {
            return None;
        }
        match first & 0x1f {
            small @ 0..=23 => Some(usize::from(small)),
            24 => Some(usize::from(*self.take(1)?.first()?)),
            25 => Some(usize::from(u16::from_be_bytes(self.take(2)?.try_into().ok()?))),
            _ => None,
        }
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Bytes, text, or a simple value such as `true`.
    fn value(&mut self) -> Option<&'a [u8]> {
        match self.0.first()? >> 5 {
            kind @ (2 | 3) => {
                let count = self.header(kind)?;
                self.take(count)
            }
            7 => self.take(1),
            _ => None,
        }
    }
}

/// A place in code.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Place {
    start: usize,
    length: usize,
}

/// `evm.deployedBytecode` of a compiler's output.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Compiled {
    object: String,
    #[serde(default)]
    immutable_references: BTreeMap<String, Vec<Place>>,
    #[serde(default)]
    link_references: BTreeMap<String, BTreeMap<String, Vec<Place>>>,
}

/// How compiled code relates to code on the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// The same up to immutable values and addresses of libraries, which are taken from the chain.
    Equal {
        /// Addresses of libraries that the settings do not have, as `file:library`.
        libraries: BTreeMap<String, Address>,
    },
    /// The same up to the metadata hash as well; the compiled one.
    OtherMetadata(Multihash),
    /// Different.
    Different,
}

/// Compares what a compiler made with the code at `address`.
///
/// # Errors
/// The compiler's output is not what it should be.
pub(crate) fn compare(
    compiled: &Compiled,
    deployed: &[u8],
    address: Address,
) -> Result<Relation, VerificationError> {
    let mut made = object_bytes(compiled)?;
    if made.len() != deployed.len() || made.is_empty() {
        return Ok(Relation::Different);
    }
    let mut libraries = BTreeMap::new();
    for places in compiled.immutable_references.values() {
        if fill(&mut made, deployed, places)?.is_none() {
            return Ok(Relation::Different);
        }
    }
    for (file, names) in &compiled.link_references {
        for (name, places) in names {
            let Some(value) = fill(&mut made, deployed, places)? else {
                return Ok(Relation::Different);
            };
            let library = Address::try_from(value).map_err(|_| odd("a library's address"))?;
            libraries.insert(format!("{file}:{name}"), library);
        }
    }
    if made[0] == PUSH20 && made.get(1..21) == Some(&[0; 20]) && made.get(21) == Some(&ADDRESS) {
        made[1..21].copy_from_slice(address.as_slice());
    }
    if made == deployed {
        return Ok(Relation::Equal { libraries });
    }
    Ok(relation_without_metadata(&made, deployed))
}

fn relation_without_metadata(made: &[u8], deployed: &[u8]) -> Relation {
    let (Some(one), Some(other)) = (split_metadata(made), split_metadata(deployed)) else {
        return Relation::Different;
    };
    match metadata_hash(made) {
        Some(hash) if one.0 == other.0 && metadata_hash(deployed).is_some() => {
            Relation::OtherMetadata(hash)
        }
        _ => Relation::Different,
    }
}

/// Copies a value from the chain to the places where the compiler left room for it. `None` where the
/// places hold different values: a compiler fills them all alike.
fn fill<'a>(
    made: &mut [u8],
    deployed: &'a [u8],
    places: &[Place],
) -> Result<Option<&'a [u8]>, VerificationError> {
    let mut first: Option<&[u8]> = None;
    for place in places {
        let end = place.start.checked_add(place.length);
        let range = end.map(|end| place.start..end);
        let found = range.clone().and_then(|range| deployed.get(range));
        let room = range.and_then(|range| made.get_mut(range));
        let (Some(found), Some(room)) = (found, room) else {
            return Err(odd("a place outside of the code"));
        };
        if first.is_some_and(|first| first != found) {
            return Ok(None);
        }
        room.copy_from_slice(found);
        first = Some(found);
    }
    first.map(Some).ok_or_else(|| odd("a name without places"))
}

/// The code as bytes, with zeros where addresses of libraries are missing.
fn object_bytes(compiled: &Compiled) -> Result<Vec<u8>, VerificationError> {
    let mut text = compiled.object.trim_start_matches("0x").as_bytes().to_vec();
    for place in compiled.link_references.values().flat_map(BTreeMap::values).flatten() {
        let range = place.start.checked_mul(2).zip(place.length.checked_mul(2));
        let range = range.and_then(|(start, length)| Some(start..start.checked_add(length)?));
        let room = range.and_then(|range| text.get_mut(range));
        room.ok_or_else(|| odd("a place outside of the code"))?.fill(b'0');
    }
    hex::decode(text).map_err(|_| odd("code that is not hexadecimal"))
}

fn odd(what: &str) -> VerificationError {
    VerificationError::Compiler(format!("its output has {what}"))
}
