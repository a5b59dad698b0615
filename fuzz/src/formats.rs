//! The ledger's RLP formats (crate `types`).

use alloy_eips::Encodable2718 as _;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::Encodable as _;
use types::{
    Block, Extension, Header, Transaction, TransactionKind, blank_header, decode_header,
    limits::{
        BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, EXTENSION_BYTES_MAX, HEADER_BYTES_MAX,
        TRANSACTION_BYTES_MAX,
    },
};

use crate::fixture;

/// A block encodes to the bytes it came from, its parts decode alone, and putting them together
/// gives the same block.
pub fn block(bytes: &[u8]) -> bool {
    let Ok(block) = Block::decode(bytes) else {
        return false;
    };
    assert_eq!(alloy_rlp::encode(&block), bytes);
    assert_eq!(block.length(), bytes.len());
    assert!(bytes.len() <= BLOCK_BYTES_MAX);
    assert!(block.transactions().len() <= BLOCK_TRANSACTIONS_MAX);
    assert!(block.transactions().iter().all(|encoded| encoded.len() <= TRANSACTION_BYTES_MAX));
    let header = alloy_rlp::encode(block.header());
    assert_eq!(block.hash(), keccak256(&header));
    assert_eq!(decode_header(&header).as_ref(), Ok(block.header()));
    let extension = alloy_rlp::encode(block.extension());
    assert_eq!(Extension::decode(&extension).as_ref(), Ok(block.extension()));
    let transactions = block.transactions().to_vec();
    assert_eq!(Block::new(block.header().clone(), block.extension().clone(), transactions), block);
    true
}

/// A header encodes to its bytes, and makes a block with any extension that fits it.
pub fn header(bytes: &[u8]) -> bool {
    let Ok(header) = decode_header(bytes) else {
        return false;
    };
    assert_eq!(alloy_rlp::encode(&header), bytes);
    assert!(bytes.len() <= HEADER_BYTES_MAX);
    assert_eq!(header.hash_slow(), keccak256(bytes));
    let genesis_commitment = (header.number == 0).then_some(B256::ZERO);
    makes_a_block(header, Extension { genesis_commitment, ..fixture::extension() });
    true
}

/// An extension encodes to its bytes, and makes a block that nodes can exchange.
pub fn extension(bytes: &[u8]) -> bool {
    let Ok(extension) = Extension::decode(bytes) else {
        return false;
    };
    assert_eq!(alloy_rlp::encode(&extension), bytes);
    assert_eq!(extension.length(), bytes.len());
    assert!(bytes.len() <= EXTENSION_BYTES_MAX);
    assert_eq!(extension.hash(), keccak256(bytes));
    let number = u64::from(extension.genesis_commitment.is_none());
    makes_a_block(Header { number, ..blank_header() }, extension);
    true
}

/// The hashes that tie the parts together are out of a fuzzer's reach, so they are put right here
/// and the whole goes through the decoder.
fn makes_a_block(header: Header, extension: Extension) {
    let whole = Block::new(header, extension, vec![Bytes::from_static(&[0x68])]);
    let encoded = alloy_rlp::encode(&whole);
    assert_eq!(Block::decode(&encoded).as_ref(), Ok(&whole));
    assert!(block(&encoded));
}

/// A transaction encodes to its bytes, has the hash of its bytes, a low `s` (EIP-2), an accepted
/// type, and reads the same from the node's own stores.
pub fn transaction(bytes: &[u8]) -> bool {
    let encoded = Bytes::copy_from_slice(bytes);
    let Ok(transaction) = Transaction::decode(encoded.clone()) else {
        return false;
    };
    let envelope = transaction.envelope();
    assert_eq!(envelope.encoded_2718(), bytes);
    assert_eq!(transaction.encoded(), &encoded);
    assert_eq!(transaction.hash(), keccak256(bytes));
    assert_eq!(*envelope.tx_hash(), transaction.hash());
    assert!(envelope.signature().normalize_s().is_none(), "accepted with a high s");
    assert!(bytes.len() <= TRANSACTION_BYTES_MAX);
    let kind = match transaction.type_byte() {
        0 => TransactionKind::Legacy,
        1 => TransactionKind::AccessList,
        2 => TransactionKind::DynamicFee,
        4 => TransactionKind::SetCode,
        other => panic!("accepted type {other}"),
    };
    assert_eq!(transaction.kind(), kind);
    let stored = Transaction::with_sender(encoded, transaction.sender());
    assert_eq!(stored.as_ref(), Ok(&transaction));
    true
}
