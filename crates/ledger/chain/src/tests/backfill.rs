//! Stores that begin at an anchor and are filled downwards.

use std::{fs, sync::Arc};

use super::{
    crash::{copy, journal, written_bytes},
    fixture::{certificate, check_block, check_header, open, plain_chain, word},
    history::one_change,
};
use crate::{
    BACKFILL_BODIES_MAX, BACKFILL_HEADERS_MAX, ChainError, ChainOptions, ChainStore,
    FinalizedBlock, LogFilter, LogLimits, LogQueryError,
};

type HeaderPair = (types::Header, types::Extension);

fn headers_of(blocks: &[FinalizedBlock]) -> Vec<HeaderPair> {
    let pair =
        |block: &FinalizedBlock| (block.block.header().clone(), block.block.extension().clone());
    blocks.iter().rev().map(pair).collect()
}

fn downwards(blocks: &[FinalizedBlock]) -> Vec<FinalizedBlock> {
    blocks.iter().rev().cloned().collect()
}

/// A store with block 0 that joined at `anchor`.
fn joined(path: &std::path::Path, blocks: &[FinalizedBlock], anchor: usize) -> ChainStore {
    let store = open(path);
    store.append(&blocks[0]).unwrap();
    store.join(&blocks[anchor].block).unwrap();
    store
}

#[test]
fn a_store_that_joined_goes_on_at_the_anchor_and_keeps_block_0() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(30);
    let store = joined(folder.path(), &blocks, 20);
    store.join(&blocks[20].block).unwrap();
    assert_eq!((store.lowest_header(), store.lowest_body()), (Some(20), Some(21)));
    assert_eq!((store.head(), store.oldest_state()), (Some(20), 20));
    assert_eq!(
        (store.next_header_to_backfill(), store.next_body_to_backfill()),
        (Some(19), Some(20))
    );
    for number in 21..30u64 {
        store.append_history(number, &one_change(number)).unwrap();
        store.append(&blocks[number as usize]).unwrap();
    }
    drop(store);
    let store = open(folder.path());
    assert_eq!((store.head(), store.oldest_state()), (Some(29), 20));
    blocks[21..].iter().chain(&blocks[..1]).for_each(|block| check_block(&store, block));
    check_header(&store, &blocks[20]);
    let error = store.receipts(20).unwrap_err();
    assert!(matches!(error, ChainError::BlockPruned { height: 20, oldest: 21 }), "{error}");
    let error = store.header(19).unwrap_err();
    assert!(matches!(error, ChainError::BlockPruned { height: 19, oldest: 20 }), "{error}");
    assert_eq!(store.header(30).unwrap(), None);
    assert_eq!(store.number(blocks[19].block.hash()).unwrap(), None);
    let error = store.logs(&LogFilter::default(), 0..=29, LogLimits::default()).unwrap_err();
    assert!(matches!(error, LogQueryError::Pruned { lowest: 21 }), "{error}");
    let logs = store.logs(&LogFilter::default(), 21..=29, LogLimits::default()).unwrap();
    assert_eq!(logs.len(), 18);
}

#[test]
fn joining_needs_a_block_above_what_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(6);
    let store = joined(folder.path(), &blocks, 3);
    let error = store.join(&blocks[2].block).unwrap_err();
    assert!(matches!(error, ChainError::AlreadyFilled { head: 3 }), "{error}");
    let other = super::fixture::block(3, word(1), vec![]);
    let error = store.join(&other.block).unwrap_err();
    assert!(matches!(error, ChainError::Conflict { height: 3, .. }), "{error}");
    let other = super::fixture::block(4, word(1), vec![]);
    let error = store.join(&other.block).unwrap_err();
    assert!(matches!(error, ChainError::WrongParent { height: 4, .. }), "{error}");
    assert!(matches!(store.append(&blocks[5]), Err(ChainError::Gap { next: 4, .. })));
    store.append(&blocks[4]).unwrap();
    store.join(&blocks[3].block).unwrap();
    assert_eq!(store.head(), Some(4));
}

