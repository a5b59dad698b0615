//! Values of the block tables, as bytes (described in the crate's documentation).

use alloy_primitives::{Address, B256, Bytes, Log};
use alloy_rlp::{Decodable, Encodable, Header as RlpHeader};
use types::{
    Certificate, Extension, Header, Receipt, ValidatorKey, ValidatorSet, ValidatorSignature,
};

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

/// `count (4) || senders (20 each) || rlp([transaction, …])`.
pub(crate) fn encode_body(senders: &[Address], transactions: &[Bytes]) -> Vec<u8> {
    let list = payload_length(transactions);
    let mut out = Vec::with_capacity(4 + senders.len() * 20 + list + 5);
    let count = u32::try_from(senders.len()).expect("a block has at most BLOCK_TRANSACTIONS_MAX");
    out.extend_from_slice(&count.to_be_bytes());
    for sender in senders {
        out.extend_from_slice(sender.as_slice());
    }
    alloy_rlp::encode_list::<Bytes, Bytes>(transactions, &mut out);
    out
}

fn payload_length(items: &[Bytes]) -> usize {
    items.iter().map(Encodable::length).sum()
}

pub(crate) fn decode_body(bytes: &[u8]) -> Result<(Vec<Address>, Vec<Bytes>), Reason> {
    let (count, rest) = bytes.split_at_checked(4).ok_or("shorter than its count")?;
    let count = u32::from_be_bytes([count[0], count[1], count[2], count[3]]) as usize;
    let senders = count.checked_mul(20).and_then(|length| rest.split_at_checked(length));
    let (senders, mut list) = senders.ok_or("senders are cut off")?;
    let senders: Vec<Address> = senders.chunks_exact(20).map(Address::from_slice).collect();
    let transactions = decode_list(&mut list, Bytes::decode)?;
    if transactions.len() != senders.len() {
        return Err(format!("{} transactions, {count} senders", transactions.len()));
    }
    Ok((senders, transactions))
}

/// `rlp([[type, success, cumulative gas, [log, …]], …])`; the bloom follows from the logs.
pub(crate) fn encode_receipts(receipts: &[Receipt]) -> Vec<u8> {
    let payload_length = receipts.iter().map(|receipt| list_length(receipt_payload(receipt))).sum();
    let mut out = Vec::with_capacity(list_length(payload_length));
    RlpHeader { list: true, payload_length }.encode(&mut out);
    for receipt in receipts {
        RlpHeader { list: true, payload_length: receipt_payload(receipt) }.encode(&mut out);
        receipt.transaction_type.encode(&mut out);
        receipt.success.encode(&mut out);
        receipt.cumulative_gas_used.encode(&mut out);
        receipt.logs.encode(&mut out);
    }
    out
}

fn receipt_payload(receipt: &Receipt) -> usize {
    receipt.transaction_type.length()
        + receipt.success.length()
        + receipt.cumulative_gas_used.length()
        + receipt.logs.length()
}

fn list_length(payload: usize) -> usize {
    payload + alloy_rlp::length_of_length(payload)
}

pub(crate) fn decode_receipts(bytes: &[u8]) -> Result<Vec<Receipt>, Reason> {
    let mut rest = bytes;
    decode_list(&mut rest, |item| {
        let mut body = RlpHeader::decode_bytes(item, true)?;
        let receipt = Receipt {
            transaction_type: u8::decode(&mut body)?,
            success: bool::decode(&mut body)?,
            cumulative_gas_used: u64::decode(&mut body)?,
            logs: Vec::<Log>::decode(&mut body)?,
        };
        if body.is_empty() { Ok(receipt) } else { Err(alloy_rlp::Error::UnexpectedLength) }
    })
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

/// `height (8) || index (4)`.
pub(crate) fn encode_location(number: u64, index: u32) -> [u8; 12] {
    let mut out = [0u8; 12];
    out[..8].copy_from_slice(&number.to_be_bytes());
    out[8..].copy_from_slice(&index.to_be_bytes());
    out
}

pub(crate) fn decode_location(bytes: &[u8]) -> Result<(u64, u32), Reason> {
    let (number, index) = bytes.split_first_chunk::<8>().ok_or("shorter than a height")?;
    let index = <[u8; 4]>::try_from(index).map_err(|_| "index is not 4 bytes")?;
    Ok((u64::from_be_bytes(*number), u32::from_be_bytes(index)))
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
            let _ = decode_location(&bytes);
            let _ = height_suffix(&bytes);
            if let Ok((senders, transactions)) = decode_body(&bytes) {
                prop_assert_eq!(encode_body(&senders, &transactions), &bytes[..]);
            }
            if let Ok(certificate) = decode_certificate(&bytes) {
                prop_assert_eq!(encode_certificate(&certificate), &bytes[..]);
            }
            let _ = decode_receipts(&bytes);
        }

        #[test]
        fn receipts_read_back(
            gas in any::<u64>(),
            types in prop::collection::vec((0..5u8, any::<bool>()), 0..20),
            data in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let log = Log::new_unchecked(Address::ZERO, vec![B256::ZERO; 4], data.into());
            let receipts: Vec<Receipt> = types
                .into_iter()
                .map(|(transaction_type, success)| Receipt {
                    transaction_type,
                    success,
                    cumulative_gas_used: gas,
                    logs: vec![log.clone(); usize::from(transaction_type)],
                })
                .collect();
            prop_assert_eq!(decode_receipts(&encode_receipts(&receipts)), Ok(receipts));
        }
    }

    #[test]
    fn a_location_has_exactly_twelve_bytes() {
        assert_eq!(decode_location(&encode_location(7, 9)), Ok((7, 9)));
        assert!(decode_location(&[0; 13]).is_err());
        assert!(decode_location(&[0; 11]).is_err());
    }
}
