#![allow(clippy::unwrap_used)]

mod activations;
mod contracts;
mod fees;
mod genesis;
mod natives;
mod patterns;
mod properties;
mod work;

use std::sync::{Arc, atomic::Ordering};

use alloy_consensus::{TxEip2930, TxEip7702, TxLegacy};
use alloy_primitives::{Address, TxKind, U256};

use super::*;
use crate::{
    Disposition, DriveError, InvalidTransaction, ValueSource,
    testing::{CHAIN_ID, Chain, call, dynamic, genesis, key},
};

const BOB: Address = Address::repeat_byte(0xb0);

#[test]
fn the_executor_moves_between_threads() {
    fn check<T: Send>() {}
    check::<BlockExecutor>();
    check::<crate::simulate::Simulation>();
}

#[test]
fn all_transaction_types_transfer() {
    let mut chain = Chain::new(genesis());
    let alice = key(1);
    let to = TxKind::Call(BOB);
    let value = U256::from(10);
    let block = chain.block(vec![
        alice.sign(TxLegacy {
            chain_id: Some(CHAIN_ID),
            gas_price: 22_000_000_000,
            gas_limit: 21_000,
            to,
            value,
            ..Default::default()
        }),
        alice.sign(TxEip2930 {
            chain_id: CHAIN_ID,
            nonce: 1,
            gas_limit: 21_000,
            to,
            value,
            ..Default::default()
        }),
        alice.sign(dynamic(2, to, 10, Default::default())),
        alice.sign(TxEip7702 {
            chain_id: CHAIN_ID,
            nonce: 3,
            gas_limit: 100_000,
            to: BOB,
            value,
            authorization_list: vec![key(2).authorize(BOB, 0)],
            ..Default::default()
        }),
    ]);
    assert_eq!(block.included, [0, 1, 2, 3]);
    assert!(block.results.iter().all(|result| result.success));
    let types: Vec<u8> = block.receipts.iter().map(|receipt| receipt.transaction_type).collect();
    assert_eq!(types, [0, 1, 2, 4]);
    assert_eq!(block.results[0].gas_used, 21_000);
    assert_eq!(block.receipts[3].cumulative_gas_used, block.gas_used);
    assert_eq!(chain.reader.balance(BOB), U256::from(40));
    assert_eq!(chain.reader.balance(alice.address), U256::from(1_000_000 - 40));
    assert_eq!(chain.reader.nonce(alice.address), 4);
    let delegation = chain.reader.code(key(2).address).unwrap();
    assert_eq!(delegation[..], [&[0xef, 0x01, 0x00][..], BOB.as_slice()].concat());
    assert_eq!(chain.reader.nonce(key(2).address), 1);
}

#[test]
fn candidates_that_are_not_valid_now_are_left_out_with_a_reason() {
    let mut chain = Chain::new(genesis());
    let alice = key(1);
    let transfer =
        |nonce, value| alice.sign(dynamic(nonce, TxKind::Call(BOB), value, Default::default()));
    chain.block(vec![transfer(0, 1)]);
    let poor = key(5).sign(dynamic(0, TxKind::Call(BOB), 1, Default::default()));
    let block = chain.block(vec![transfer(0, 1), transfer(5, 1), poor, transfer(1, 1)]);
    assert_eq!(block.included, [3]);
    let reasons: Vec<(usize, String, Disposition)> = block
        .rejected
        .iter()
        .map(|rejected| {
            (rejected.index, rejected.reason.to_string(), rejected.reason.disposition())
        })
        .collect();
    assert_eq!(reasons[0].1, "nonce too low: next nonce 1, tx nonce 0");
    assert_eq!(reasons[0].2, Disposition::Stale);
    assert!(reasons[1].1.starts_with("nonce too high: address 0x"));
    assert_eq!(reasons[1].2, Disposition::Keep);
    assert_eq!(
        reasons[2].1,
        "insufficient funds for gas * price + value: balance 0, tx cost 1, overshot 1"
    );
    assert_eq!(reasons[2].2, Disposition::Drop);
}

#[test]
fn verification_names_the_transaction_that_is_not_valid() {
    let chain = Chain::new(genesis());
    let alice = key(1);
    let good = alice.sign(dynamic(0, TxKind::Call(BOB), 1, Default::default()));
    let bad = alice.sign(dynamic(7, TxKind::Call(BOB), 1, Default::default()));
    let error = chain.execute(vec![good, bad], Mode::Verify).unwrap_err();
    assert!(matches!(
        error,
        DriveError::Invalid(InvalidBlock::Transaction {
            index: 1,
            reason: InvalidTransaction::NonceTooHigh { nonce: 7, next: 1, .. }
        })
    ));
}

