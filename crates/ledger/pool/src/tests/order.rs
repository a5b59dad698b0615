use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use alloy_primitives::{Address, B256};
use futures::{FutureExt as _, StreamExt as _};
use types::{FeeMode, Transaction};

use super::fixtures::{Offer, account, free_pool, plain, rules, sender};
use crate::{
    LARGE_GAS, Order,
    Origin::{Local, Peer},
    Pool, PoolConfig, SUBSCRIPTION_ITEMS_MAX,
};

fn nothing() -> (HashSet<B256>, BTreeMap<Address, u64>) {
    Default::default()
}

fn all(pool: &Pool) -> Vec<Arc<Transaction>> {
    let (excluded, nonces) = nothing();
    pool.select(&excluded, &nonces, u64::MAX, usize::MAX, usize::MAX, Order::Arrival)
}

#[test]
fn free_mode_keeps_the_order_of_arrival() {
    let pool = free_pool(PoolConfig::default());
    let order = [plain(1, 0), plain(2, 0), plain(1, 1), plain(3, 0), plain(2, 1)];
    for transaction in &order {
        pool.insert(transaction.clone(), None, Local).unwrap();
    }
    assert_eq!(all(&pool), order);
}

#[test]
fn large_transactions_are_tried_last_where_nobody_pays_for_a_place() {
    let large = |from, nonce| Offer { gas: LARGE_GAS + 1, fee: 1_000, ..Offer::new(from, nonce) };
    let arrivals = |pool: &Pool| {
        let order = [
            large(1, 0).signed(),
            large(2, 0).signed(),
            plain(1, 1),
            plain(3, 0),
            Offer { gas: LARGE_GAS, ..Offer::new(4, 0) }.signed(),
            plain(2, 1),
            plain(3, 1),
        ];
        for transaction in &order {
            pool.insert(transaction.clone(), None, Local).unwrap();
        }
        order
    };
    let chosen = |pool: &Pool, count| {
        let (excluded, nonces) = nothing();
        pool.select(&excluded, &nonces, u64::MAX, usize::MAX, count, Order::LargeLast)
    };
    let pool = free_pool(PoolConfig::default());
    let order = arrivals(&pool);
    let expected = [3, 4, 6, 0, 1, 2, 5].map(|index: usize| order[index].clone());
    assert_eq!(chosen(&pool, usize::MAX), expected);
    assert_eq!(chosen(&pool, 2), expected[..2]);
    assert_eq!(all(&pool), order);
}

#[test]
fn metered_mode_prefers_tips_but_keeps_nonces_in_order() {
    let pool = Pool::new(PoolConfig::default(), rules(FeeMode::Metered));
    let offer = |from, nonce, tip| {
        Offer { fee: 1_000, tip, gas: 30_000, ..Offer::new(from, nonce) }.signed()
    };
    let rich = state::AccountRecord {
        balance: alloy_primitives::U256::from(u64::MAX),
        ..Default::default()
    };
    let low = offer(1, 0, 1);
    let high_behind_low = offer(1, 1, 500);
    let middle = offer(2, 0, 50);
    let middle_later = offer(3, 0, 50);
    for transaction in [&low, &high_behind_low, &middle, &middle_later] {
        pool.insert(Arc::clone(transaction), Some(rich), Local).unwrap();
    }
    assert_eq!(all(&pool), [middle, middle_later, low, high_behind_low]);
}

#[test]
fn ancestors_are_left_out() {
    let pool = free_pool(PoolConfig::default());
    let held: Vec<_> = (0..4).map(|nonce| plain(1, nonce)).collect();
    for transaction in &held {
        pool.insert(transaction.clone(), None, Local).unwrap();
    }
    let excluded: HashSet<B256> = held[..2].iter().map(|held| held.hash()).collect();
    let nonces = BTreeMap::from([(sender(1), 2)]);
    let select = |excluded: &HashSet<B256>, nonces: &BTreeMap<Address, u64>| {
        pool.select(excluded, nonces, u64::MAX, usize::MAX, usize::MAX, Order::Arrival)
    };
    assert_eq!(select(&excluded, &nonces), held[2..]);
    assert_eq!(select(&excluded, &BTreeMap::new()), held[2..]);
    assert_eq!(select(&HashSet::new(), &nonces), held[2..]);
    assert!(pool.has_executable(&excluded, &nonces));
    let all: HashSet<B256> = held.iter().map(|held| held.hash()).collect();
    assert!(!pool.has_executable(&all, &BTreeMap::from([(sender(1), 4)])));
    // An ancestor holds nonce 4, which this pool never saw; nonce 5 follows it.
    pool.insert(plain(1, 5), None, Local).unwrap();
    assert_eq!(select(&all, &BTreeMap::from([(sender(1), 5)])), [plain(1, 5)]);
}

