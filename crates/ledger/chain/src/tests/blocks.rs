//! Blocks in, the same blocks out; what does not fit is refused.

use std::sync::Arc;

use super::fixture::{address, block, certificate, check_block, open, plain_chain, word};
use crate::{ChainError, ChainOptions, ChainStore, LogFilter, LogLimits};

#[test]
fn an_empty_store_knows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    assert_eq!((store.head(), store.lowest()), (None, None));
    assert_eq!(store.header(0).unwrap(), None);
    assert_eq!(store.block(0).unwrap(), None);
    assert_eq!(store.receipts(0).unwrap(), None);
    assert_eq!(store.number(word(1)).unwrap(), None);
    assert_eq!(store.transaction(word(1)).unwrap(), None);
    assert_eq!(store.certificate_at_or_above(0).unwrap(), None);
}

#[test]
fn blocks_read_back_from_memory_and_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(200);
    let store = open(folder.path());
    for block in &blocks {
        store.append(block).unwrap();
        check_block(&store, block);
    }
    blocks.iter().for_each(|block| check_block(&store, block));
    drop(store);
    let store = open(folder.path());
    assert_eq!((store.lowest(), store.head()), (Some(0), Some(199)));
    blocks.iter().for_each(|block| check_block(&store, block));
    assert_eq!(store.block(200).unwrap(), None);
    assert_eq!(store.hash(200).unwrap(), None);
}

#[test]
fn the_same_block_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(3);
    let store = open(folder.path());
    for block in blocks.iter().chain(&blocks) {
        store.append(block).unwrap();
    }
    assert_eq!(store.head(), Some(2));
    blocks.iter().for_each(|block| check_block(&store, block));
}

#[test]
fn another_block_at_a_final_height_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(3);
    let store = open(folder.path());
    blocks.iter().for_each(|block| store.append(block).unwrap());
    let other = block(1, blocks[0].block.hash(), vec![]);
    let error = store.append(&other).unwrap_err();
    assert!(matches!(error, ChainError::Conflict { height: 1, .. }), "{error}");
    check_block(&store, &blocks[1]);
}

#[test]
fn a_gap_or_a_strange_parent_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(4);
    let store = open(folder.path());
    store.append(&blocks[1]).unwrap();
    let error = store.append(&blocks[3]).unwrap_err();
    assert!(matches!(error, ChainError::Gap { next: 2, offered: 3 }), "{error}");
    let error = store.append(&blocks[0]).unwrap_err();
    assert!(matches!(error, ChainError::Gap { next: 2, offered: 0 }), "{error}");
    let error = store.append(&block(2, word(5), vec![])).unwrap_err();
    assert!(matches!(error, ChainError::WrongParent { height: 2, .. }), "{error}");
    assert_eq!((store.lowest(), store.head()), (Some(1), Some(1)));
    store.append(&blocks[2]).unwrap();
}

#[test]
fn parts_that_differ_in_number_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut block = plain_chain(1).remove(0);
    Arc::make_mut(&mut block.senders).push(address(1));
    let error = store.append(&block).unwrap_err();
    assert!(matches!(error, ChainError::Uneven { senders: 3, receipts: 2, .. }), "{error}");
    assert_eq!(store.head(), None);
}

#[test]
fn a_certificate_counts_once_its_block_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(6);
    let store = open(folder.path());
    store.put_certificate(4, &certificate(&blocks[4])).unwrap();
    blocks[..4].iter().for_each(|block| store.append(block).unwrap());
    assert_eq!(store.certificate_at_or_above(2).unwrap(), None);
    blocks[4..].iter().for_each(|block| store.append(block).unwrap());
    let expected = Some((4, certificate(&blocks[4])));
    for number in 0..=4 {
        assert_eq!(store.certificate_at_or_above(number).unwrap(), expected);
    }
    assert_eq!(store.certificate_at_or_above(5).unwrap(), None);
    assert_eq!(store.certificate_at_or_above(u64::MAX).unwrap(), None);
}

#[test]
fn another_disk_format_is_refused_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.tables.meta.insert("format", 7u32.to_be_bytes()).unwrap();
    drop(store);
    let error = ChainStore::open(folder.path(), ChainOptions::default()).err().unwrap();
    assert!(matches!(error, ChainError::Format { found: 7, supported: 3 }), "{error}");
}

