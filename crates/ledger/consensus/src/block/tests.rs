#![allow(clippy::unwrap_used)]

use commonware_codec::{Decode as _, DecodeExt as _, Encode as _};
use types::ValidatorKey;

use super::*;
use crate::fixture;

fn sample() -> ConsensusBlock {
    ConsensusBlock::new(fixture::block(fixture::key(1))).unwrap()
}

#[test]
fn digest_is_the_block_hash_and_context_comes_from_the_block() {
    let block = sample();
    assert_eq!(block.digest().as_ref(), block.hash().as_slice());
    assert_eq!(block.height(), Height::new(1));
    let context = block.context();
    assert_eq!(context.round, Round::new(Epoch::new(2), View::new(9)));
    assert_eq!(context.leader, crate::public_key(&fixture::key(1)).unwrap());
    assert_eq!(context.parent.0, View::new(8));
    assert_eq!(context.parent.1.as_ref(), block.header().parent_hash.as_slice());
    assert_eq!(block.parent(), context.parent.1);
}

#[test]
fn block_0_names_the_zero_key() {
    let genesis = fixture::genesis().block(fixture::empty_state()).unwrap();
    let block = ConsensusBlock::new(genesis).unwrap();
    assert_eq!(block.context().leader.as_ref(), [0u8; 32]);
    assert_eq!(ConsensusBlock::decode(block.encode()).unwrap(), block);
}

#[test]
fn encoding_is_a_length_and_the_rlp_and_comes_back() {
    let block = sample();
    let encoded = block.encode();
    assert_eq!(encoded.len(), block.encode_size());
    assert_eq!(encoded[..4], u32::try_from(encoded.len() - 4).unwrap().to_be_bytes());
    assert_eq!(encoded[4..], alloy_rlp::encode(block.block()));
    let decoded = ConsensusBlock::decode(encoded).unwrap();
    assert_eq!(decoded, block);
    assert_eq!(decoded.digest(), block.digest());
}

#[test]
fn refuses_what_is_cut_long_or_changed() {
    let encoded = sample().encode().to_vec();
    for end in 0..encoded.len() {
        assert!(ConsensusBlock::decode(encoded[..end].to_vec()).is_err(), "cut at {end}");
    }
    let mut longer = encoded.clone();
    longer.push(0);
    assert!(ConsensusBlock::decode(longer).is_err());
    for position in 0..encoded.len() {
        let mut changed = encoded.clone();
        changed[position] ^= 1;
        if let Ok(block) = ConsensusBlock::decode(changed) {
            assert_ne!(block.digest(), sample().digest(), "byte {position} is not committed to");
        }
    }
}

#[test]
fn an_announced_length_beyond_the_limit_is_refused_before_it_is_allocated() {
    for length in [u32::try_from(BLOCK_BYTES_MAX).unwrap() + 1, u32::MAX] {
        let error = ConsensusBlock::decode(length.to_be_bytes().to_vec()).unwrap_err();
        assert!(matches!(error, CodecError::InvalidLength(_)), "{error}");
    }
    let honest = u32::try_from(BLOCK_BYTES_MAX).unwrap().to_be_bytes().to_vec();
    assert!(matches!(ConsensusBlock::decode(honest).unwrap_err(), CodecError::EndOfBuffer));
}

#[test]
fn refuses_a_leader_that_is_no_point() {
    let no_point = (0..=255u8)
        .map(|byte| ValidatorKey([byte; 32]))
        .find(|key| keys::decoded(key).is_err())
        .unwrap();
    let block = fixture::block(no_point);
    let mut encoded = Vec::new();
    let rlp = alloy_rlp::encode(&block);
    encoded.extend_from_slice(&u32::try_from(rlp.len()).unwrap().to_be_bytes());
    encoded.extend_from_slice(&rlp);
    assert!(ConsensusBlock::decode(encoded).is_err());
    assert_eq!(ConsensusBlock::new(block).unwrap_err(), KeyError::NotStrict(no_point).into());
}

#[test]
fn refuses_a_block_that_no_peer_would_read() {
    let block = fixture::block(fixture::key(1));
    let transaction = alloy_primitives::Bytes::from(vec![1u8; 100_000]);
    let (header, extension) = (block.header().clone(), block.extension().clone());
    let large = Block::new(header, extension, vec![transaction; 42]);
    let error = ConsensusBlock::new(large).unwrap_err();
    assert!(matches!(error, BlockError::TooLarge(_)), "{error}");
}

#[test]
fn the_bound_holds_for_what_is_admitted() {
    assert_eq!(ConsensusBlock::max_encode_size(&()), BLOCK_BYTES_MAX + 4);
    assert!(ConsensusBlock::decode_cfg(sample().encode(), &()).is_ok());
}
