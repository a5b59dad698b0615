//! What peers send each other: gossip, blocks, votes and certificates.

use alloy_primitives::B256;
use commonware_codec::{Decode as _, DecodeExt as _, Encode, EncodeSize as _};
use commonware_consensus::{
    BoundedBlock as _, CertifiableBlock as _, Heightable as _,
    simplex::types::{Certificate, Vote},
};
use commonware_cryptography::{Digestible as _, certificate::Verifier as _};
use consensus::{
    Activity, ConsensusBlock, Digest, StrictScheme,
    history::{
        self, ANSWER_BYTES_MAX, BODIES_MAX, Bodies, HEADERS_MAX, Headers, HistoryRequest,
        ITEMS_MAX, Receipts, STEPS_MAX, Sets,
    },
};
use pool::gossip::{self, GossipMessage, HASHES_MAX};
use types::limits::TRANSACTION_BYTES_MAX;

use crate::fixture;

/// Messages of the pool's gossip have one encoding and stay within their limits.
pub fn gossip_message(bytes: &[u8]) -> bool {
    let Ok(message) = GossipMessage::decode(bytes.to_vec()) else {
        return false;
    };
    assert_eq!(message.encode_size(), bytes.len());
    assert_encodes(&message, bytes);
    match message {
        GossipMessage::Announce(hashes) => assert!((1..=HASHES_MAX).contains(&hashes.len())),
        GossipMessage::Request(hashes) => assert!((1..=HASHES_MAX).contains(&hashes.len())),
        GossipMessage::Bodies { transactions, missing } => {
            assert!(transactions.len() <= gossip::BODIES_MAX && missing.len() <= HASHES_MAX);
            assert!(!(transactions.is_empty() && missing.is_empty()));
            assert!(
                transactions
                    .iter()
                    .all(|body| { (1..=TRANSACTION_BYTES_MAX).contains(&body.len()) })
            );
        }
    }
    true
}

/// Blocks on the wire and in the archives have one encoding, and the library sees in them what the
/// ledger sees.
pub fn consensus_block(bytes: &[u8]) -> bool {
    let Ok(block) = ConsensusBlock::decode(bytes.to_vec()) else {
        return false;
    };
    assert_encodes(&block, bytes);
    assert_eq!(block.encode_size(), bytes.len());
    assert!(bytes.len() <= ConsensusBlock::max_encode_size(&()));
    assert_eq!(B256::from_slice(block.digest().as_ref()), block.block().hash());
    assert_eq!(block.height().get(), block.number());
    let (context, extension) = (block.context(), block.extension());
    assert_eq!(context.round.epoch().get(), extension.epoch);
    assert_eq!(context.round.view().get(), extension.view);
    assert_eq!(context.leader.as_ref(), extension.leader.0);
    assert_eq!(context.parent.0.get(), extension.parent_view);
    assert_eq!(context.parent.1.as_ref(), block.header().parent_hash.as_slice());
    assert!(crate::block(&bytes[4..]));
    true
}

/// What arrives on the channels for votes and certificates, and what is stored of it, has one
/// encoding.
pub fn consensus_message(bytes: &[u8]) -> bool {
    let limits = fixture::scheme().certificate_codec_config();
    let vote = Vote::<StrictScheme, Digest>::decode(bytes.to_vec());
    let certificate = Certificate::<StrictScheme, Digest>::decode_cfg(bytes.to_vec(), &limits);
    let activity = Activity::decode_cfg(bytes.to_vec(), &limits);
    if let Ok(vote) = &vote {
        assert_encodes(vote, bytes);
    }
    if let Ok(certificate) = &certificate {
        assert_encodes(certificate, bytes);
    }
    if let Ok(activity) = &activity {
        assert_encodes(activity, bytes);
    }
    vote.is_ok() || certificate.is_ok() || activity.is_ok()
}

/// Questions about the past and answers have one encoding and stay within their limits, and no
/// stranger's answer proves anything to the known validators. The first byte chooses the kind.
pub fn history_message(bytes: &[u8]) -> bool {
    let Some((kind, bytes)) = bytes.split_first() else {
        return false;
    };
    match kind {
        0 => history_request(bytes),
        1 => Sets::decode(bytes).is_ok_and(|sets| {
            assert_eq!(sets.encode(), bytes);
            assert!(sets.steps.len() <= STEPS_MAX && bytes.len() <= ANSWER_BYTES_MAX);
            let (namespace, set) = (fixture::namespace(), fixture::set());
            let proved = history::verify_steps(&namespace, 1, 2, set, &sets.steps);
            assert!(sets.steps.is_empty() || proved.is_err(), "nobody signed such a step");
            true
        }),
        2 => Headers::decode(bytes).is_ok_and(|headers| {
            assert_eq!(headers.encode(), bytes);
            assert!(headers.0.len() <= HEADERS_MAX);
            true
        }),
        3 => Bodies::decode(bytes).is_ok_and(|bodies| {
            assert_eq!(bodies.encode(), bytes);
            assert!(bodies.0.len() <= BODIES_MAX);
            assert!(bodies.0.iter().map(Vec::len).sum::<usize>() <= ITEMS_MAX);
            true
        }),
        4 => Receipts::decode(bytes).is_ok_and(|receipts| {
            assert_eq!(receipts.encode(), bytes);
            assert!(receipts.0.len() <= BODIES_MAX);
            assert!(receipts.0.iter().map(Vec::len).sum::<usize>() <= ITEMS_MAX);
            true
        }),
        _ => false,
    }
}

fn history_request(bytes: &[u8]) -> bool {
    let Ok(request) = HistoryRequest::decode(bytes.to_vec()) else {
        return false;
    };
    assert_encodes(&request, bytes);
    match request {
        HistoryRequest::Sets { .. } => {}
        HistoryRequest::Headers { top, count } => {
            assert!(top > 0 && (1..=HEADERS_MAX).contains(&(count as usize)));
        }
        HistoryRequest::Bodies { top, count } | HistoryRequest::Receipts { top, count } => {
            assert!(top > 0 && (1..=BODIES_MAX).contains(&(count as usize)));
        }
    }
    true
}

/// Asserts that `value` is written as `bytes`.
pub(crate) fn assert_encodes(value: &impl Encode, bytes: &[u8]) {
    let encoded: &[u8] = &value.encode();
    assert_eq!(encoded, bytes);
}
