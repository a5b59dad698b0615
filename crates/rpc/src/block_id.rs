//! Which block a parameter means.
//!
//! Blocks are final when they are visible, so `latest`, `safe` and `finalized` are one block.
//! `pending` is the same block too: the next block's content is not known before consensus orders
//! it. Only `eth_getTransactionCount` adds what waits in this node's pool. (A made-up pending block
//! with null fields, as geth answers, is refused by strict clients such as alloy.) A development
//! ledger knows its next block: there calls, values and blocks at `pending` are of that one
//! (`View::number_or_pending`).

use alloy_primitives::B256;
use serde::{Deserialize, Deserializer, de};

use crate::quantity::{Small, parse_number};

/// A block parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlockId {
    /// `latest`, `safe`, `finalized`, or nothing at all.
    #[default]
    Latest,
    /// `pending`.
    Pending,
    /// `earliest`: block 0.
    Earliest,
    /// A height.
    Number(u64),
    /// A hash; every known block is canonical.
    Hash(B256),
}

impl<'de> Deserialize<'de> for BlockId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BlockIdVisitor)
    }
}

/// EIP-1898; unknown fields such as `requireCanonical` change nothing on a chain without forks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Eip1898 {
    block_hash: Option<B256>,
    block_number: Option<Tag>,
}

struct BlockIdVisitor;

impl<'de> de::Visitor<'de> for BlockIdVisitor {
    type Value = BlockId;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a block number, tag, hash, or an object with blockHash or blockNumber")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<BlockId, E> {
        parse(text, true).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<BlockId, E> {
        Ok(BlockId::Number(number))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<BlockId, A::Error> {
        let object = Eip1898::deserialize(de::value::MapAccessDeserializer::new(map))?;
        match (object.block_hash, object.block_number) {
            (Some(hash), None) => Ok(BlockId::Hash(hash)),
            (None, Some(Tag(id))) => Ok(id),
            (Some(_), Some(_)) => Err(de::Error::custom(
                "cannot specify both BlockHash and BlockNumber, choose one or the other",
            )),
            (None, None) => Err(de::Error::custom("blockHash or blockNumber is missing")),
        }
    }
}

/// A number or tag, where a bare hash has no place (ranges, fee history, EIP-1898 numbers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(pub BlockId);

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Wire {
            Number(u64),
            Text(String),
        }
        match Wire::deserialize(deserializer)
            .map_err(|_| de::Error::custom("expected a block number or tag"))?
        {
            Wire::Number(number) => Ok(Self(BlockId::Number(number))),
            Wire::Text(text) => parse(&text, false).map(Self).map_err(de::Error::custom),
        }
    }
}

fn parse(text: &str, hash_allowed: bool) -> Result<BlockId, String> {
    match text {
        "latest" | "safe" | "finalized" | "" => return Ok(BlockId::Latest),
        "pending" => return Ok(BlockId::Pending),
        "earliest" => return Ok(BlockId::Earliest),
        _ => {}
    }
    if hash_allowed && text.len() == 66 {
        return text.parse().map(BlockId::Hash).map_err(|_| "invalid block hash".to_owned());
    }
    let number = parse_number(text)?;
    u64::try_from(number).map(BlockId::Number).map_err(|_| "block number larger than int64".into())
}

impl From<Small> for BlockId {
    fn from(number: Small) -> Self {
        Self::Number(number.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Result<BlockId, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn tags_numbers_hashes_and_eip_1898() {
        for tag in ["latest", "safe", "finalized"] {
            assert_eq!(read(&format!("\"{tag}\"")).unwrap(), BlockId::Latest);
        }
        assert_eq!(read("\"pending\"").unwrap(), BlockId::Pending);
        assert_eq!(read("\"earliest\"").unwrap(), BlockId::Earliest);
        assert_eq!(read("\"0x10\"").unwrap(), BlockId::Number(16));
        assert_eq!(read("5").unwrap(), BlockId::Number(5));
        let hash = B256::repeat_byte(7);
        assert_eq!(read(&format!("\"{hash}\"")).unwrap(), BlockId::Hash(hash));
        let object = format!(r#"{{"blockHash":"{hash}","requireCanonical":true}}"#);
        assert_eq!(read(&object).unwrap(), BlockId::Hash(hash));
        assert_eq!(read(r#"{"blockNumber":"0x2"}"#).unwrap(), BlockId::Number(2));
        assert_eq!(read(r#"{"blockNumber":"latest"}"#).unwrap(), BlockId::Latest);
    }

    #[test]
    fn nonsense_is_refused() {
        let both = format!(r#"{{"blockHash":"{}","blockNumber":"0x1"}}"#, B256::ZERO);
        for bad in [
            "\"newest\"",
            "\"0x\"",
            "{}",
            "[]",
            "true",
            "-1",
            "1.5",
            "\"0xzz\"",
            &both,
            "\"0x10000000000000000\"",
        ] {
            assert!(read(bad).is_err(), "{bad} was accepted");
        }
        assert!(serde_json::from_str::<Tag>(&format!("\"{}\"", B256::ZERO)).is_ok(), "is number 0");
        assert!(serde_json::from_str::<Tag>(&format!("\"{}\"", B256::repeat_byte(9))).is_err());
    }
}