#[test]
fn a_second_process_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let _store = open(folder.path());
    let error = ChainStore::open(folder.path(), ChainOptions::default()).err().unwrap();
    assert!(error.to_string().contains("another process"), "{error}");
}

#[test]
fn damaged_values_are_errors_that_name_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(20);
    let store = open(folder.path());
    blocks.iter().for_each(|block| store.append(block).unwrap());
    let tables = &store.tables;
    let key = |number: u64| number.to_be_bytes();
    tables.bodies.insert(key(7), [0, 0, 0, 9, 1]).unwrap();
    tables.receipts.insert(key(8), [0xc2, 0x01]).unwrap();
    let header = tables.headers.get(key(7)).unwrap().unwrap();
    tables.headers.insert(key(9), &header[..]).unwrap();
    let mut header = tables.headers.get(key(10)).unwrap().unwrap().to_vec();
    header[0] ^= 1;
    tables.headers.insert(key(10), &header[..]).unwrap();
    drop(store);
    let store = open(folder.path());
    for (number, what) in [(7, "body"), (8, "receipts"), (9, "header"), (10, "header")] {
        let error = store.block(number).unwrap_err();
        assert!(matches!(error, ChainError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(&format!("{what} at {number}")), "{error}");
    }
    check_block(&store, &blocks[0]);
    check_block(&store, &blocks[19]);
    for number in [7, 8, 9, 10, 11] {
        // Block 11 names another parent than the stored hash.
        assert!(store.check_height(number).is_err(), "{number}");
    }
    store.check_height(6).unwrap();
    assert!(store.check_everything().is_err());
}

#[test]
fn a_damaged_head_is_found_at_opening() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    plain_chain(3).iter().for_each(|block| store.append(block).unwrap());
    store.tables.receipts.remove(2u64.to_be_bytes()).unwrap();
    drop(store);
    let error = ChainStore::open(folder.path(), ChainOptions::default()).err().unwrap();
    assert!(error.to_string().contains("receipts at 2: is absent"), "{error}");
}

#[test]
fn a_path_that_is_no_folder_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = ChainStore::open(file.path(), ChainOptions::default()).err().unwrap();
    assert!(matches!(error, ChainError::Storage(_)), "{error}");
}

#[test]
fn readers_see_whole_blocks_while_a_writer_appends() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(300);
    let store = open(folder.path());
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            loop {
                let next = store.head().map_or(0, |head| head as usize + 1);
                let Some(above) = blocks.get(next) else {
                    return seen;
                };
                next.checked_sub(1).into_iter().for_each(|head| check_block(&store, &blocks[head]));
                // What is above the head must be invisible by hash too, unless the head has moved.
                let early = store.number(above.block.hash()).unwrap();
                assert!(early.is_none_or(|number| store.head() >= Some(number)));
                let logs = store.logs(&LogFilter::default(), 0..=u64::MAX, LogLimits::default());
                assert!(logs.unwrap().len() >= next * 2);
                seen += 1;
            }
        });
        blocks.iter().for_each(|block| store.append(block).unwrap());
        assert!(reader.join().unwrap() > 0);
    });
}

#[test]
fn validators_are_kept_by_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let store = ChainStore::open(folder.path(), ChainOptions::default()).unwrap();
    let keys = [3u8, 1, 2].map(|byte| types::ValidatorKey([byte; 32]));
    let set = types::ValidatorSet::new(keys.to_vec()).unwrap();
    store.put_validators(7, &set).unwrap();
    assert_eq!(store.validators(7).unwrap(), Some(set));
    assert_eq!(store.validators(8).unwrap(), None);
}

/// The index has the first bytes of a hash; whoever asks with others behind them is not deceived.
#[test]
fn a_hash_that_only_begins_like_that_of_a_transaction_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let blocks = plain_chain(3);
    blocks.iter().for_each(|block| store.append(block).unwrap());
    let hash = alloy_primitives::keccak256(&blocks[2].block.transactions()[1]);
    let found = store.transaction(hash).unwrap().unwrap();
    assert_eq!((found.number, found.index), (2, 1));
    for byte in [0, 15, 16, 31] {
        let mut other = hash;
        other.0[byte] ^= 1;
        assert_eq!(store.transaction(other).unwrap(), None, "byte {byte}");
    }
}
