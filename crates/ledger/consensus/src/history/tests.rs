#![allow(clippy::unwrap_used)]

use std::ops::Range;

use alloy_primitives::{Address, B256, Bytes, Log};
use commonware_codec::{DecodeExt as _, Encode as _, FixedSize as _};
use commonware_consensus::{
    simplex::types::{Finalize, Proposal},
    types::{Epoch, Round, View},
};
use commonware_parallel::Sequential;
use commonware_utils::non_empty;
use types::{Block, Certificate, Extension, Header, Receipt, ValidatorSet};

use super::*;
use crate::{
    CertificateError, Digest, Finalization, StrictScheme, fixture, ledger_certificate,
    library_finalization, participants,
};

const EPOCH_BLOCKS: u64 = 4;

/// Validators of an epoch: {0,1,2,3}, {1,2,3,4}, …
fn seeds(epoch: u64) -> Range<u64> {
    epoch..epoch + 4
}

fn set(epoch: u64) -> ValidatorSet {
    fixture::set(seeds(epoch))
}

fn finalization(epoch: u64, hash: B256) -> Finalization {
    let scheme = |seed: u64| {
        let identity = fixture::private_key(seed);
        StrictScheme::new(&fixture::namespace(), &set(epoch), &identity).unwrap()
    };
    let round = Round::new(Epoch::new(epoch), View::new(7));
    let proposal = Proposal::new(round, View::new(6), Digest::from(hash.0));
    let votes: Vec<Finalize<StrictScheme, Digest>> = seeds(epoch)
        .skip(1)
        .map(|seed| Finalize::sign(&scheme(seed), proposal.clone()).unwrap())
        .collect();
    Finalization::from_finalizes(&scheme(epoch), non_empty![@votes.iter()], &Sequential).unwrap()
}

fn certificate(epoch: u64, hash: B256) -> Certificate {
    let participants = participants(&set(epoch)).unwrap();
    ledger_certificate(&finalization(epoch, hash), &participants).unwrap()
}

fn receipt(gas: u64, logs: usize) -> Receipt {
    let log = Log::new_unchecked(Address::ZERO, vec![B256::ZERO; 4], vec![7; 40].into());
    Receipt { transaction_type: 2, success: true, cumulative_gas_used: gas, logs: vec![log; logs] }
}

fn transactions(number: u64) -> Vec<Bytes> {
    vec![Bytes::from(number.to_be_bytes().to_vec()), Bytes::from_static(&[1; 60])]
}

/// Blocks 0 to `last`, each naming the one before.
fn chain(last: u64) -> Vec<Block> {
    let template = fixture::block(fixture::key(0));
    let mut blocks: Vec<Block> = Vec::new();
    for number in 0..=last {
        let parent = blocks.last().map_or(B256::ZERO, Block::hash);
        let epoch = number / EPOCH_BLOCKS;
        let next = (number + 1) / EPOCH_BLOCKS;
        let extension = Extension {
            epoch,
            next_validators_hash: set(next).hash(),
            ..template.extension().clone()
        };
        let body = transactions(number);
        let header = Header {
            number,
            parent_hash: parent,
            transactions_root: types::transactions_root(&body),
            receipts_root: types::receipts_root(&[receipt(number, 1), receipt(number + 1, 0)]),
            ..template.header().clone()
        };
        blocks.push(Block::new(header, extension, body));
    }
    blocks
}

fn certified(block: &Block) -> CertifiedHeader {
    CertifiedHeader {
        header: block.header().clone(),
        extension: block.extension().clone(),
        certificate: certificate(block.extension().epoch, block.hash()),
    }
}

fn steps(chain: &[Block], epochs: Range<u64>) -> Vec<SetStep> {
    let step = |epoch: u64| {
        let last = last_of_epoch(EPOCH_BLOCKS, epoch).unwrap();
        let last = certified(&chain[usize::try_from(last).unwrap()]);
        SetStep { last, next: set(epoch + 1) }
    };
    epochs.map(step).collect()
}

