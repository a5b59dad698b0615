//! Transactions that are much work cannot make a block more work than its gas allows, nor hold up a
//! proposer.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U256};
use futures::executor::block_on;

use super::{super::*, BOB, Values};
use crate::{
    BuildTime, Disposition, InvalidTransaction, drive,
    testing::{Chain, dynamic, genesis, key},
};

/// Follows the list of slots that begins at call data's first word, to its end.
const FOLLOW: &[u8] = &[0x5f, 0x35, 0x5b, 0x54, 0x80, 0x60, 0x02, 0x57, 0x00];

#[test]
fn reads_that_depend_on_one_another_do_not_repeat_the_transaction_each_time() {
    const LENGTH: u64 = 5_001;
    let list = Address::repeat_byte(0x11);
    let mut file = genesis();
    let storage = (1..LENGTH).map(|slot| (U256::from(slot), U256::from(slot + 1))).collect();
    let account = types::AllocatedAccount { code: FOLLOW.into(), storage, ..Default::default() };
    file.allocation.insert(list, account);
    let chain = Chain::new(file);
    for gas_limit in [900_000, 30_000_000] {
        let start = U256::from(LENGTH - gas_limit / 6_000).to_be_bytes::<32>();
        let transaction =
            TxEip1559 { gas_limit, ..dynamic(0, TxKind::Call(list), 0, start.into()) };
        let transactions = vec![key(1).sign(transaction)];
        let driven = chain.execute(transactions.clone(), Mode::Verify).unwrap();
        let mut rounds = 0;
        let mut loads = 0;
        let (environment, rules) = (chain.environment(2), chain.rules(2));
        let mut executor = BlockExecutor::new(environment, rules, transactions, Mode::Verify);
        let outcome = loop {
            match executor.step() {
                Step::NeedState(keys) => {
                    rounds += 1;
                    for key in keys {
                        executor.provide(key, chain.reader.values.get(&key).cloned());
                    }
                }
                Step::NeedSource => {
                    loads += 1;
                    executor.load_next(Box::new(Values(chain.reader.values.clone())));
                }
                Step::Pause => {}
                Step::Done(outcome) => break outcome,
                Step::Invalid(invalid) => panic!("{invalid}"),
            }
        };
        assert!(outcome.results[0].success);
        assert!(outcome.gas_used > 21_000 + gas_limit / 6_000 * 2_100);
        assert!(rounds < 10, "{rounds} rounds");
        assert_eq!(loads, 1);
        assert_eq!(*outcome, driven);
    }
}

/// A clock that moves by one second whenever it is read.
struct Slow(std::sync::atomic::AtomicU64);

impl crate::Workers for Slow {
    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        work()
    }
}

fn built_by(chain: &Chain, transactions: Vec<Arc<Transaction>>, time: BuildTime) -> BlockOutcome {
    let mode = Mode::Build(BuildLimits::default());
    let executor = BlockExecutor::new(chain.environment(2), chain.rules(2), transactions, mode);
    let slow = Slow(Default::default());
    block_on(drive(executor, &chain.reader, &slow, Some(time))).unwrap()
}

#[test]
fn a_large_transaction_that_takes_too_long_is_left_out_and_named() {
    let chain = Chain::new(genesis());
    let large = TxEip1559 { gas_limit: 2_000_000, ..dynamic(0, TxKind::Call(BOB), 0, [].into()) };
    let small = dynamic(0, TxKind::Call(BOB), 0, [].into());
    let transactions = vec![key(1).sign(large), key(2).sign(small)];
    let block = Duration::from_secs(100);
    let time = BuildTime { block, transaction: Duration::from_millis(900) };
    let outcome = built_by(&chain, transactions.clone(), time);
    assert_eq!(outcome.included, [1]);
    let reason = InvalidTransaction::TooSlow { took_ms: 1_000, limit_ms: 900 };
    assert_eq!(reason.disposition(), Disposition::Drop);
    assert_eq!(outcome.rejected, [Rejected { index: 0, reason }]);
    let patient = BuildTime { block, transaction: Duration::from_millis(1_000) };
    assert_eq!(built_by(&chain, transactions, patient).included, [0, 1]);
}

#[test]
fn a_block_ends_when_its_time_is_over() {
    let chain = Chain::new(genesis());
    let large = |number: u8| {
        let transaction =
            TxEip1559 { gas_limit: 2_000_000, ..dynamic(0, TxKind::Call(BOB), 0, [].into()) };
        key(number).sign(transaction)
    };
    let transactions: Vec<_> = (1..=6).map(large).collect();
    let built: Vec<usize> = (0..40)
        .map(|seconds| {
            let block = Duration::from_secs(seconds);
            let time = BuildTime { block, transaction: Duration::from_secs(2) };
            let outcome = built_by(&chain, transactions.clone(), time);
            assert!(outcome.rejected.is_empty(), "they wait for the next block");
            outcome.included.len()
        })
        .collect();
    assert_eq!((built[0], built[39]), (1, 6), "the first is never left out");
    assert!(built.is_sorted() && built.contains(&3), "{built:?}");
    assert_eq!(chain.execute(transactions, Mode::Verify).unwrap().included.len(), 6);
}

/// 12,288 rounds of a loop, 26 gas each; then as [`FOLLOW`].
const BURN_AND_FOLLOW: &[u8] = &[
    0x62, 0x00, 0x30, 0x00, 0x5b, 0x60, 0x01, 0x90, 0x03, 0x80, 0x60, 0x04, 0x57, 0x50, 0x5f, 0x35,
    0x5b, 0x54, 0x80, 0x60, 0x10, 0x57, 0x00,
];

#[test]
fn trials_have_a_bound_of_their_own() {
    const LENGTH: u64 = 100;
    let list = Address::repeat_byte(0x11);
    let mut file = genesis();
    file.parameters.block_gas_limit = 1_000_000;
    let storage = (1..LENGTH).map(|slot| (U256::from(slot), U256::from(slot + 1))).collect();
    let account =
        types::AllocatedAccount { code: BURN_AND_FOLLOW.into(), storage, ..Default::default() };
    file.allocation.insert(list, account);
    let chain = Chain::new(file);
    // All read the same list from different places, so that every trial is a wrong guess.
    let calls: Vec<_> = (0..20)
        .map(|nonce| {
            let start = U256::from(LENGTH - 10 - nonce).to_be_bytes::<32>().into();
            let to = TxKind::Call(list);
            key(1).sign(TxEip1559 { gas_limit: 450_000, ..dynamic(nonce, to, 0, start) })
        })
        .collect();
    let (environment, rules) = (chain.environment(2), chain.rules(2));
    let mode = Mode::Build(BuildLimits::default());
    let mut executor = BlockExecutor::new(environment, rules, calls, mode);
    let outcome = loop {
        match executor.step() {
            Step::NeedState(keys) => {
                for key in keys {
                    executor.provide(key, chain.reader.values.get(&key).cloned());
                }
            }
            Step::NeedSource => executor.load_next(Box::new(Values(chain.reader.values.clone()))),
            Step::Pause => {}
            Step::Done(outcome) => break outcome,
            Step::Invalid(invalid) => panic!("{invalid}"),
        }
    };
    assert_eq!(outcome.included.len(), 2, "more do not fit");
    let gas = executor.progress.tries.gas();
    // 20 candidates, 4 trials, 0.36 M gas: without the bound 29 M.
    assert!((4_000_000..4_450_000).contains(&gas), "{gas} gas");
}
