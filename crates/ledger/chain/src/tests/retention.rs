//! Blocks that are no longer kept: refused by name, gone from the disk, and nothing else is.

use alloy_primitives::{B256, Bytes, Log, keccak256};

use super::{
    crash::copy_open,
    fixture::{address, block, certificate, check_block, check_header, plain_chain, word},
};
use crate::{
    ChainError, ChainOptions, ChainStore, FinalizedBlock, LogFilter, LogLimits, LogQueryError,
    retention::drop_files_below,
};

fn open(path: &std::path::Path, retained_blocks: Option<u64>) -> ChainStore {
    ChainStore::open(path, ChainOptions { retained_blocks, ..ChainOptions::default() }).unwrap()
}

/// What is kept answers, what is pruned says so, what never was is unknown.
fn check_kept(store: &ChainStore, blocks: &[FinalizedBlock], oldest: u64) {
    let head = store.head().unwrap();
    assert_eq!(store.lowest_body(), Some(oldest));
    assert_eq!(store.lowest_header(), Some(0));
    for block in &blocks[..=head as usize] {
        let number = block.block.number();
        check_header(store, block);
        if number == 0 || number >= oldest {
            check_block(store, block);
            continue;
        }
        for error in [
            store.block(number).unwrap_err(),
            store.receipts(number).unwrap_err(),
            store.senders(number).unwrap_err(),
        ] {
            let pruned = matches!(error, ChainError::BlockPruned { height, oldest: o } if (height, o) == (number, oldest));
            assert!(pruned, "{error}");
        }
        for transaction in block.block.transactions() {
            assert_eq!(store.transaction(keccak256(transaction)).unwrap(), None);
        }
        let error = store.logs(&LogFilter::default(), number..=head, LogLimits::default());
        let pruned = matches!(error, Err(LogQueryError::Pruned { lowest }) if lowest == oldest);
        assert!(pruned, "{error:?}");
    }
    let logs = store.logs(&LogFilter::default(), oldest..=head, LogLimits::default()).unwrap();
    assert_eq!(logs.len() as u64, (head + 1 - oldest) * 2);
    assert_eq!(store.block(head + 1).unwrap(), None);
    assert_eq!(store.header(head + 1).unwrap(), None);
    assert_eq!(store.number(word(4_711)).unwrap(), None);
}

/// Everything that can go goes at once.
fn compact(store: &ChainStore) {
    store.persist().unwrap();
    let tables = &store.tables;
    for table in [&tables.bodies, &tables.receipts, &tables.transactions, &tables.log_terms] {
        table.rotate_memtable_and_wait().unwrap();
        table.major_compact().unwrap();
    }
}

#[test]
fn pruned_is_told_from_unknown_and_the_kept_stays_whole() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(60);
    let store = open(folder.path(), Some(20));
    blocks[..20].iter().for_each(|block| store.append(block).unwrap());
    check_kept(&store, &blocks, 0);
    blocks[20..].iter().for_each(|block| store.append(block).unwrap());
    check_kept(&store, &blocks, 39);
    compact(&store);
    check_kept(&store, &blocks, 39);
    let tables = &store.tables;
    assert_eq!(tables.bodies.len().unwrap(), 21);
    assert_eq!(tables.receipts.len().unwrap(), 21);
    assert_eq!(tables.transactions.len().unwrap(), 2 * (21 + 1) + 1, "block 0 stays");
    // Address and topic of each log, and one for any log.
    assert!(tables.log_terms.len().unwrap() <= 5 * (21 + 1) + 1);
    drop(store);
    check_kept(&open(folder.path(), Some(20)), &blocks, 39);
}

#[test]
fn nothing_goes_before_the_heights_are_on_the_medium() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(30);
    let store = open(folder.path(), Some(5));
    blocks.iter().for_each(|block| store.append(block).unwrap());
    let bodies = &store.tables.bodies;
    bodies.rotate_memtable_and_wait().unwrap();
    bodies.major_compact().unwrap();
    assert_eq!(bodies.len().unwrap(), 29);
    compact(&store);
    assert_eq!(bodies.len().unwrap(), 6);
}

#[test]
fn a_store_opened_with_less_drops_it_and_with_more_can_be_filled_again() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(40);
    let store = open(folder.path(), None);
    blocks[..30].iter().for_each(|block| store.append(block).unwrap());
    drop(store);
    let store = open(folder.path(), Some(10));
    check_kept(&store, &blocks, 19);
    compact(&store);
    drop(store);
    let store = open(folder.path(), Some(25));
    check_kept(&store, &blocks, 19);
    blocks[30..].iter().for_each(|block| store.append(block).unwrap());
    check_kept(&store, &blocks, 19);
    assert_eq!(store.next_body_to_backfill(), Some(18));
    for number in (14..19).rev() {
        store.backfill_body(&blocks[number]).unwrap();
    }
    assert_eq!(store.next_body_to_backfill(), None);
    compact(&store);
    check_kept(&store, &blocks, 14);
}

