//! Values of the block tables, as bytes (described in the crate's documentation).

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, Encodable, Header as RlpHeader};
use types::{Certificate, Extension, Header, ValidatorKey, ValidatorSet, ValidatorSignature};

use crate::varint;

/// Why a stored value does not decode.
pub(crate) type Reason = String;

const SIGNATURE_BYTES: usize = 96;

/// `hash (32) || length of header (2) || rlp(header) || rlp(extension)`.
pub(crate) fn encode_header(hash: B256, header: &Header, extension: &Extension) -> Vec<u8> {
    let length = header.length();
    let mut out = Vec::with_capacity(34 + length + extension.length());
    out.extend_from_slice(hash.as_slice());
    let length = u16::try_from(length).expect("a header has at most HEADER_BYTES_MAX bytes");
    out.extend_from_slice(&length.to_be_bytes());
    header.encode(&mut out);
    extension.encode(&mut out);
    out
}

/// The hash alone, without decoding the rest.
pub(crate) fn decode_header_hash(bytes: &[u8]) -> Result<B256, Reason> {
    bytes.get(..32).map(B256::from_slice).ok_or_else(|| "shorter than a hash".into())
}

pub(crate) fn decode_header(bytes: &[u8]) -> Result<(Header, Extension), Reason> {
    let (prefix, rest) = bytes.split_at_checked(34).ok_or("shorter than its prefix")?;
    let length = usize::from(u16::from_be_bytes([prefix[32], prefix[33]]));
    let (header, extension) = rest.split_at_checked(length).ok_or("header is cut off")?;
    let header = types::decode_header(header).map_err(|error| error.to_string())?;
    let extension = Extension::decode(extension).map_err(|error| error.to_string())?;
    Ok((header, extension))
}

/// `rlp([transaction, …])`.
pub(crate) fn encode_body(transactions: &[Bytes]) -> Vec<u8> {
    let list: usize = transactions.iter().map(Encodable::length).sum();
    let mut out = Vec::with_capacity(list + alloy_rlp::length_of_length(list));
    alloy_rlp::encode_list::<Bytes, Bytes>(transactions, &mut out);
    out
}

pub(crate) fn decode_body(bytes: &[u8]) -> Result<Vec<Bytes>, Reason> {
    let mut rest = bytes;
    decode_list(&mut rest, Bytes::decode)
}

/// Reads one list that takes all of `bytes`.
fn decode_list<T>(
    bytes: &mut &[u8],
    mut item: impl FnMut(&mut &[u8]) -> alloy_rlp::Result<T>,
) -> Result<Vec<T>, Reason> {
    let mut list = RlpHeader::decode_bytes(bytes, true).map_err(|error| error.to_string())?;
    let mut items = Vec::new();
    while !list.is_empty() {
        items.push(item(&mut list).map_err(|error| error.to_string())?);
    }
    if bytes.is_empty() { Ok(items) } else { Err("bytes after the end".into()) }
}

/// Keys of a validator set, 32 bytes each, ascending.
pub(crate) fn encode_validators(set: &ValidatorSet) -> Vec<u8> {
    set.keys().iter().flat_map(|key| key.0).collect()
}

pub(crate) fn decode_validators(bytes: &[u8]) -> Result<ValidatorSet, Reason> {
    let (keys, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() {
        return Err("a key is cut off".into());
    }
    let keys = keys.iter().map(|key| ValidatorKey(*key)).collect();
    ValidatorSet::new(keys).map_err(|error| error.to_string())
}

/// `epoch (8) || view (8) || parent view (8) || block hash (32) || (key (32) || signature (64))…`.
pub(crate) fn encode_certificate(certificate: &Certificate) -> Vec<u8> {
    let mut out = Vec::with_capacity(56 + certificate.signatures.len() * SIGNATURE_BYTES);
    for number in [certificate.epoch, certificate.view, certificate.parent_view] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(certificate.block_hash.as_slice());
    for signature in &certificate.signatures {
        out.extend_from_slice(&signature.key.0);
        out.extend_from_slice(&signature.signature);
    }
    out
}

pub(crate) fn decode_certificate(bytes: &[u8]) -> Result<Certificate, Reason> {
    let (fixed, signatures) = bytes.split_at_checked(56).ok_or("shorter than its fixed part")?;
    if !signatures.len().is_multiple_of(SIGNATURE_BYTES) {
        return Err("signatures are cut off".into());
    }
    Ok(Certificate {
        epoch: number_at(fixed, 0),
        view: number_at(fixed, 8),
        parent_view: number_at(fixed, 16),
        block_hash: B256::from_slice(&fixed[24..]),
        signatures: signatures.chunks_exact(SIGNATURE_BYTES).map(decode_signature).collect(),
    })
}

fn decode_signature(bytes: &[u8]) -> ValidatorSignature {
    let mut key = [0u8; 32];
    key.copy_from_slice(&bytes[..32]);
    let mut signature = [0u8; 64];
    signature.copy_from_slice(&bytes[32..]);
    ValidatorSignature { key: ValidatorKey(key), signature }
}

fn number_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0u8; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_be_bytes(number)
}

/// Height as key: 8 bytes big endian, so that the order of keys is the order of heights.
pub(crate) fn height_key(height: u64) -> [u8; 8] {
    height.to_be_bytes()
}

/// The height that a key ends with.
pub(crate) fn height_suffix(key: &[u8]) -> Result<u64, Reason> {
    let (_, last) = key.split_last_chunk::<8>().ok_or("key is too short for a height")?;
    Ok(u64::from_be_bytes(*last))
}

/// First bytes of a transaction's hash, by which it is looked up. Two transactions that share them
/// would take 2^64 signatures to find.
pub(crate) const TRANSACTION_KEY_BYTES: usize = 16;

/// Key of a transaction in the index.
pub(crate) fn transaction_key(hash: &B256) -> &[u8] {
    &hash[..TRANSACTION_KEY_BYTES]
}

/// Height and index, both of variable length.
pub(crate) fn encode_location(number: u64, index: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(8);
    varint::push(&mut out, number);
    varint::push(&mut out, u64::from(index));
    out
}

pub(crate) fn decode_location(bytes: &[u8]) -> Result<(u64, u32), Reason> {
    let mut rest = bytes;
    let number = varint::take(&mut rest)?;
    let index = u32::try_from(varint::take(&mut rest)?).map_err(|_| "index is too large")?;
    if rest.is_empty() { Ok((number, index)) } else { Err("bytes after the end".into()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_header(&bytes);
            let _ = decode_header_hash(&bytes);
            let _ = height_suffix(&bytes);
            if let Ok(transactions) = decode_body(&bytes) {
                prop_assert_eq!(encode_body(&transactions), &bytes[..]);
            }
            if let Ok((number, index)) = decode_location(&bytes) {
                prop_assert_eq!(encode_location(number, index), &bytes[..]);
            }
            if let Ok(certificate) = decode_certificate(&bytes) {
                prop_assert_eq!(encode_certificate(&certificate), &bytes[..]);
            }
        }
    }

    #[test]
    fn a_location_reads_back_and_takes_little() {
        assert_eq!(decode_location(&encode_location(7, 9)), Ok((7, 9)));
        assert_eq!(encode_location(1_000_000, 900).len(), 5);
        let largest = encode_location(u64::MAX, u32::MAX);
        assert_eq!(decode_location(&largest), Ok((u64::MAX, u32::MAX)));
        assert!(decode_location(&largest[..largest.len() - 1]).is_err());
    }
}