/// A join that is interrupted and begun again further up leaves a short run, which is no loss.
#[test]
fn of_two_runs_below_an_anchor_the_one_with_more_bodies_counts_again() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(60);
    let store = open(folder.path());
    blocks[..30].iter().for_each(|block| store.append(block).unwrap());
    store.join(&blocks[40].block).unwrap();
    blocks[41..44].iter().for_each(|block| store.append(block).unwrap());
    store.join(&blocks[55].block).unwrap();
    let mut headers = Vec::new();
    while let Some(next) = store.next_header_to_backfill() {
        headers.push(next);
        store.backfill_headers(&headers_of(&blocks[next as usize..=next as usize])).unwrap();
    }
    assert_eq!(headers, (30..55).rev().collect::<Vec<u64>>());
    while let Some(next) = store.next_body_to_backfill() {
        store.backfill_body(&blocks[next as usize]).unwrap();
    }
    blocks[..=55].iter().for_each(|block| check_block(&store, block));
    store.check_everything().unwrap();
}

#[test]
fn a_store_that_fell_behind_joins_again_and_keeps_what_it_had() {
    for retained_blocks in [None, Some(35), Some(12)] {
        let folder = tempfile::tempdir().unwrap();
        let blocks = plain_chain(60);
        let options = ChainOptions { retained_blocks, ..ChainOptions::default() };
        let open = || ChainStore::open(folder.path(), options).unwrap();
        let store = open();
        blocks[..30].iter().for_each(|block| store.append(block).unwrap());
        store.join(&blocks[45].block).unwrap();
        drop(store);
        let store = open();
        assert_eq!((store.head(), store.lowest_body()), (Some(45), Some(46)));
        assert!(matches!(store.block(20), Err(ChainError::BlockPruned { height: 20, .. })));
        check_block(&store, &blocks[0]);
        store.append(&blocks[46]).unwrap();
        // Down to what was there, and no further.
        let mut headers = Vec::new();
        while let Some(next) = store.next_header_to_backfill() {
            headers.push(next);
            store.backfill_headers(&headers_of(&blocks[next as usize..=next as usize])).unwrap();
        }
        assert_eq!(headers, (30..45).rev().collect::<Vec<u64>>());
        blocks[..=46].iter().for_each(|block| check_header(&store, block));
        let mut bodies = Vec::new();
        while let Some(next) = store.next_body_to_backfill() {
            bodies.push(next);
            store.backfill_body(&blocks[next as usize]).unwrap();
        }
        let floor = retained_blocks.map_or(0, |blocks| 46 - blocks);
        assert_eq!(bodies, (floor.max(30)..=45).rev().collect::<Vec<u64>>());
        let floor = if floor <= 1 { 0 } else { floor };
        blocks[47..].iter().for_each(|block| store.append(block).unwrap());
        drop(store);
        let store = open();
        let oldest = store.lowest_body().unwrap();
        let expected = retained_blocks.map_or(0, |blocks| 59 - blocks);
        assert_eq!(oldest, expected.max(if floor == 0 { 0 } else { floor }), "{retained_blocks:?}");
        blocks[oldest as usize..].iter().for_each(|block| check_block(&store, block));
        store.check_everything().unwrap();
    }
}

/// A peer's answer reaches further down than what is missing.
#[test]
fn one_call_may_reach_into_what_was_held_before() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(46);
    let store = open(folder.path());
    blocks[..30].iter().for_each(|block| store.append(block).unwrap());
    store.join(&blocks[45].block).unwrap();
    store.backfill_headers(&headers_of(&blocks[1..45])).unwrap();
    assert_eq!((store.lowest_header(), store.next_header_to_backfill()), (Some(0), None));
    store.backfill_bodies(&downwards(&blocks[20..=45])).unwrap();
    assert_eq!((store.lowest_body(), store.next_body_to_backfill()), (Some(0), None));
    blocks.iter().for_each(|block| check_block(&store, block));
    store.check_everything().unwrap();
}

/// As in a node that was restored from a snapshot, which holds one block.
#[test]
fn one_call_may_go_on_below_a_short_run_that_it_meets() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(31);
    let store = joined(folder.path(), &blocks, 10);
    store.backfill_body(&blocks[10]).unwrap();
    store.join(&blocks[25].block).unwrap();
    store.backfill_headers(&headers_of(&blocks[5..25])).unwrap();
    assert_eq!(store.lowest_header(), Some(5));
    store.backfill_headers(&headers_of(&blocks[1..5])).unwrap();
    assert_eq!(store.lowest_header(), Some(0));
    store.backfill_bodies(&downwards(&blocks[1..26])).unwrap();
    assert_eq!(store.lowest_body(), Some(0));
}