#[test]
fn a_node_killed_at_any_block_keeps_its_window_its_validators_and_its_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(60);
    let set = |epoch: u64| {
        let keys = [1u8, 2, 3].map(|key| types::ValidatorKey([key + epoch as u8; 32]));
        types::ValidatorSet::new(keys.to_vec()).unwrap()
    };
    let mut live = folder.path().join("0");
    let mut store = open(&live, Some(8));
    for block in &blocks {
        let number = block.block.number();
        // As the engine does: an epoch of 10 blocks.
        if (number + 1).is_multiple_of(10) {
            store.put_validators((number + 1) / 10, &set((number + 1) / 10)).unwrap();
        }
        store.append(block).unwrap();
        store.persist().unwrap();
        store.put_certificate(number, &certificate(block)).unwrap();
        if number % 3 == 2 {
            compact(&store);
        }
        if number % 4 == 3 {
            let left = folder.path().join(format!("{}", number + 1));
            copy_open(&live, &left);
            drop(store);
            live = left;
            store = open(&live, Some(8));
        }
        let oldest = number.saturating_sub(8);
        check_kept(&store, &blocks, if oldest <= 1 { 0 } else { oldest });
    }
    for epoch in 1..=6 {
        assert_eq!(store.validators(epoch).unwrap(), Some(set(epoch)));
    }
    for (number, block) in (0..).zip(&blocks) {
        let found = store.certificate_at_or_above(number).unwrap();
        assert_eq!(found, Some((number, certificate(block))));
    }
}

/// A block of `count` transactions with one log each that hardly compress.
fn heavy_block(number: u64, parent: B256, count: u64) -> FinalizedBlock {
    let logs = (0..count).map(|index| {
        let noise: Vec<u8> = (0..8u64)
            .flat_map(|part| keccak256([number, index, part].map(u64::to_be_bytes).concat()).0)
            .collect();
        let topics = vec![word(1), keccak256(&noise)];
        vec![Log::new_unchecked(address(9), topics, Bytes::from(noise))]
    });
    block(number, parent, logs.collect())
}

#[test]
fn the_disk_stays_flat_over_many_windows() {
    const RETAINED: u64 = 40;
    const WINDOWS: u64 = 7;
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), Some(RETAINED));
    let mut parent = B256::ZERO;
    let mut sizes = Vec::new();
    let tables = &store.tables;
    let pruned = [&tables.bodies, &tables.receipts, &tables.transactions, &tables.log_terms];
    for number in 0..=RETAINED * WINDOWS {
        let block = heavy_block(number, parent, 60);
        parent = block.block.hash();
        store.append(&block).unwrap();
        if number % 10 == 0 {
            store.persist().unwrap();
            // Files as a loaded node writes them, a quarter of a window each.
            pruned.iter().for_each(|table| table.rotate_memtable_and_wait().unwrap());
            for table in [&tables.bodies, &tables.receipts] {
                drop_files_below(table, number.saturating_sub(RETAINED)).unwrap();
            }
        }
        if number > 0 && number.is_multiple_of(RETAINED) {
            for table in [&tables.transactions, &tables.log_terms] {
                table.major_compact().unwrap();
            }
            sizes.push(pruned.iter().map(|table| table.disk_space()).sum::<u64>());
        }
    }
    println!("bytes after each window: {sizes:?}");
    // The first window only fills; from the second on nothing grows.
    let (least, most) = (sizes[1..].iter().min().unwrap(), sizes[1..].iter().max().unwrap());
    assert!(most * 10 <= least * 11, "{sizes:?}");
    let unpruned = sizes[0] * WINDOWS;
    assert!(most * 4 < unpruned, "{sizes:?}");
}

#[test]
fn files_are_dropped_by_the_store_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), Some(4));
    let blocks = plain_chain(60);
    for block in &blocks {
        store.append(block).unwrap();
        store.tables.bodies.rotate_memtable_and_wait().unwrap();
        store.persist().unwrap();
    }
    // A file per block, or few after a compaction; the thread drops them shortly after.
    let started = std::time::Instant::now();
    while store.tables.bodies.len().unwrap() > 16 {
        assert!(started.elapsed().as_secs() < 60, "nothing was dropped");
        store.append(&blocks[59]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    check_kept(&store, &blocks, 55);
}

#[test]
fn readers_get_whole_blocks_or_pruned_while_retention_moves() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(400);
    let store = open(folder.path(), Some(6));
    store.append(&blocks[0]).unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut pruned = 0;
            while store.head() != Some(399) {
                let oldest = store.lowest_body().unwrap();
                match store.block(oldest) {
                    Ok(block) => assert_eq!(block.unwrap(), blocks[oldest as usize].block),
                    Err(ChainError::BlockPruned { .. }) => pruned += 1,
                    Err(error) => panic!("{error}"),
                }
                let range = oldest..=u64::MAX;
                match store.logs(&LogFilter::default(), range, LogLimits::default()) {
                    Ok(logs) => assert_eq!(logs.first().unwrap().block_number, oldest),
                    Err(LogQueryError::Pruned { .. }) => pruned += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            pruned
        });
        for block in &blocks[1..] {
            store.append(block).unwrap();
            store.persist().unwrap();
            if block.block.number() % 8 == 0 {
                compact(&store);
            }
        }
        println!("{} reads found their block pruned", reader.join().unwrap());
    });
}
