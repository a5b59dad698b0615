//! Building and verifying agree; values loaded late or early make no difference.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{Address, Bytes, TxKind, U256};
use proptest::prelude::*;
use types::Transaction;

use super::{super::*, Values};
use crate::testing::{Chain, STORE, call, dynamic, forwarder, genesis, init_code, key};

#[derive(Clone, Debug)]
struct Plan {
    sender: u8,
    nonce: u64,
    action: u8,
    value: u64,
}

fn plan() -> impl Strategy<Value = Plan> {
    (1u8..5, 0u64..4, 0u8..6, 0u64..2_000_000).prop_map(|(sender, nonce, action, value)| Plan {
        sender,
        nonce,
        action,
        value,
    })
}

fn transaction(plan: &Plan, store: Address, forward: Address) -> Arc<Transaction> {
    let sender = key(plan.sender);
    // Key 1 has used two nonces for the contracts.
    let nonce = plan.nonce + if plan.sender == 1 { 2 } else { 0 };
    let word: Bytes = U256::from(plan.value).to_be_bytes::<32>().into();
    match plan.action {
        0 | 1 => {
            let to = TxKind::Call(key(plan.sender % 4 + 1).address);
            sender.sign(dynamic(nonce, to, plan.value, Bytes::new()))
        }
        2 => call(&sender, nonce, store, word),
        3 => call(&sender, nonce, forward, word),
        4 => sender.sign(dynamic(nonce, TxKind::Create, 0, init_code(STORE))),
        _ => call(&sender, nonce, system::validators::ADDRESS, word),
    }
}

fn prepared() -> (Chain, Address, Address) {
    let mut chain = Chain::new(genesis());
    let store = key(1).address.create(0);
    let forward = key(1).address.create(1);
    chain.block(vec![
        key(1).sign(dynamic(0, TxKind::Create, 0, init_code(STORE))),
        key(1).sign(dynamic(1, TxKind::Create, 0, init_code(&forwarder(0xf1, store)))),
    ]);
    (chain, store, forward)
}

/// Executes with the whole state provided before the first step.
fn preloaded(chain: &Chain, transactions: Vec<Arc<Transaction>>, mode: Mode) -> BlockOutcome {
    let number = chain.number + 1;
    let environment = chain.environment(number);
    let mut executor = BlockExecutor::new(environment, chain.rules(number), transactions, mode);
    for (key, value) in &chain.reader.values {
        executor.provide(*key, Some(value.clone()));
    }
    loop {
        match executor.step() {
            Step::Done(outcome) => return *outcome,
            Step::Invalid(invalid) => panic!("{invalid}"),
            Step::Pause => {}
            Step::NeedSource => executor.load_next(Box::new(Values(BTreeMap::new()))),
            Step::NeedState(keys) => {
                for key in keys {
                    assert!(!chain.reader.values.contains_key(&key), "{key:?} was provided");
                    executor.provide(key, None);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn build_equals_verify_and_loading_order_does_not_matter(
        plans in prop::collection::vec(plan(), 0..14)
    ) {
        let (mut chain, store, forward) = prepared();
        let transactions: Vec<_> =
            plans.iter().map(|plan| transaction(plan, store, forward)).collect();
        let mode = Mode::Build(BuildLimits::default());
        let early = preloaded(&chain, transactions.clone(), mode);
        // `block` compares built and verified, and the diff's previous values with the state.
        let built = chain.block(transactions);
        prop_assert_eq!(early, built);
    }
}
