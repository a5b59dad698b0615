//! Random operations against a model that recomputes everything.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, LazyLock},
};

use alloy_primitives::{Address, B256};
use proptest::prelude::*;
use types::Transaction;

use super::fixtures::{Offer, account, free_pool, sender};
use crate::{Inserted, Order, Origin::Local, Pool, PoolConfig, Refusal};

const SENDERS: u8 = 3;
const NONCES: u64 = 10;
const GAP_MAX: u64 = 3;

/// All transactions of the test, signed once: two fee levels of each nonce.
static SIGNED: LazyLock<BTreeMap<(u8, u64, bool), Arc<Transaction>>> = LazyLock::new(|| {
    let mut signed = BTreeMap::new();
    for from in 1..=SENDERS {
        for nonce in 0..NONCES {
            for raised in [false, true] {
                let fee = if raised { 110 } else { 100 };
                let offer = Offer { fee, tip: fee, ..Offer::new(from, nonce) };
                signed.insert((from, nonce, raised), offer.signed());
            }
        }
    }
    signed
});

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u64, bool),
    Final(u8, u64),
    Drop(u8, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (1..=SENDERS, 0..NONCES, any::<bool>())
            .prop_map(|(from, nonce, raised)| Step::Insert(from, nonce, raised)),
        1 => (1..=SENDERS, 0..NONCES).prop_map(|(from, nonce)| Step::Final(from, nonce)),
        1 => (1..=SENDERS, 0..NONCES).prop_map(|(from, nonce)| Step::Drop(from, nonce)),
    ];
    proptest::collection::vec(step, 1..80)
}

#[derive(Default)]
struct Model {
    /// Next nonce and held fee levels of each sender.
    senders: BTreeMap<u8, (u64, BTreeMap<u64, bool>)>,
}

impl Model {
    fn end(&self, from: u8) -> u64 {
        let Some((state, held)) = self.senders.get(&from) else {
            return 0;
        };
        (*state..).find(|nonce| !held.contains_key(nonce)).unwrap()
    }

    fn insert(&mut self, from: u8, nonce: u64, raised: bool) -> Result<Inserted, &'static str> {
        let end = self.end(from);
        let (state, held) = self.senders.entry(from).or_default();
        match held.get(&nonce) {
            _ if nonce < *state => return Err("POOL-0002"),
            Some(present) if *present == raised => return Err("POOL-0001"),
            Some(true) => return Err("POOL-0004"),
            None if nonce > end + GAP_MAX => return Err("POOL-0003"),
            _ => {}
        }
        held.insert(nonce, raised);
        Ok(if nonce <= end { Inserted::Executable } else { Inserted::Queued })
    }

    fn advance(&mut self, from: u8, next: u64) {
        let (state, held) = self.senders.entry(from).or_default();
        *state = (*state).max(next);
        *held = held.split_off(state);
    }

    fn executable(&self) -> HashSet<B256> {
        let mut hashes = HashSet::new();
        for (from, (state, held)) in &self.senders {
            for nonce in *state..self.end(*from) {
                hashes.insert(SIGNED[&(*from, nonce, held[&nonce])].hash());
            }
        }
        hashes
    }

    fn count(&self) -> usize {
        self.senders.values().map(|(_, held)| held.len()).sum()
    }
}

fn select(pool: &Pool, nonces: &BTreeMap<Address, u64>) -> Vec<Arc<Transaction>> {
    pool.select(&HashSet::new(), nonces, u64::MAX, usize::MAX, usize::MAX, Order::Arrival)
}

/// Nonces of each sender without gap from `start` on.
fn check_nonce_order(selected: &[Arc<Transaction>], start: impl Fn(Address) -> u64) {
    let mut next: BTreeMap<Address, u64> = BTreeMap::new();
    for transaction in selected {
        let from = transaction.sender();
        let expected = next.entry(from).or_insert_with(|| start(from));
        assert_eq!(transaction.nonce(), *expected);
        *expected += 1;
    }
}

fn apply(pool: &Pool, step: &Step, height: u64) -> Option<Result<Inserted, Refusal>> {
    match *step {
        Step::Insert(from, nonce, raised) => {
            let transaction = SIGNED[&(from, nonce, raised)].clone();
            return Some(pool.insert(transaction, account(0), Local));
        }
        Step::Final(from, nonce) => {
            let hash = SIGNED[&(from, nonce, false)].hash();
            pool.on_final(height, &[(sender(from), nonce, hash)]);
        }
        Step::Drop(from, nonce) => {
            for raised in [false, true] {
                pool.drop_invalid(SIGNED[&(from, nonce, raised)].hash(), "test");
            }
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn pool_does_what_the_model_does(steps in steps()) {
        let pool = free_pool(PoolConfig { nonce_gap_max: GAP_MAX, ..PoolConfig::default() });
        let mut model = Model::default();
        for (height, step) in steps.iter().enumerate() {
            let result = apply(&pool, step, height as u64);
            match *step {
                Step::Insert(from, nonce, raised) => {
                    let expected = model.insert(from, nonce, raised);
                    let found = result.unwrap().map_err(|refusal| refusal.code());
                    prop_assert_eq!(found, expected, "{:?}", step);
                }
                Step::Final(from, nonce) => model.advance(from, nonce + 1),
                Step::Drop(from, nonce) => {
                    model.senders.entry(from).or_default().1.remove(&nonce);
                }
            }
            pool.check_invariants();
            let selected = select(&pool, &BTreeMap::new());
            let hashes: HashSet<B256> = selected.iter().map(|held| held.hash()).collect();
            prop_assert_eq!(hashes.len(), selected.len());
            prop_assert_eq!(&hashes, &model.executable());
            let status = pool.status();
            prop_assert_eq!(status.executable, hashes.len());
            prop_assert_eq!(status.executable + status.queued, model.count());
            let starts: BTreeMap<Address, u64> = (1..=SENDERS)
                .map(|from| (sender(from), model.senders.get(&from).map_or(0, |held| held.0)))
                .collect();
            check_nonce_order(&selected, |from| starts[&from]);
            let later = starts.iter().map(|(from, start)| (*from, start + 1)).collect();
            check_nonce_order(&select(&pool, &later), |from| later[&from]);
            for from in 1..=SENDERS {
                let start = starts[&sender(from)];
                prop_assert_eq!(pool.pending_nonce(sender(from), start), model.end(from).max(start));
            }
        }
    }

    #[test]
    fn a_full_pool_never_loses_an_executable_one(steps in steps()) {
        let pool = free_pool(PoolConfig {
            nonce_gap_max: GAP_MAX,
            transactions_max: 7,
            lane_transactions_max: 5,
            sender_share_max: 4,
            ..PoolConfig::default()
        });
        for (height, step) in steps.iter().enumerate() {
            let before = select(&pool, &BTreeMap::new());
            let result = apply(&pool, step, height as u64);
            pool.check_invariants();
            if let Step::Insert(from, nonce, _) = *step {
                let replaced = (sender(from), nonce);
                for held in before {
                    let same = (held.sender(), held.nonce()) == replaced;
                    prop_assert!(pool.contains(&held.hash()) || (same && result == Some(Ok(Inserted::Executable))));
                }
            }
            check_nonce_order(&select(&pool, &BTreeMap::new()), |from| {
                let content = pool.content_from(from);
                content.executable.first().map_or(0, |first| first.nonce())
            });
        }
    }
}
