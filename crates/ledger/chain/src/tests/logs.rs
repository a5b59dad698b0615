//! The log index against a scan of everything.

use std::{collections::BTreeSet, ops::RangeInclusive};

use alloy_primitives::{Log, LogData, keccak256};
use proptest::prelude::*;

use super::fixture::{address, chain, log, open, word};
use crate::{
    ChainStore, FinalizedBlock, LOG_ANSWER_BYTES_MAX, LOG_FILTER_ALTERNATIVES_MAX, LogEntry,
    LogFilter, LogLimits, LogQueryError,
};

/// Written without the store's code, on purpose: geth's rules spelled out.
fn matches(filter: &LogFilter, log: &Log) -> bool {
    if !filter.addresses.is_empty() && !filter.addresses.contains(&log.address) {
        return false;
    }
    (0..filter.topics.len()).all(|position| match log.topics().get(position) {
        None => false,
        Some(topic) => {
            filter.topics[position].is_empty() || filter.topics[position].contains(topic)
        }
    })
}

fn scan(
    blocks: &[FinalizedBlock],
    filter: &LogFilter,
    range: &RangeInclusive<u64>,
) -> Vec<LogEntry> {
    let mut found = Vec::new();
    for block in blocks.iter().filter(|block| range.contains(&block.block.number())) {
        let mut log_index = 0;
        for (index, receipt) in block.receipts.iter().enumerate() {
            for log in &receipt.logs {
                if matches(filter, log) {
                    found.push(LogEntry {
                        log: log.clone(),
                        block_number: block.block.number(),
                        block_hash: block.block.hash(),
                        block_timestamp: block.block.header().timestamp,
                        transaction_hash: keccak256(&block.block.transactions()[index]),
                        transaction_index: index as u32,
                        log_index,
                    });
                }
                log_index += 1;
            }
        }
    }
    found
}

fn some_log() -> impl Strategy<Value = Log> {
    (0..4u64, prop::collection::vec(0..4u64, 0..=4)).prop_map(|(one, topics)| log(one, &topics))
}

fn some_chain() -> impl Strategy<Value = Vec<FinalizedBlock>> {
    let transaction = prop::collection::vec(some_log(), 0..3);
    let block = prop::collection::vec(transaction, 0..3);
    prop::collection::vec(block, 1..40).prop_map(chain)
}

fn some_filter() -> impl Strategy<Value = LogFilter> {
    let addresses = prop::collection::btree_set((0..5u64).prop_map(address), 0..3);
    let topic = prop::collection::btree_set((0..5u64).prop_map(word), 0..3);
    let topics = prop::collection::vec(topic, 0..=4);
    (addresses, topics).prop_map(|(addresses, topics)| LogFilter { addresses, topics })
}

fn fill(blocks: &[FinalizedBlock]) -> (tempfile::TempDir, ChainStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    blocks.iter().for_each(|block| store.append(block).unwrap());
    (folder, store)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_index_finds_what_a_scan_finds(
        blocks in some_chain(),
        questions in prop::collection::vec((some_filter(), 0..45u64, 0..45u64), 1..16),
    ) {
        let (_folder, store) = fill(&blocks);
        for (filter, from, to) in questions {
            let range = from..=to;
            let found = store.logs(&filter, range.clone(), LogLimits::default()).unwrap();
            prop_assert_eq!(found, scan(&blocks, &filter, &range), "{:?} {:?}", filter, range);
        }
    }
}

fn by_address(number: u64) -> LogFilter {
    LogFilter { addresses: [address(number)].into(), topics: vec![] }
}

/// 3,000 blocks that all write at address 1; block 1,500 also at address 2.
fn busy_chain() -> Vec<FinalizedBlock> {
    let contents = (0..3_000u64).map(|number| {
        let mut logs = vec![log(1, &[5])];
        if number == 1_500 {
            logs.push(log(2, &[6]));
        }
        vec![logs]
    });
    chain(contents.collect())
}