fn walk(steps: &[SetStep]) -> Result<Vec<ValidatorSet>, HistoryError> {
    verify_steps(&fixture::namespace(), EPOCH_BLOCKS, 0, &set(0), steps)
}

#[test]
fn walks_from_the_first_validators_to_the_newest() {
    let chain = chain(12);
    assert_eq!(walk(&steps(&chain, 0..3)), Ok(vec![set(1), set(2), set(3)]));
    assert_eq!(walk(&[]), Ok(Vec::new()));
}

#[test]
fn a_set_that_the_epoch_before_did_not_certify_is_refused() {
    let chain = chain(12);
    let honest = steps(&chain, 0..3);
    let wrong = |height, what| Err(HistoryError::Wrong { height, what });

    let mut other_set = honest.clone();
    other_set[1].next = set(7);
    assert_eq!(walk(&other_set), wrong(7, "does not name these validators as the next"));

    let mut other_extension = honest.clone();
    other_extension[0].last.extension.next_validators_hash = set(7).hash();
    other_extension[0].next = set(7);
    assert_eq!(walk(&other_extension), wrong(3, "names another extension"));

    let mut other_block = honest.clone();
    other_block[0].last.header.gas_used += 1;
    assert_eq!(walk(&other_block), wrong(3, "the certificate is of another block"));

    assert_eq!(walk(&honest[1..]), wrong(7, "is not the last block of the epoch"));

    // The next validators certify the block that elects them: a fork out of nothing.
    let mut elected_itself = honest;
    let last = &mut elected_itself[0].last;
    last.certificate = certificate(1, last.header.hash_slow());
    assert_eq!(walk(&elected_itself), wrong(3, "the certificate is of another epoch"));
    elected_itself[0].last.certificate.epoch = 0;
    let forged = walk(&elected_itself);
    assert!(matches!(forged, Err(HistoryError::Certificate { height: 3, .. })), "{forged:?}");
}

#[test]
fn a_tip_counts_in_its_own_epoch_only() {
    let chain = chain(12);
    let tip = certified(&chain[9]);
    let check = |epoch, tip: &CertifiedHeader| {
        verify_tip(&fixture::namespace(), EPOCH_BLOCKS, epoch, &set(epoch), tip)
    };
    assert_eq!(check(2, &tip), Ok(()));
    assert!(check(1, &tip).is_err());
    let mut few = tip.clone();
    few.certificate.signatures.pop();
    let source = CertificateError::NoQuorum { found: 2, needed: 3 };
    assert_eq!(check(2, &few), Err(HistoryError::Certificate { height: 9, source }));
    let mut block_0 = tip;
    block_0.header.number = 0;
    assert!(check(0, &block_0).is_err());
}

#[test]
fn a_published_certificate_is_the_librarys_again() {
    let hash = B256::repeat_byte(9);
    let original = finalization(3, hash);
    assert_eq!(library_finalization(&certificate(3, hash), &set(3)), Ok(original));
    let stranger = library_finalization(&certificate(3, hash), &set(9));
    assert!(matches!(stranger, Err(CertificateError::NotAValidator(_))), "{stranger:?}");
}

fn entries(chain: &[Block], numbers: Range<usize>) -> Vec<HeaderEntry> {
    let entry = |block: &Block| HeaderEntry {
        header: block.header().clone(),
        extension: block.extension().clone(),
        certificate: (block.number() % 2 == 1)
            .then(|| certificate(block.extension().epoch, block.hash())),
    };
    chain[numbers].iter().rev().map(entry).collect()
}

