//! When blocks are made, with which time and fees.

use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use ledger_api::{BlockPlan, Development as _, Ledger as _, Mining, NextBlock};

use super::fixture::*;
use crate::{DevConfig, Ticker, clock::machine_time_s};

#[test]
fn a_transaction_is_in_a_block_once_it_is_submitted() {
    let ledger = ledger();
    assert_eq!(ledger.height(), 1);
    let hash = ledger.sent(0, TxKind::Call(ledger.user(1)), 0, Bytes::new());
    let (height, receipt) = ledger.receipt(hash).unwrap();
    assert_eq!((height, receipt.success, receipt.cumulative_gas_used), (2, true, 21_000));
    let again = ledger.signed(0, transaction(TxKind::Call(ledger.user(1)), 0, Bytes::new()));
    let refused = ledger.submit_now(again).unwrap_err().to_string();
    assert_eq!(refused, "nonce too low: next nonce 1, tx nonce 0");
}

#[test]
fn what_fills_a_gap_takes_along_what_waited_for_it() {
    let ledger = ledger();
    let to = TxKind::Call(Address::ZERO);
    let later: Vec<B256> = (1..4).map(|nonce| ledger.sent(0, to, nonce, Bytes::new())).collect();
    assert_eq!((ledger.height(), ledger.pool().status().queued), (1, 3));
    ledger.sent(0, to, 0, Bytes::new());
    assert_eq!(ledger.height(), 5);
    let heights: Vec<u64> = later.iter().map(|hash| ledger.receipt(*hash).unwrap().0).collect();
    assert_eq!(heights, [3, 4, 5]);
}

#[test]
fn on_demand_a_block_takes_everything_that_waits() {
    let ledger = start(DevConfig { mining: Mining::OnDemand, ..DevConfig::default() });
    let to = TxKind::Call(Address::ZERO);
    let hashes: Vec<B256> = (0..3).map(|nonce| ledger.sent(0, to, nonce, Bytes::new())).collect();
    assert_eq!((ledger.height(), ledger.receipt(hashes[0])), (1, None));
    assert_eq!(ledger.mine(BlockPlan::ONE), Ok(2));
    assert!(hashes.iter().all(|hash| ledger.receipt(*hash).unwrap().0 == 2));
    let last = ledger.sent(0, to, 3, Bytes::new());
    assert!(ledger.drop_transaction(last) && !ledger.drop_transaction(last));
    ledger.sent(0, to, 3, Bytes::from_static(&[1]));
    ledger.set_mining(Mining::Instant).unwrap();
    assert_eq!((ledger.height(), ledger.receipt(last)), (3, None));
}

