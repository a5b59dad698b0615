//! Block extension, version 1: what Ethereum's header has no place for.
//!
//! It travels beside the header; the header's `extraData` is its keccak256, so the block hash
//! covers it.

use alloy_primitives::{B256, keccak256};
use alloy_rlp::{Decodable, Encodable, Header as RlpHeader};

use crate::{DecodeError, StateCommitment, ValidatorKey, limits::EXTENSION_BYTES_MAX};

/// The version written by this release.
pub const EXTENSION_VERSION: u8 = 1;

/// RLP list of nine items, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Epoch in which the block was proposed.
    pub epoch: u64,
    /// View in which the block was proposed, counted from the start of the epoch.
    pub view: u64,
    /// Ed25519 public key of the validator that led the view; zero in block 0.
    pub leader: ValidatorKey,
    /// View of the parent block (0 where the parent is the epoch's first ancestor).
    pub parent_view: u64,
    /// Block time in milliseconds since the Unix epoch; strictly greater than the parent's.
    pub time_ms: u64,
    /// Hash of the validator set that certifies the next block.
    pub next_validators_hash: B256,
    /// Roots and operation ranges of the state databases after this block.
    pub state: StateCommitment,
    /// Block 0: what the genesis file commits to. Absent in every other block.
    pub genesis_commitment: Option<B256>,
}

impl Extension {
    /// The hash that stands in the header's `extraData`.
    pub fn hash(&self) -> B256 {
        keccak256(alloy_rlp::encode(self))
    }

    /// Reads canonical RLP.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        const FIELD: &str = "extension";
        DecodeError::bound(FIELD, bytes.len(), EXTENSION_BYTES_MAX)?;
        let mut rest = bytes;
        let value = Self::decode_fields(&mut rest)?;
        DecodeError::trailing(FIELD, rest)?;
        if alloy_rlp::encode(&value) != bytes {
            return Err(DecodeError::NotCanonical { field: FIELD });
        }
        Ok(value)
    }

    fn decode_fields(rest: &mut &[u8]) -> Result<Self, DecodeError> {
        let rlp = DecodeError::rlp("extension");
        let mut body = RlpHeader::decode_bytes(rest, true).map_err(&rlp)?;
        let version = u8::decode(&mut body).map_err(&rlp)?;
        if version != EXTENSION_VERSION {
            return Err(DecodeError::Invalid {
                field: "extension.version",
                reason: "is not known to this release",
            });
        }
        let value = Self {
            epoch: u64::decode(&mut body).map_err(&rlp)?,
            view: u64::decode(&mut body).map_err(&rlp)?,
            leader: ValidatorKey(<[u8; 32]>::decode(&mut body).map_err(&rlp)?),
            parent_view: u64::decode(&mut body).map_err(&rlp)?,
            time_ms: u64::decode(&mut body).map_err(&rlp)?,
            next_validators_hash: B256::decode(&mut body).map_err(&rlp)?,
            state: StateCommitment::decode(&mut body).map_err(&rlp)?,
            genesis_commitment: decode_optional_hash(&mut body).map_err(&rlp)?,
        };
        DecodeError::trailing("extension", body)?;
        Ok(value)
    }

    fn payload_length(&self) -> usize {
        EXTENSION_VERSION.length()
            + self.epoch.length()
            + self.view.length()
            + self.leader.0.length()
            + self.parent_view.length()
            + self.time_ms.length()
            + self.next_validators_hash.length()
            + self.state.length()
            + self.genesis_commitment.map_or(1, |hash| hash.length())
    }
}

fn decode_optional_hash(body: &mut &[u8]) -> alloy_rlp::Result<Option<B256>> {
    let bytes = RlpHeader::decode_bytes(body, false)?;
    match bytes.len() {
        0 => Ok(None),
        32 => Ok(Some(B256::from_slice(bytes))),
        _ => Err(alloy_rlp::Error::UnexpectedLength),
    }
}

impl Encodable for Extension {
    fn length(&self) -> usize {
        let payload = self.payload_length();
        payload + alloy_rlp::length_of_length(payload)
    }

    fn encode(&self, out: &mut dyn bytes::BufMut) {
        RlpHeader { list: true, payload_length: self.payload_length() }.encode(out);
        EXTENSION_VERSION.encode(out);
        self.epoch.encode(out);
        self.view.encode(out);
        self.leader.0.encode(out);
        self.parent_view.encode(out);
        self.time_ms.encode(out);
        self.next_validators_hash.encode(out);
        self.state.encode(out);
        match &self.genesis_commitment {
            Some(hash) => hash.encode(out),
            None => out.put_u8(alloy_rlp::EMPTY_STRING_CODE),
        }
    }
}