#[test]
fn headers_must_be_the_ones_that_the_header_above_names() {
    let chain = chain(12);
    let namespace = fixture::namespace();
    let check = |entries: Vec<HeaderEntry>| {
        let hash = chain[10].header().parent_hash;
        verify_headers(&namespace, 9, hash, entries, |epoch| Some(set(epoch)))
    };
    let honest = entries(&chain, 1..10);
    assert_eq!(check(honest.clone()), Ok(honest.clone()));
    assert_eq!(check(Vec::new()), Ok(Vec::new()));

    let mut bent = honest.clone();
    bent[4].header.gas_used += 1;
    assert!(check(bent).is_err());
    let mut gap = honest.clone();
    gap.remove(3);
    assert!(check(gap).is_err());
    let mut extension = honest.clone();
    extension[2].extension.time_ms += 1;
    assert!(check(extension).is_err());
    let mut certificate = honest.clone();
    certificate[0].certificate.as_mut().unwrap().signatures[0].signature[3] ^= 1;
    assert!(check(certificate).is_err());
    assert!(check(entries(&chain, 0..10)).is_err(), "block 0 comes from the genesis file");
    assert!(check(entries(&chain, 1..9)).is_err(), "not the block that was asked for");

    let unknown =
        verify_headers(&namespace, 9, chain[10].header().parent_hash, honest, |_| None).unwrap();
    assert!(unknown.iter().all(|entry| entry.certificate.is_none()), "nothing unchecked is kept");
}

#[test]
fn bodies_and_receipts_must_have_the_roots_of_the_header() {
    let block = chain(3).pop().unwrap();
    let honest = vec![receipt(3, 1), receipt(4, 0)];
    assert_eq!(verify_body(block.header(), block.transactions()), Ok(()));
    assert_eq!(verify_receipts(block.header(), &honest), Ok(()));
    assert!(verify_body(block.header(), &transactions(4)).is_err());
    assert!(verify_body(block.header(), &[]).is_err());
    for lie in [vec![receipt(3, 1)], vec![receipt(3, 1), receipt(4, 1)], Vec::new()] {
        assert!(verify_receipts(block.header(), &lie).is_err());
    }
}

#[test]
fn the_last_height_of_an_epoch() {
    assert_eq!(last_of_epoch(4, 0), Some(3));
    assert_eq!(last_of_epoch(200, 9), Some(1_999));
    assert_eq!(last_of_epoch(200, u64::MAX), None);
    assert_eq!(last_of_epoch(u64::MAX, 3), None);
    assert_eq!(last_of_epoch(0, 3), None);
}

#[test]
fn answers_read_back() {
    let chain = chain(12);
    for sets in [
        Sets::default(),
        Sets { steps: steps(&chain, 0..3), tip: Some(certified(&chain[12])) },
        Sets { steps: steps(&chain, 1..2), tip: None },
    ] {
        assert_eq!(Sets::decode(&sets.encode()), Ok(sets));
    }
    let headers = Headers(entries(&chain, 1..10));
    assert_eq!(Headers::decode(&headers.encode()), Ok(headers));
    let bodies = Bodies(vec![transactions(1), Vec::new(), transactions(2)]);
    assert_eq!(Bodies::decode(&bodies.encode()), Ok(bodies));
    let receipts = Receipts(vec![vec![receipt(3, 1), receipt(4, 0)], Vec::new()]);
    assert_eq!(Receipts::decode(&receipts.encode()), Ok(receipts));
}