#[test]
fn a_selective_filter_reads_few_blocks_and_few_entries() {
    let blocks = busy_chain();
    let (_folder, store) = fill(&blocks);
    let few = LogLimits { entries_max: 10, blocks_read_max: 1, index_entries_max: 100 };
    let found = store.logs(&by_address(2), 0..=2_999, few).unwrap();
    assert_eq!(found, scan(&blocks, &by_address(2), &(0..=2_999)));
    assert_eq!(found.len(), 1);
    // One dense and one sparse term: the cursor of the dense one jumps.
    let both = LogFilter { addresses: [address(1)].into(), topics: vec![[word(6)].into()] };
    assert_eq!(store.logs(&both, 0..=2_999, few).unwrap(), vec![]);
}

#[test]
fn the_bytes_of_an_answer_are_bounded() {
    const BYTES: usize = LOG_ANSWER_BYTES_MAX / 4;
    let heavy = || {
        let mut heavy = log(1, &[]);
        heavy.data = LogData::new_unchecked(Vec::new(), vec![7; BYTES].into());
        vec![vec![heavy]]
    };
    let (_folder, store) = fill(&chain((0..5).map(|_| heavy()).collect()));
    let limits = LogLimits::default();
    assert_eq!(store.logs(&by_address(1), 0..=3, limits).unwrap().len(), 4);
    let error = store.logs(&by_address(1), 0..=9, limits).unwrap_err();
    let broad = LogQueryError::TooBroad { limit: LOG_ANSWER_BYTES_MAX, what: "bytes of logs" };
    assert_eq!(error.to_string(), broad.to_string());
}

#[test]
fn limits_are_errors_that_name_them() {
    let (_folder, store) = fill(&busy_chain());
    let limits = LogLimits { entries_max: 100, blocks_read_max: 1_000, index_entries_max: 2_000 };
    assert_eq!(store.logs(&by_address(1), 0..=99, limits).unwrap().len(), 100);
    let error = store.logs(&by_address(1), 0..=100, limits).unwrap_err();
    assert!(matches!(error, LogQueryError::TooMany { limit: 100 }), "{error}");
    assert_eq!(error.to_string(), "query returned more than 100 results");
    let limits = LogLimits { entries_max: 5_000, ..limits };
    let error = store.logs(&by_address(1), 0..=1_000, limits).unwrap_err();
    assert!(matches!(error, LogQueryError::TooBroad { limit: 1_000, .. }), "{error}");
    let limits = LogLimits { blocks_read_max: 5_000, ..limits };
    let error = store.logs(&by_address(1), 0..=2_999, limits).unwrap_err();
    let broad = LogQueryError::TooBroad { limit: 2_000, what: "index entries" };
    assert_eq!(error.to_string(), broad.to_string());
}

#[test]
fn filters_beyond_the_limits_are_refused() {
    let (_folder, store) = fill(&chain(vec![vec![]]));
    let many = (0..=LOG_FILTER_ALTERNATIVES_MAX as u64).map(address).collect();
    let filter = LogFilter { addresses: many, topics: vec![] };
    let error = store.logs(&filter, 0..=0, LogLimits::default()).unwrap_err();
    assert!(matches!(error, LogQueryError::TooManyTerms { limit: 1000 }), "{error}");
    let filter = LogFilter { topics: vec![BTreeSet::new(); 5], ..LogFilter::default() };
    let error = store.logs(&filter, 0..=0, LogLimits::default()).unwrap_err();
    assert!(matches!(error, LogQueryError::TooManyTopics { limit: 4 }), "{error}");
}

#[test]
fn a_range_below_the_first_block_is_pruned_and_one_beyond_the_head_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let blocks = busy_chain();
    blocks[10..20].iter().for_each(|block| store.append(block).unwrap());
    let error = store.logs(&by_address(1), 9..=15, LogLimits::default()).unwrap_err();
    assert!(matches!(error, LogQueryError::Pruned { lowest: 10 }), "{error}");
    let found = store.logs(&by_address(1), 15..=u64::MAX, LogLimits::default()).unwrap();
    assert_eq!(found.len(), 5);
    let all = store.logs(&LogFilter::default(), 10..=u64::MAX, LogLimits::default()).unwrap();
    assert_eq!(all.len(), 10);
}