#[test]
fn what_was_held_before_must_be_of_the_same_chain() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(20);
    let store = open(folder.path());
    store.append(&blocks[0]).unwrap();
    let other = super::fixture::block(1, blocks[0].block.hash(), vec![]);
    store.append(&other).unwrap();
    store.join(&blocks[5].block).unwrap();
    store.backfill_headers(&headers_of(&blocks[3..5])).unwrap();
    let error = store.backfill_headers(&headers_of(&blocks[2..3])).unwrap_err();
    assert!(matches!(error, ChainError::NotInChain { height: 1, .. }), "{error}");
    // Joining further up gives up the wrong blocks.
    store.join(&blocks[9].block).unwrap();
    store.backfill_headers(&headers_of(&blocks[6..9])).unwrap();
}

#[test]
fn headers_then_bodies_fill_the_gap_while_blocks_are_appended() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(120);
    let store = joined(folder.path(), &blocks, 100);
    let headers = headers_of(&blocks[1..100]);
    let bodies = downwards(&blocks[1..=100]);
    for (step, chunk) in headers.chunks(7).enumerate() {
        store.backfill_headers(chunk).unwrap();
        // Again, and overlapping: no error, no change.
        store.backfill_headers(chunk).unwrap();
        store.append(&blocks[101 + step]).unwrap();
    }
    store.put_certificate(40, &certificate(&blocks[40])).unwrap();
    assert_eq!((store.lowest_header(), store.next_header_to_backfill()), (Some(0), None));
    assert_eq!(store.lowest_body(), Some(101));
    blocks[..=100].iter().for_each(|block| check_header(&store, block));
    assert_eq!(store.certificate_at_or_above(7).unwrap().unwrap().0, 40);
    for chunk in bodies.chunks(13) {
        store.backfill_bodies(chunk).unwrap();
        store.backfill_bodies(chunk).unwrap();
    }
    assert_eq!((store.lowest_body(), store.next_body_to_backfill()), (Some(0), None));
    drop(store);
    let store = open(folder.path());
    let head = store.head().unwrap() as usize;
    blocks[..=head].iter().for_each(|block| check_block(&store, block));
    let logs = store.logs(&LogFilter::default(), 0..=u64::MAX, LogLimits::default()).unwrap();
    assert_eq!(logs.len(), (head + 1) * 2);
}

#[test]
fn what_the_chain_does_not_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(12);
    let store = joined(folder.path(), &blocks, 10);
    let refused = |result: Result<(), ChainError>, expected: &str| {
        let error = result.unwrap_err();
        assert!(
            matches!(error, ChainError::NotInChain { what, .. } if what == expected),
            "{error}"
        );
    };
    let (header, extension) = headers_of(&blocks[9..10]).remove(0);
    let mut forged = header.clone();
    forged.gas_used += 1;
    refused(store.backfill_header(forged, extension.clone()), "header");
    let mut forged = extension.clone();
    forged.view += 1;
    refused(store.backfill_header(header, forged), "extension");
    let gap = store.backfill_headers(&headers_of(&blocks[8..9])).unwrap_err();
    assert!(matches!(gap, ChainError::Gap { next: 9, offered: 8 }), "{gap}");
    // A batch with one wrong header leaves nothing.
    let mut batch = headers_of(&blocks[5..10]);
    batch[3].0.gas_used += 1;
    refused(store.backfill_headers(&batch), "header");
    assert_eq!(store.lowest_header(), Some(10));
    let gap = store.backfill_bodies(&downwards(&blocks[9..=10])).unwrap_err();
    assert!(matches!(gap, ChainError::Gap { next: 10, offered: 9 }), "{gap}");
    store.backfill_headers(&headers_of(&blocks[1..10])).unwrap();
    let mut forged = blocks[10].clone();
    Arc::make_mut(&mut forged.receipts)[0].success = false;
    refused(store.backfill_body(&forged), "list of receipts");
    let (header, extension) = headers_of(&blocks[10..11]).remove(0);
    let swapped = blocks[10].block.transactions().iter().rev().cloned().collect();
    forged = blocks[10].clone();
    forged.block = types::Block::new(header, extension, swapped).into();
    refused(store.backfill_body(&forged), "list of transactions");
    forged = blocks[10].clone();
    Arc::make_mut(&mut forged.senders).pop();
    assert!(matches!(store.backfill_body(&forged), Err(ChainError::Uneven { .. })));
    store.backfill_body(&blocks[10]).unwrap();
    check_block(&store, &blocks[10]);
}

#[test]
fn another_genesis_is_found_out_at_block_1() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(5);
    let store = open(folder.path());
    store.append(&super::fixture::block(0, word(77), vec![])).unwrap();
    store.join(&blocks[3].block).unwrap();
    let error = store.backfill_headers(&headers_of(&blocks[1..3])).unwrap_err();
    assert!(matches!(error, ChainError::NotInChain { height: 0, .. }), "{error}");
    assert_eq!(store.lowest_header(), Some(3));
}

