//! The Ethereum-shaped header with the 21 fields of Prague.

use alloy_primitives::{Address, B256, b256, keccak256};
use alloy_rlp::{Decodable, Encodable};

use crate::{DecodeError, limits::HEADER_BYTES_MAX};

/// The header. Its hash, `keccak256(rlp(header))`, names the block and is what validators sign.
pub type Header = alloy_consensus::Header;

/// keccak256(rlp([])): no uncles, ever.
pub const EMPTY_OMMERS_HASH: B256 =
    b256!("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");

/// sha256(""): EIP-7685 requests hash of a block without requests.
pub const EMPTY_REQUESTS_HASH: B256 =
    b256!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

/// Reads a header: canonical RLP, all 21 fields, and the constants of this format in the fields
/// that Heqi does not use.
pub fn decode_header(bytes: &[u8]) -> Result<Header, DecodeError> {
    DecodeError::bound("header", bytes.len(), HEADER_BYTES_MAX)?;
    let mut rest = bytes;
    let header = Header::decode(&mut rest).map_err(DecodeError::rlp("header"))?;
    DecodeError::trailing("header", rest)?;
    let mut again = Vec::with_capacity(bytes.len());
    header.encode(&mut again);
    if again != bytes {
        return Err(DecodeError::NotCanonical { field: "header" });
    }
    check_constants(&header)?;
    Ok(header)
}

/// The fields that Ethereum has and Heqi fixes.
fn check_constants(header: &Header) -> Result<(), DecodeError> {
    let rules = [
        (header.ommers_hash == EMPTY_OMMERS_HASH, "header.ommersHash", "must be the empty hash"),
        (header.difficulty.is_zero(), "header.difficulty", "must be 0"),
        (header.nonce.is_zero(), "header.nonce", "must be 0"),
        (header.extra_data.len() == 32, "header.extraData", "must be 32 bytes"),
        (header.base_fee_per_gas.is_some(), "header.baseFeePerGas", "is missing"),
        (
            header.withdrawals_root == Some(alloy_trie::EMPTY_ROOT_HASH),
            "header.withdrawalsRoot",
            "must be the empty root",
        ),
        (header.blob_gas_used == Some(0), "header.blobGasUsed", "must be 0"),
        (header.excess_blob_gas == Some(0), "header.excessBlobGas", "must be 0"),
        (
            header.parent_beacon_block_root == Some(B256::ZERO),
            "header.parentBeaconBlockRoot",
            "must be 0",
        ),
        (
            header.requests_hash == Some(EMPTY_REQUESTS_HASH),
            "header.requestsHash",
            "must be the empty hash",
        ),
        (header.block_access_list_hash.is_none(), "header.blockAccessListHash", "is not known"),
        (header.slot_number.is_none(), "header.slotNumber", "is not known"),
    ];
    match rules.iter().find(|(holds, _, _)| !holds) {
        None => Ok(()),
        Some((_, field, reason)) => Err(DecodeError::Invalid { field, reason }),
    }
}

/// A header with the constants filled in and everything else zero or empty.
pub fn blank_header() -> Header {
    Header {
        ommers_hash: EMPTY_OMMERS_HASH,
        transactions_root: alloy_trie::EMPTY_ROOT_HASH,
        receipts_root: alloy_trie::EMPTY_ROOT_HASH,
        base_fee_per_gas: Some(0),
        withdrawals_root: Some(alloy_trie::EMPTY_ROOT_HASH),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        beneficiary: Address::ZERO,
        ..Header::default()
    }
}

/// Randomness of the next block: `keccak256(parent mixHash || leader key || view, 8 bytes big
/// endian)`. A proposer that lets its view pass changes it, so it is not fit for lotteries.
pub fn next_mix_hash(parent: B256, leader: &[u8; 32], view: u64) -> B256 {
    let mut bytes = [0u8; 72];
    bytes[..32].copy_from_slice(parent.as_slice());
    bytes[32..64].copy_from_slice(leader);
    bytes[64..].copy_from_slice(&view.to_be_bytes());
    keccak256(bytes)
}
