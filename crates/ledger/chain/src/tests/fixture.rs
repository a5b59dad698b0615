//! Chains of well-formed blocks.

use std::{path::Path, sync::Arc};

use alloy_primitives::{Address, B256, Bytes, Log, U256, keccak256};
use types::{
    Block, Certificate, DatabaseCommitment, Extension, Header, Receipt, StateCommitment,
    ValidatorKey, ValidatorSignature,
};

use crate::{ChainOptions, ChainStore, FinalizedBlock};

pub fn open(path: &Path) -> ChainStore {
    ChainStore::open(path, ChainOptions::default()).unwrap()
}

pub fn address(number: u64) -> Address {
    Address::left_padding_from(&number.to_be_bytes())
}

pub fn word(number: u64) -> B256 {
    B256::from(U256::from(number))
}

pub fn log(writer: u64, topics: &[u64]) -> Log {
    let topics = topics.iter().map(|topic| word(*topic)).collect();
    Log::new_unchecked(address(writer), topics, Bytes::from_static(b"data"))
}

fn header(number: u64, parent: B256, transactions: &[Bytes], receipts: &[Receipt]) -> Header {
    Header {
        number,
        parent_hash: parent,
        gas_limit: 60_000_000,
        ommers_hash: types::EMPTY_OMMERS_HASH,
        transactions_root: types::transactions_root(transactions),
        receipts_root: types::receipts_root(receipts),
        withdrawals_root: Some(types::transactions_root(&[])),
        base_fee_per_gas: Some(0),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(types::EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}

fn state() -> StateCommitment {
    let database =
        DatabaseCommitment { root: word(2), ops_root: word(3), range_start: 4, range_end: 5 };
    StateCommitment { accounts: database, storage: database, code: database }
}

fn extension(number: u64) -> Extension {
    Extension {
        epoch: 0,
        view: number,
        leader: ValidatorKey([7; 32]),
        parent_view: number.saturating_sub(1),
        time_ms: 1_700_000_000_000 + number * 500,
        next_validators_hash: word(9),
        state: state(),
        genesis_commitment: (number == 0).then(|| word(1)),
    }
}

/// A block with one transaction per list of logs.
pub fn block(number: u64, parent: B256, logs: Vec<Vec<Log>>) -> FinalizedBlock {
    let transactions: Vec<Bytes> = (0..logs.len())
        .map(|index| keccak256(format!("{number}/{index}")).to_vec().into())
        .collect();
    let senders: Vec<Address> = (0..logs.len()).map(|index| address(index as u64)).collect();
    let receipts: Vec<Receipt> = (1..)
        .zip(logs)
        .map(|(count, logs)| Receipt {
            transaction_type: 2,
            success: count % 2 == 1,
            cumulative_gas_used: 21_000 * count,
            logs,
        })
        .collect();
    let header = header(number, parent, &transactions, &receipts);
    let block = Block::new(header, extension(number), transactions);
    FinalizedBlock {
        block: Arc::new(block),
        receipts: Arc::new(receipts),
        senders: Arc::new(senders),
    }
}

/// Blocks from 0 on, each with the given transactions' logs.
pub fn chain(contents: Vec<Vec<Vec<Log>>>) -> Vec<FinalizedBlock> {
    let mut parent = B256::ZERO;
    (0..)
        .zip(contents)
        .map(|(number, logs)| {
            let block = block(number, parent, logs);
            parent = block.block.hash();
            block
        })
        .collect()
}

/// `count` blocks of two transactions with one log each.
pub fn plain_chain(count: u64) -> Vec<FinalizedBlock> {
    chain((0..count).map(|number| vec![vec![log(1, &[number])], vec![log(2, &[7])]]).collect())
}

pub fn certificate(block: &FinalizedBlock) -> Certificate {
    let signer = |key| ValidatorSignature { key: ValidatorKey([key; 32]), signature: [key; 64] };
    Certificate {
        epoch: 1,
        view: block.block.number(),
        parent_view: 0,
        block_hash: block.block.hash(),
        signatures: vec![signer(1), signer(2), signer(3)],
    }
}

/// That the store answers for the block's header what went in, by every way to ask.
pub fn check_header(store: &ChainStore, expected: &FinalizedBlock) {
    let number = expected.block.number();
    let (header, extension) = store.header(number).unwrap().unwrap();
    assert_eq!(&header, expected.block.header());
    assert_eq!(&extension, expected.block.extension());
    assert_eq!(store.hash(number).unwrap(), Some(expected.block.hash()));
    assert_eq!(store.number(expected.block.hash()).unwrap(), Some(number));
}

/// That the store answers for `block` what went in, by every way to ask.
pub fn check_block(store: &ChainStore, expected: &FinalizedBlock) {
    let number = expected.block.number();
    check_header(store, expected);
    assert_eq!(store.block(number).unwrap().unwrap(), expected.block);
    assert_eq!(store.receipts(number).unwrap().unwrap(), expected.receipts);
    assert_eq!(store.senders(number).unwrap().unwrap(), expected.senders);
    for (index, transaction) in (0..).zip(expected.block.transactions()) {
        let location = store.transaction(keccak256(transaction)).unwrap().unwrap();
        assert_eq!((location.number, location.index), (number, index));
    }
}