#[test]
fn gas_beyond_the_block_is_left_out_and_refused() {
    let mut file = genesis();
    file.parameters.block_gas_limit = 1_000_000;
    let mut chain = Chain::new(file);
    let sender =
        |number: u8| key(number).sign(dynamic(0, TxKind::Call(BOB), 0, Default::default()));
    let both = vec![sender(1), sender(2)];
    let error = chain.execute(both.clone(), Mode::Verify).unwrap_err();
    assert_eq!(
        error,
        DriveError::Invalid(InvalidBlock::Gas {
            index: 1,
            gas: 1_000_000,
            remaining: 979_000,
            limit: 1_000_000
        })
    );
    let block = chain.block(both);
    assert_eq!(block.included, [0]);
    assert!(block.rejected.is_empty(), "what does not fit is not invalid");
}

#[test]
fn build_limits_hold() {
    let chain = Chain::new(genesis());
    let transfers: Vec<_> = (1..=3)
        .map(|number| key(number).sign(dynamic(0, TxKind::Call(BOB), 0, Default::default())))
        .collect();
    let bytes = transfers[0].encoded().len() + transfers[1].encoded().len();
    let limits = BuildLimits { transaction_bytes_max: bytes, transactions_max: 10 };
    let built = chain.execute(transfers.clone(), Mode::Build(limits)).unwrap();
    assert_eq!(built.included.len(), 2);
    let limits = BuildLimits { transaction_bytes_max: usize::MAX, transactions_max: 1 };
    let built = chain.execute(transfers, Mode::Build(limits)).unwrap();
    assert_eq!(built.included, [0]);
}

#[test]
fn an_empty_block_changes_only_the_system_contracts() {
    let mut chain = Chain::new(genesis());
    let block = chain.block(vec![]);
    let addresses: Vec<Address> = block
        .diff
        .changes
        .keys()
        .map(|key| match key {
            StateKey::Storage(address, _) => *address,
            other => panic!("unexpected change of {other:?}"),
        })
        .collect();
    assert!(addresses.iter().all(|address| {
        *address == crate::HISTORY_ADDRESS || *address == crate::BEACON_ROOTS_ADDRESS
    }));
    assert_eq!(block.gas_used, 0);
    assert_eq!(
        block.receipts_root,
        alloy_primitives::b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")
    );
}

#[test]
fn few_rounds_of_reading_serve_many_transactions() {
    let mut chain = Chain::new(genesis());
    let store = crate::testing::init_code(crate::testing::STORE);
    chain.block(vec![key(1).sign(dynamic(0, TxKind::Create, 0, store))]);
    chain.block(vec![]);
    let contract = key(1).address.create(0);
    let calls: Vec<_> =
        (2..100u8).map(|number| call(&key(number), 0, contract, [number; 32].into())).collect();
    chain.reader.reads.store(0, Ordering::Relaxed);
    let block = chain.execute(calls, Mode::Build(BuildLimits::default())).unwrap();
    assert_eq!(block.included.len(), 98);
    let rounds = chain.reader.reads.load(Ordering::Relaxed);
    assert!(rounds <= 3, "{rounds} rounds");
}

#[test]
fn a_finished_executor_answers_the_same_again() {
    let chain = Chain::new(genesis());
    let environment = chain.environment(2);
    let mut executor = BlockExecutor::new(
        environment,
        chain.rules(2),
        Vec::<Arc<Transaction>>::new(),
        Mode::Verify,
    );
    let first = loop {
        match executor.step() {
            Step::NeedState(keys) => {
                for key in keys {
                    executor.provide(key, chain.reader.values.get(&key).cloned());
                }
            }
            Step::Done(outcome) => break outcome,
            Step::Invalid(invalid) => panic!("{invalid}"),
            Step::NeedSource | Step::Pause => panic!("there are no transactions"),
        }
    };
    assert!(first.next_validators.is_some());
    let Step::Invalid(said) = executor.step() else { panic!("the outcome is taken twice") };
    assert!(said.to_string().contains("outcome taken"), "{said}");
}

struct Values(std::collections::BTreeMap<StateKey, StateValue>);

impl ValueSource for Values {
    fn value(&mut self, key: StateKey) -> Option<Option<StateValue>> {
        Some(self.0.get(&key).cloned())
    }
}
