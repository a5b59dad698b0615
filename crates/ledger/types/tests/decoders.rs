//! Decoders of outside bytes never panic and accept one encoding per value.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use types::{Block, Extension, Genesis, Transaction, decode_header};

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Block::decode(&bytes);
        let _ = decode_header(&bytes);
        let _ = Extension::decode(&bytes);
        let _ = Transaction::decode(bytes.clone().into());
        let _ = Genesis::from_json(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes(
        flip in 0usize..4_000,
        value in any::<u8>(),
        cut in 0usize..700,
    ) {
        let text = include_str!("../../../../docs/vectors/ledger-format.json");
        let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
        let mut bytes = hex::decode(&vectors["block1"]["block"].as_str().unwrap()[2..]).unwrap();
        let length = bytes.len();
        bytes[flip % length] = value;
        bytes.truncate(length - cut % length.min(8));
        if let Ok(block) = Block::decode(&bytes) {
            prop_assert_eq!(alloy_rlp::encode(&block), bytes);
        }
    }
}
