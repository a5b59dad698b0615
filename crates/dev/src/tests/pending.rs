//! The block that would be made now, and transactions that nobody signs.

use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use ledger_api::{
    BlockPlan, Development as _, DevelopmentError, Edit, Ledger as _, Mining, NextBlock,
};
use state::{StateKey, StateValue};
use types::Transaction;

use super::fixture::*;
use crate::{DevConfig, StateBackEnd, clock::machine_time_s};

#[test]
fn the_pending_block_is_the_one_that_comes() {
    for state in [StateBackEnd::Plain, StateBackEnd::MerklePatricia] {
        let ledger = start(DevConfig { state, ..DevConfig::default() });
        let counter = ledger.counter(0);
        ledger.set_mining(Mining::OnDemand).unwrap();
        let hash = ledger.sent(0, TxKind::Call(counter), 1, Bytes::new());
        let timestamp = machine_time_s() + 1_000;
        let prev_randao = Some(B256::repeat_byte(7));
        let fields = NextBlock { timestamp: Some(timestamp), prev_randao, ..NextBlock::default() };
        ledger.set_next_block(fields).unwrap();
        let head = ledger.head();
        let pending = ledger.pending().unwrap();
        assert_eq!((ledger.head(), ledger.slot(head.number, counter, 0)), (head, 0));
        assert_eq!(ledger.receipt(hash), None);
        let slot = StateKey::Storage(counter, U256::ZERO);
        let expected = Some(StateValue::Storage(U256::ONE));
        assert_eq!(pending.changes.get(&slot), Some(&expected));
        assert_eq!(pending.block.block.header().timestamp, timestamp);
        ledger.mine(BlockPlan::ONE).unwrap();
        assert_eq!(ledger.head().hash, pending.block.block.hash());
        let made = ledger.chain().block(ledger.height()).unwrap().unwrap();
        assert_eq!(*made, *pending.block.block);
        assert_eq!(
            ledger.chain().receipts(ledger.height()).unwrap().unwrap(),
            pending.block.receipts
        );
    }
}

/// `slot 0 := blockhash(number)` of the number that it is called with.
const HASHES: [u8; 8] = alloy_primitives::hex!("5f3580405f555000");

#[test]
fn hashes_of_blocks_are_known_without_the_contract_that_keeps_them() {
    let ledger = ledger();
    let keeper = Address::repeat_byte(0xcc);
    ledger.edit(keeper, Edit::Code(HASHES.into())).unwrap();
    let hash = |number: u64| ledger.chain().hash(number).unwrap().unwrap();
    let seen = |nonce: u64, number: u64| {
        let input = U256::from(number).to_be_bytes::<32>().to_vec().into();
        let sent = ledger.sent(0, TxKind::Call(keeper), nonce, input);
        assert!(ledger.receipt(sent).unwrap().1.success);
        let slot = StateKey::Storage(keeper, U256::ZERO);
        match ledger.store.read(ledger.height(), &[slot]).unwrap().pop().unwrap() {
            Some(StateValue::Storage(word)) => B256::from(word),
            _ => B256::ZERO,
        }
    };
    assert_eq!(seen(0, 1), hash(1));
    ledger.edit(execution::HISTORY_ADDRESS, Edit::Code(Bytes::new())).unwrap();
    ledger.mine(BlockPlan { blocks: 300, ..BlockPlan::ONE }).unwrap();
    let head = ledger.height();
    assert_eq!(seen(1, head - 200), hash(head - 200));
    assert_eq!(seen(2, head), hash(head));
    assert_eq!(seen(3, 2), B256::ZERO, "more than 256 blocks ago");
    assert_eq!(seen(4, head + 100), B256::ZERO);
}

#[test]
fn a_transaction_is_signed_without_being_sent() {
    let ledger = ledger();
    let (own, nobody) = (ledger.user(2), Address::repeat_byte(0xaa));
    let new = || unsigned(transaction(TxKind::Call(nobody), 0, Bytes::new()));
    let encoded = ledger.sign(own, new()).unwrap();
    assert_eq!(Transaction::decode(encoded.clone()).unwrap().sender(), own);
    assert_eq!(ledger.height(), 1);
    let hash = ledger.submit_now(encoded).unwrap();
    assert!(ledger.receipt(hash).unwrap().1.success);
    assert_eq!(ledger.sign(nobody, new()), Err(DevelopmentError::UnknownAccount(nobody)));
    // Sent all the same, once.
    let hash = ledger.send_unsigned(nobody, new()).unwrap();
    assert!(ledger.receipt(hash).unwrap().1.success);
    assert_eq!(ledger.send(nobody, new()), Err(DevelopmentError::UnknownAccount(nobody)));
}

#[test]
fn balances_are_added_to() {
    let ledger = ledger();
    let somebody = Address::repeat_byte(0xbb);
    for wei in [5, 7] {
        ledger.edit(somebody, Edit::AddedBalance(U256::from(wei))).unwrap();
    }
    assert_eq!(ledger.record(somebody).unwrap().balance, U256::from(12));
    ledger.edit(somebody, Edit::AddedBalance(U256::MAX)).unwrap();
    assert_eq!(ledger.record(somebody).unwrap().balance, U256::MAX);
}

#[test]
fn what_passed_after_a_snapshot_did_not_pass() {
    let ledger = ledger();
    ledger.increase_time(5_000).unwrap();
    let snapshot = ledger.snapshot().unwrap();
    let before = ledger.now_s();
    std::thread::sleep(Duration::from_millis(2_100));
    assert!(ledger.now_s() >= before + 2);
    assert_eq!(ledger.revert(snapshot), Ok(true));
    assert!(ledger.now_s() < before + 2, "{} {before}", ledger.now_s());
}