#[test]
fn one_call_takes_a_limited_number() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(3);
    let store = joined(folder.path(), &blocks, 2);
    let headers = vec![headers_of(&blocks[1..2]).remove(0); BACKFILL_HEADERS_MAX + 1];
    let error = store.backfill_headers(&headers).unwrap_err();
    assert!(matches!(error, ChainError::BatchTooLong { limit: BACKFILL_HEADERS_MAX, .. }));
    let bodies = vec![blocks[1].clone(); BACKFILL_BODIES_MAX + 1];
    let error = store.backfill_bodies(&bodies).unwrap_err();
    assert!(matches!(error, ChainError::BatchTooLong { limit: BACKFILL_BODIES_MAX, .. }));
}

#[test]
fn bodies_are_filled_down_to_what_is_retained() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(40);
    let options = ChainOptions { retained_blocks: Some(15), ..ChainOptions::default() };
    let store = ChainStore::open(folder.path(), options).unwrap();
    store.append(&blocks[0]).unwrap();
    store.join(&blocks[29].block).unwrap();
    store.backfill_headers(&headers_of(&blocks[1..29])).unwrap();
    let mut filled = 0;
    while let Some(next) = store.next_body_to_backfill() {
        store.backfill_body(&blocks[next as usize]).unwrap();
        filled += 1;
    }
    assert_eq!((filled, store.lowest_body()), (16, Some(14)));
    let error = store.backfill_body(&blocks[13]).unwrap_err();
    assert!(matches!(error, ChainError::BlockPruned { height: 13, oldest: 14 }), "{error}");
    blocks[30..].iter().for_each(|block| store.append(block).unwrap());
    assert_eq!(store.lowest_body(), Some(24));
    blocks[24..].iter().for_each(|block| check_block(&store, block));
    blocks.iter().for_each(|block| check_header(&store, block));
}

#[test]
fn a_fill_torn_at_any_byte_leaves_whole_heights() {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("live");
    let blocks = plain_chain(9);
    let store = open(&live);
    store.append(&blocks[0]).unwrap();
    let start = written_bytes(&live);
    store.join(&blocks[6].block).unwrap();
    store.backfill_headers(&headers_of(&blocks[1..6])).unwrap();
    store.backfill_bodies(&downwards(&blocks[4..=6])).unwrap();
    let end = written_bytes(&live);
    let mut seen = std::collections::BTreeSet::new();
    for cut in (start..=end).step_by(61).chain([end]) {
        let left = folder.path().join(format!("cut-{cut}"));
        copy(&live, &left);
        let file = fs::OpenOptions::new().write(true).open(journal(&left)).unwrap();
        file.set_len(cut).unwrap();
        drop(file);
        let store = open(&left);
        seen.insert((store.head(), store.lowest_header(), store.lowest_body()));
        // Whatever was left, the same calls complete it.
        store.join(&blocks[6].block).unwrap();
        store.backfill_headers(&headers_of(&blocks[1..6])).unwrap();
        store.backfill_bodies(&downwards(&blocks[1..=6])).unwrap();
        blocks[7..].iter().for_each(|block| store.append(block).unwrap());
        blocks.iter().for_each(|block| check_block(&store, block));
        drop(store);
        fs::remove_dir_all(left).unwrap();
    }
    let steps = [
        (Some(0), Some(0), Some(0)),
        (Some(6), Some(6), Some(7)),
        (Some(6), Some(0), Some(7)),
        (Some(6), Some(0), Some(4)),
    ];
    assert_eq!(seen, steps.into());
}

#[test]
fn readers_see_whole_heights_while_the_store_is_filled() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(150);
    let store = joined(folder.path(), &blocks, 149);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while store.lowest_body() != Some(0) {
                let lowest = store.lowest_body().unwrap() as usize;
                blocks[lowest..].iter().take(1).for_each(|block| check_block(&store, block));
                let lowest = store.lowest_header().unwrap() as usize;
                check_header(&store, &blocks[lowest]);
                seen += 1;
            }
            seen
        });
        for header in headers_of(&blocks[1..149]) {
            store.backfill_headers(&[header]).unwrap();
        }
        downwards(&blocks[1..]).iter().for_each(|block| store.backfill_body(block).unwrap());
        assert!(reader.join().unwrap() > 0);
    });
}