#[test]
fn answers_are_bounded() {
    let too_large = |result: Result<(), DecodeError>| {
        assert!(matches!(result, Err(DecodeError::TooLarge { .. })), "{result:?}");
    };
    let empty_blocks = Bodies(vec![Vec::new(); BODIES_MAX + 1]);
    too_large(Bodies::decode(&empty_blocks.encode()).map(drop));
    let many = Bodies(vec![vec![Bytes::new(); ITEMS_MAX / 2]; 3]);
    too_large(Bodies::decode(&many.encode()).map(drop));
    let many = Receipts(vec![vec![receipt(0, 0); ITEMS_MAX / 2]; 3]);
    too_large(Receipts::decode(&many.encode()).map(drop));
    too_large(Headers::decode(&vec![0; ANSWER_BYTES_MAX + 1]).map(drop));
    let long = vec![0; types::limits::TRANSACTION_BYTES_MAX + 1];
    too_large(Bodies::decode(&Bodies(vec![vec![long.into()]]).encode()).map(drop));
    let chain = chain(12);
    let steps = Sets { steps: vec![steps(&chain, 0..1).remove(0); STEPS_MAX + 1], tip: None };
    too_large(Sets::decode(&steps.encode()).map(drop));
    let topics = Log::new_unchecked(Address::ZERO, vec![B256::ZERO; 5], Bytes::new());
    let five = Receipts(vec![vec![Receipt { logs: vec![topics], ..receipt(1, 0) }]]);
    assert!(Receipts::decode(&five.encode()).is_err());
}

#[test]
fn changed_bytes_are_refused_or_read_back_as_they_are() {
    let chain = chain(12);
    let sets = Sets { steps: steps(&chain, 0..2), tip: Some(certified(&chain[12])) }.encode();
    let headers = Headers(entries(&chain, 7..10)).encode();
    let bodies = Bodies(vec![transactions(1), Vec::new()]).encode();
    let receipts = Receipts(vec![vec![receipt(3, 1), receipt(4, 0)]]).encode();
    for original in [sets, headers, bodies, receipts] {
        for at in 0..original.len() {
            let mut changed = original.clone();
            changed[at] ^= 1 << (at % 8);
            for bytes in [&changed[..], &original[..at]] {
                assert_canonical(bytes);
            }
        }
        let longer = [&original[..], &[0x80]].concat();
        assert!(Sets::decode(&longer).is_err() && Bodies::decode(&longer).is_err());
    }
}

fn assert_canonical(bytes: &[u8]) {
    if let Ok(found) = Sets::decode(bytes) {
        assert_eq!(found.encode(), bytes);
    }
    if let Ok(found) = Headers::decode(bytes) {
        assert_eq!(found.encode(), bytes);
    }
    if let Ok(found) = Bodies::decode(bytes) {
        assert_eq!(found.encode(), bytes);
    }
    if let Ok(found) = Receipts::decode(bytes) {
        assert_eq!(found.encode(), bytes);
    }
}

#[test]
fn requests_have_one_encoding_and_ask_within_limits() {
    let headers = u32::try_from(HEADERS_MAX).unwrap();
    let bodies = u32::try_from(BODIES_MAX).unwrap();
    for request in [
        HistoryRequest::Sets { epoch: 0, asked: 0 },
        HistoryRequest::Sets { epoch: u64::MAX, asked: u32::MAX },
        HistoryRequest::Headers { top: 1, count: headers },
        HistoryRequest::Bodies { top: u64::MAX, count: bodies },
        HistoryRequest::Receipts { top: 5, count: 1 },
    ] {
        let bytes = request.encode();
        assert_eq!(bytes.len(), HistoryRequest::SIZE);
        assert_eq!(HistoryRequest::decode(bytes).unwrap(), request, "{request}");
    }
    for refused in [
        HistoryRequest::Headers { top: 1, count: headers + 1 },
        HistoryRequest::Headers { top: 1, count: 0 },
        HistoryRequest::Headers { top: 0, count: 1 },
        HistoryRequest::Bodies { top: 1, count: bodies + 1 },
        HistoryRequest::Receipts { top: 1, count: bodies + 1 },
    ] {
        assert!(HistoryRequest::decode(refused.encode()).is_err(), "{refused}");
    }
    assert!(HistoryRequest::decode(vec![4u8; 13]).is_err());
    assert!(HistoryRequest::decode(vec![1u8; 12]).is_err());
    assert!(HistoryRequest::decode(vec![1u8; 14]).is_err());
}