#[test]
fn blocks_come_in_intervals_by_themselves() {
    let ledger = start(DevConfig { mining: Mining::Interval(20), ..DevConfig::default() });
    let ticker = Ticker::start(ledger.clone()).unwrap();
    let begin = Instant::now();
    while ledger.height() < 4 {
        assert!(begin.elapsed() < Duration::from_secs(30), "no blocks come");
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(ticker);
    let height = ledger.height();
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(ledger.height(), height, "the thread has ended");
    assert!(ledger.set_mining(Mining::Interval(0)).is_err());
}

/// What OpenZeppelin's tests of voting do.
#[test]
fn thousands_of_blocks_are_made_in_one_call() {
    let ledger = ledger();
    let begin = ledger.timestamp(1);
    let plan = BlockPlan { blocks: 8_200, interval_s: Some(12), timestamp: None };
    let started = Instant::now();
    assert_eq!(ledger.mine(plan), Ok(8_201));
    println!("8,200 blocks in {:?}", started.elapsed());
    let (second, last) = (ledger.timestamp(2), ledger.timestamp(8_201));
    assert!(second > begin);
    assert_eq!(last, second + 8_199 * 12);
    // Time goes on from there.
    ledger.mine(BlockPlan::ONE).unwrap();
    assert!((last + 1..last + 60).contains(&ledger.timestamp(8_202)));
    let too_many = BlockPlan { blocks: BlockPlan::BLOCKS_MAX + 1, ..BlockPlan::ONE };
    assert!(ledger.mine(too_many).is_err());
}

#[test]
fn time_is_what_the_user_says_and_always_rises() {
    let ledger = ledger();
    let now = machine_time_s();
    let next = |timestamp| NextBlock { timestamp: Some(timestamp), ..NextBlock::default() };
    let refused = ledger.set_next_block(next(ledger.timestamp(1))).unwrap_err().to_string();
    assert!(refused.contains("is lower than or equal to previous block's timestamp"), "{refused}");
    ledger.set_next_block(next(now + 10_000)).unwrap();
    ledger.mine(BlockPlan::ONE).unwrap();
    assert_eq!(ledger.timestamp(2), now + 10_000);
    assert!(ledger.increase_time(86_400).unwrap() >= 96_000);
    ledger.mine(BlockPlan::ONE).unwrap();
    assert!((now + 96_400..now + 96_460).contains(&ledger.timestamp(3)));
    ledger.mine(BlockPlan::ONE).unwrap();
    assert!(ledger.timestamp(4) > ledger.timestamp(3));
    ledger.mine(BlockPlan { timestamp: Some(now + 200_000), ..BlockPlan::ONE }).unwrap();
    assert_eq!(ledger.timestamp(5), now + 200_000);
    assert!(ledger.mine(BlockPlan { timestamp: Some(now), ..BlockPlan::ONE }).is_err());
    assert!(ledger.set_timestamp_interval(Some(u64::MAX)).is_err());
    ledger.set_timestamp_interval(Some(7)).unwrap();
    ledger.mine(BlockPlan::ONE).unwrap();
    assert_eq!(ledger.timestamp(6), now + 200_007);
}

#[test]
fn fields_of_blocks_are_those_set() {
    let ledger = ledger();
    let (beneficiary, prev_randao) = (Address::repeat_byte(7), B256::repeat_byte(9));
    let fields = NextBlock {
        prev_randao: Some(prev_randao),
        gas_limit: Some(1_000_000),
        beneficiary: Some(beneficiary),
        ..NextBlock::default()
    };
    ledger.set_next_block(fields).unwrap();
    ledger.mine(BlockPlan { blocks: 2, ..BlockPlan::ONE }).unwrap();
    let header = |height| ledger.chain().header(height).unwrap().unwrap().0;
    let (next, after) = (header(2), header(3));
    assert_eq!(
        (next.beneficiary, next.mix_hash, next.gas_limit),
        (beneficiary, prev_randao, 1_000_000)
    );
    assert_eq!((after.beneficiary, after.gas_limit), (beneficiary, 1_000_000));
    assert_ne!(after.mix_hash, prev_randao);
    // A transaction with more gas than a block has is refused in geth's words.
    let mut large = transaction(TxKind::Call(Address::ZERO), 0, Bytes::new());
    large.gas_limit = 1_000_001;
    let refused = ledger.submit_now(ledger.signed(0, large)).unwrap_err().to_string();
    assert!(refused.starts_with("exceeds block gas limit"), "{refused}");
    let wrong = NextBlock { gas_limit: Some(1), ..NextBlock::default() };
    assert!(ledger.set_next_block(wrong).is_err());
}

#[test]
fn a_base_fee_is_charged_from_the_next_block_on() {
    let ledger = ledger();
    let to = TxKind::Call(Address::repeat_byte(1));
    ledger.sent(0, to, 0, Bytes::new());
    let rich = ledger.record(ledger.user(0)).unwrap().balance;
    assert_eq!(rich, ledger.config.balance_wei, "free mode charges nothing");
    let fields = NextBlock { base_fee_wei: Some(1_000), ..NextBlock::default() };
    ledger.set_next_block(fields).unwrap();
    let refused = ledger.submit_now(ledger.signed(0, transaction(to, 1, Bytes::new())));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.starts_with("max fee per gas less than block base fee"), "{refused}");
    let mut offered = transaction(to, 1, Bytes::new());
    offered.max_fee_per_gas = 1_500;
    ledger.submit_now(ledger.signed(0, offered)).unwrap();
    let left = ledger.record(ledger.user(0)).unwrap().balance;
    assert_eq!(rich - left, U256::from(21_000u64 * 1_000));
    let rules = |height| ledger.rules(height).unwrap();
    assert_eq!(
        (rules(2).fee_mode, rules(3).fee_mode),
        (types::FeeMode::Free, types::FeeMode::Metered)
    );
    let poor = DevConfig { base_fee_wei: 5, balance_wei: U256::ZERO, ..DevConfig::default() };
    let ledger = start(poor);
    let mut offered = transaction(to, 0, Bytes::new());
    offered.max_fee_per_gas = 5;
    let refused = ledger.submit_now(ledger.signed(0, offered)).unwrap_err().to_string();
    assert!(refused.starts_with("insufficient funds for gas * price + value"), "{refused}");
}

#[test]
fn options_that_make_no_ledger_are_refused() {
    for wrong in [
        DevConfig { gas_limit: 5, ..DevConfig::default() },
        DevConfig { chain_id: 0, ..DevConfig::default() },
        DevConfig { mnemonic: String::new(), ..DevConfig::default() },
        DevConfig { accounts: 1_001, ..DevConfig::default() },
    ] {
        assert!(crate::DevLedger::start(wrong.clone()).is_err(), "{wrong:?}");
    }
}
