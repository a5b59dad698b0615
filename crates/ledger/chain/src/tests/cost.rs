//! Blocks of 1,000 ERC-20 transfers: time and bytes, printed; the bytes have a bound.

use std::{sync::Arc, time::Instant};

use alloy_primitives::{B256, Bytes, Log, U256, keccak256};
use state::{AccountRecord, Change, StateDiff, StateKey, StateValue};
use types::{Block, Receipt};

use super::fixture::{address, block, open, word};
use crate::FinalizedBlock;

const BLOCKS: u64 = 12;
const TRANSFERS: u64 = 1_000;
const ACCOUNTS: u64 = 10_000;
/// Disk per transfer besides old values, journal aside, bytes.
const BYTES_PER_TRANSFER_MAX: u64 = 600;

/// Bytes of a signed type 2 call with 68 bytes of data: 176, most of which do not compress.
fn transaction(number: u64) -> Bytes {
    let mut bytes = vec![2, 0xf8, 0xad, 0x82, 0x05, 0x39];
    for part in 0..6 {
        bytes.extend_from_slice(keccak256((number * 8 + part).to_be_bytes()).as_slice());
    }
    bytes.truncate(176);
    bytes.into()
}

fn account(number: u64) -> B256 {
    let mut word = keccak256((number % ACCOUNTS).to_be_bytes());
    word[..12].fill(0);
    word
}

fn transfer(number: u64) -> Receipt {
    let topics = vec![word(0xddf2), account(number * 7), account(number * 13 + 1)];
    let amount = U256::from(number % 1_000_000).to_be_bytes_vec().into();
    Receipt {
        transaction_type: 2,
        success: true,
        cumulative_gas_used: 35_000 * (number % TRANSFERS + 1),
        logs: vec![Log::new_unchecked(address(0xe20), topics, amount)],
    }
}

fn transfers(number: u64, parent: B256) -> FinalizedBlock {
    let empty = block(number, parent, vec![]).block;
    let numbers = number * TRANSFERS..(number + 1) * TRANSFERS;
    let transactions = numbers.clone().map(transaction).collect();
    let block = Block::new(empty.header().clone(), empty.extension().clone(), transactions);
    FinalizedBlock {
        block: Arc::new(block),
        receipts: Arc::new(numbers.clone().map(transfer).collect()),
        senders: Arc::new(
            numbers.map(|n| alloy_primitives::Address::from_word(account(n * 7))).collect(),
        ),
    }
}

/// A nonce and two balances per transfer.
fn diff(number: u64) -> StateDiff {
    let mut diff = StateDiff::default();
    for n in number * TRANSFERS..(number + 1) * TRANSFERS {
        let sender = alloy_primitives::Address::from_word(account(n * 7));
        let record = AccountRecord { nonce: n, ..AccountRecord::default() };
        let previous = Some(StateValue::Account(record));
        diff.changes.insert(StateKey::Account(sender), Change { previous, current: None });
        for holder in [n * 7, n * 13 + 1] {
            let slot = U256::from_be_bytes(keccak256(account(holder)).0);
            let previous = Some(StateValue::Storage(U256::from(1_000_000 + n)));
            let key = StateKey::Storage(address(0xe20), slot);
            diff.changes.insert(key, Change { previous, current: None });
        }
    }
    diff
}

#[test]
fn disk_and_time_of_erc20_transfers() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut parent = B256::ZERO;
    let (mut append, mut history) = (0, 0);
    for number in 1..=BLOCKS {
        let block = transfers(number, parent);
        parent = block.block.hash();
        let diff = diff(number);
        let start = Instant::now();
        store.append_history(number, &diff).unwrap();
        history += start.elapsed().as_nanos();
        let start = Instant::now();
        store.append(&block).unwrap();
        append += start.elapsed().as_nanos();
    }
    let tables = &store.tables;
    let mut bytes = 0;
    for table in [
        &tables.headers,
        &tables.bodies,
        &tables.receipts,
        &tables.numbers,
        &tables.transactions,
        &tables.log_terms,
        &tables.history,
    ] {
        table.rotate_memtable_and_wait().unwrap();
        table.major_compact().unwrap();
        println!("{:>12}: {} bytes/tx", &**table.name(), table.disk_space() / (BLOCKS * TRANSFERS));
        if table.name() != tables.history.name() {
            bytes += table.disk_space();
        }
    }
    let (append, history) = (append / u128::from(BLOCKS), history / u128::from(BLOCKS));
    println!("{append} ns per append of {TRANSFERS} transfers, {history} ns for their old values");
    let per_transfer = bytes / (BLOCKS * TRANSFERS);
    println!("{per_transfer} bytes per transfer besides old values");
    assert!(per_transfer <= BYTES_PER_TRANSFER_MAX, "{per_transfer} bytes per transfer");
}