#[test]
fn selection_keeps_within_gas_bytes_and_count() {
    let pool = free_pool(PoolConfig::default());
    let greedy = Offer { gas: 50_000_000, ..Offer::new(1, 0) }.signed();
    let behind = plain(1, 1);
    let (small, last) = (plain(2, 0), plain(3, 0));
    for transaction in [&greedy, &behind, &small, &last] {
        pool.insert(Arc::clone(transaction), None, Local).unwrap();
    }
    let (excluded, nonces) = nothing();
    let gas = pool.select(&excluded, &nonces, 2_000_000, usize::MAX, 9, Order::Arrival);
    assert_eq!(gas, [small.clone(), last.clone()]);
    let count = pool.select(&excluded, &nonces, u64::MAX, usize::MAX, 2, Order::Arrival);
    assert_eq!(count, [greedy.clone(), behind]);
    let bytes =
        pool.select(&excluded, &nonces, u64::MAX, greedy.encoded().len(), 9, Order::Arrival);
    assert_eq!(bytes.len(), 1);
    assert!(pool.select(&excluded, &nonces, u64::MAX, usize::MAX, 0, Order::Arrival).is_empty());
}

#[test]
fn final_blocks_remove_included_and_stale_ones_and_promote() {
    let pool = free_pool(PoolConfig::default());
    let held: Vec<_> = [0, 1, 3].map(|nonce| plain(1, nonce)).into();
    for transaction in &held {
        pool.insert(transaction.clone(), None, Local).unwrap();
    }
    let mut news = pool.subscribe();
    // Nonce 2 came through another node; this pool never saw it.
    for _ in 0..2 {
        pool.on_final(9, &[(sender(1), 2, B256::repeat_byte(2))]);
        assert_eq!(all(&pool), held[2..]);
        pool.check_invariants();
    }
    assert_eq!(news.next().now_or_never().flatten(), Some(held[2].hash()));
    assert_eq!(pool.pending_nonce(sender(1), 3), 4);
    pool.on_account(sender(1), 4);
    assert_eq!(pool.status(), Default::default());
    assert_eq!(pool.pending_nonce(sender(1), 4), 4);
    pool.check_invariants();
}

#[test]
fn pending_nonce_counts_executable_ones() {
    let pool = free_pool(PoolConfig::default());
    for nonce in [5, 6, 8] {
        pool.insert(plain(1, nonce), account(5), Local).unwrap();
    }
    assert_eq!(pool.pending_nonce(sender(1), 5), 7);
    assert_eq!(pool.pending_nonce(sender(1), 8), 9, "the state may be ahead of the pool");
    assert_eq!(pool.pending_nonce(sender(2), 3), 3);
}

#[test]
fn waiting_for_work() {
    let pool = free_pool(PoolConfig::default());
    let (excluded, nonces) = nothing();
    let mut waiting = Box::pin(pool.wait_for_work(&excluded, &nonces));
    assert!((&mut waiting).now_or_never().is_none());
    pool.insert(plain(1, 1), None, Local).unwrap();
    assert!((&mut waiting).now_or_never().is_none(), "a gapped one is no work");
    pool.insert(plain(1, 0), None, Local).unwrap();
    assert!(waiting.now_or_never().is_some());
    assert!(pool.wait_for_work(&excluded, &nonces).now_or_never().is_some());
    let excluded = all(&pool).iter().map(|held| held.hash()).collect();
    let nonces = BTreeMap::from([(sender(1), 2)]);
    assert!(pool.wait_for_work(&excluded, &nonces).now_or_never().is_none());
}

#[test]
fn a_slow_subscriber_misses_items_and_blocks_nobody() {
    let pool = free_pool(PoolConfig::default());
    let (slow, gone) = (pool.subscribe(), pool.subscribe());
    drop(gone);
    let transaction = plain(1, 0);
    let hash = transaction.hash();
    for _ in 0..SUBSCRIPTION_ITEMS_MAX + 10 {
        // The same one again and again: it becomes executable without a new signature.
        pool.insert(transaction.clone(), None, Local).unwrap();
        pool.drop_invalid(hash, "test");
    }
    let items: Vec<B256> = slow.take(SUBSCRIPTION_ITEMS_MAX).collect().now_or_never().unwrap();
    assert_eq!(items.len(), SUBSCRIPTION_ITEMS_MAX);
}

#[test]
fn only_local_submissions_are_announced_at_once() {
    let pool = free_pool(PoolConfig::default());
    pool.insert(plain(1, 0), None, Peer).unwrap();
    assert!(pool.take_unannounced(9).is_empty());
    let local = plain(2, 1);
    pool.insert(local.clone(), None, Local).unwrap();
    assert!(pool.wait_for_unannounced().now_or_never().is_some());
    assert_eq!(pool.take_unannounced(9), [local]);
    assert!(pool.take_unannounced(9).is_empty());
    let (again, next) = pool.executable_arrivals(0, pool.next_arrival(), 9);
    assert_eq!((again, next), (vec![plain(1, 0)], 2), "gapped ones are not announced again");
}
