#![allow(clippy::unwrap_used)]

use alloy_primitives::{address, b256};
use alloy_trie::{EMPTY_ROOT_HASH, root::state_root_unhashed, root::storage_root_unhashed};
use proptest::prelude::*;

use super::*;
use crate::Change;

const ALICE: Address = address!("0x00000000000000000000000000000000000000a1");
const BOB: Address = address!("0x00000000000000000000000000000000000000b0");

fn record(nonce: u64, balance: u64) -> AccountRecord {
    AccountRecord { nonce, balance: U256::from(balance), ..AccountRecord::default() }
}

fn diff(values: impl IntoIterator<Item = (StateKey, Option<StateValue>)>) -> StateDiff {
    let changes = values
        .into_iter()
        .map(|(key, current)| (key, Change { previous: None, current }))
        .collect();
    StateDiff { changes, wiped: BTreeSet::new() }
}

fn account(address: Address, nonce: u64, balance: u64) -> (StateKey, Option<StateValue>) {
    (StateKey::Account(address), Some(StateValue::Account(record(nonce, balance))))
}

fn slot(address: Address, slot: u64, value: u64) -> (StateKey, Option<StateValue>) {
    let value = (value != 0).then(|| StateValue::Storage(U256::from(value)));
    (StateKey::Storage(address, U256::from(slot)), value)
}

/// The root as alloy-trie computes it from nothing.
fn recomputed(state: &MptState) -> B256 {
    state_root_unhashed(state.accounts().map(|(address, record, storage)| {
        let slots = storage.iter().map(|(slot, value)| (B256::from(*slot), *value));
        let account = alloy_trie::TrieAccount {
            nonce: record.nonce,
            balance: record.balance,
            storage_root: storage_root_unhashed(slots),
            code_hash: record.code_hash,
        };
        (address, account)
    }))
}

#[test]
fn the_empty_world_has_the_empty_root() {
    assert_eq!(MptState::new().root(), EMPTY_ROOT_HASH);
}

/// A trie of one leaf is that leaf: `rlp([0x20 || keccak256(slot), rlp(value)])`.
#[test]
fn storage_root_of_one_slot_is_ethereums() {
    let mut state = MptState::new();
    state.apply(&diff([account(ALICE, 1, 0), slot(ALICE, 0, 1)])).unwrap();
    let leaf = [&[0xe3, 0xa1, 0x20], &keccak256([0u8; 32])[..], &[0x01]].concat();
    assert_eq!(state.storage_root(ALICE), Some(keccak256(leaf)));
    let known = b256!("0x821e2556a290c86405f8160a2d662042a431ba456b9db265c79bb837c04be5f0");
    assert_eq!(state.storage_root(ALICE), Some(known));
    assert_eq!(state.storage_root(BOB), None);
}

#[test]
fn reads_what_was_applied() {
    let mut state = MptState::new();
    let code = Bytes::from_static(&[0x60, 0x00]);
    let hash = keccak256(&code);
    state
        .apply(&diff([
            account(ALICE, 7, 9),
            slot(ALICE, 3, 4),
            (StateKey::Code(hash), Some(StateValue::Code(code.clone()))),
        ]))
        .unwrap();
    let keys = [
        StateKey::Code(hash),
        StateKey::Account(BOB),
        StateKey::Storage(ALICE, U256::from(3)),
        StateKey::Storage(ALICE, U256::from(4)),
        StateKey::Account(ALICE),
    ];
    let mut reading = Box::pin(state.read_many(&keys));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(values) = reading.as_mut().poll(&mut context) else {
        panic!("reading memory does not wait")
    };
    assert_eq!(
        values.unwrap(),
        [
            Some(StateValue::Code(code)),
            None,
            Some(StateValue::Storage(U256::from(4))),
            None,
            Some(StateValue::Account(record(7, 9))),
        ]
    );
}

#[test]
fn a_wiped_account_keeps_only_what_the_diff_sets() {
    let mut state = MptState::new();
    state.apply(&diff([account(ALICE, 1, 1), slot(ALICE, 1, 1), slot(ALICE, 2, 2)])).unwrap();
    let before = state.clone();
    let mut recreated = diff([account(ALICE, 1, 0), slot(ALICE, 2, 5)]);
    recreated.wiped.insert(ALICE);
    state.apply(&recreated).unwrap();

    let mut expected = MptState::new();
    expected.apply(&diff([account(ALICE, 1, 0), slot(ALICE, 2, 5)])).unwrap();
    assert_eq!(state.root(), expected.root());
    assert_eq!(before.root(), recomputed(&before), "a clone is a snapshot");
    assert_ne!(before.root(), state.root());
}

#[test]
fn an_absent_account_takes_its_storage_with_it() {
    let mut state = MptState::new();
    state.apply(&diff([account(ALICE, 1, 1), slot(ALICE, 1, 1), account(BOB, 0, 1)])).unwrap();
    state.apply(&diff([(StateKey::Account(ALICE), None), slot(ALICE, 1, 0)])).unwrap();
    assert_eq!(state.get(&StateKey::Storage(ALICE, U256::from(1))), None);
    state.apply(&diff([account(ALICE, 0, 5)])).unwrap();
    assert_eq!(state.get(&StateKey::Storage(ALICE, U256::from(1))), None);
    assert_eq!(state.root(), recomputed(&state));
}

/// Before EIP-161 empty accounts are part of the root.
#[test]
fn an_empty_account_is_not_an_absent_one() {
    let mut state = MptState::new();
    state.apply(&diff([account(ALICE, 0, 0)])).unwrap();
    assert_ne!(state.root(), EMPTY_ROOT_HASH);
    state.apply(&diff([(StateKey::Account(ALICE), None)])).unwrap();
    assert_eq!(state.root(), EMPTY_ROOT_HASH);
}

#[test]
fn nonsense_is_refused() {
    let mut state = MptState::new();
    assert!(state.apply(&diff([slot(ALICE, 1, 1)])).is_err());
    let number = StateValue::Storage(U256::from(1));
    assert!(state.set(StateKey::Account(ALICE), Some(number)).is_err());
    assert_eq!(state.root(), EMPTY_ROOT_HASH);
}

/// One random step over few accounts and slots, so that they meet often.
#[derive(Clone, Debug)]
enum Step {
    Account(u8, u64, u64),
    Remove(u8),
    Slot(u8, u8, u64),
    Wipe(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..6, 0u64..3, 0u64..1000).prop_map(|(who, nonce, wei)| Step::Account(who, nonce, wei)),
        1 => (0u8..6).prop_map(Step::Remove),
        6 => (0u8..6, any::<u8>(), prop_oneof![Just(0), 1u64..300, any::<u64>()])
            .prop_map(|(who, slot, value)| Step::Slot(who, slot, value)),
        1 => (0u8..6).prop_map(Step::Wipe),
    ]
}

fn take(state: &mut MptState, step: &Step) {
    let who = |index: u8| Address::with_last_byte(index);
    let diff = match step {
        Step::Account(index, nonce, wei) => diff([account(who(*index), *nonce, *wei)]),
        Step::Remove(index) => diff([(StateKey::Account(who(*index)), None)]),
        Step::Slot(index, key, value) => {
            if state.get(&StateKey::Account(who(*index))).is_none() {
                return;
            }
            diff([slot(who(*index), u64::from(*key), *value)])
        }
        Step::Wipe(index) => {
            StateDiff { wiped: BTreeSet::from([who(*index)]), ..StateDiff::default() }
        }
    };
    state.apply(&diff).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever the way to it, and however often roots were asked for on the way, the root is
    /// that of the contents.
    #[test]
    fn the_root_is_that_of_the_contents(steps in prop::collection::vec(step(), 0..80)) {
        let mut state = MptState::new();
        for (index, step) in steps.iter().enumerate() {
            take(&mut state, step);
            if index % 3 == 0 {
                let _ = state.root();
            }
        }
        prop_assert_eq!(state.root(), recomputed(&state));
    }

    /// The difference of two states leads from one to the other, and back.
    #[test]
    fn a_difference_leads_there_and_back(
        first in prop::collection::vec(step(), 0..60),
        second in prop::collection::vec(step(), 0..20),
    ) {
        let mut before = MptState::new();
        first.iter().for_each(|step| take(&mut before, step));
        let mut after = before.clone();
        second.iter().for_each(|step| take(&mut after, step));

        let mut forwards = before.clone();
        forwards.apply(&before.diff_to(&after)).unwrap();
        prop_assert_eq!(forwards.root(), after.root());
        let mut back = after.clone();
        back.apply(&after.diff_to(&before)).unwrap();
        prop_assert_eq!(back.root(), before.root());
        prop_assert_eq!(before.diff_to(&before), StateDiff::default());
    }

    /// The order in which values arrive does not matter.
    #[test]
    fn the_order_of_values_does_not_matter(
        slots in prop::collection::btree_map((0u8..6, any::<u8>()), 1u64.., 0..60),
        seed in any::<u64>(),
    ) {
        let mut forwards = MptState::new();
        for index in 0..6 {
            forwards.apply(&diff([account(Address::with_last_byte(index), 1, 1)])).unwrap();
        }
        let mut shuffled = forwards.clone();
        let mut values: Vec<_> = slots.iter().map(|((who, key), value)| {
            slot(Address::with_last_byte(*who), u64::from(*key), *value)
        }).collect();
        for value in &values {
            forwards.apply(&diff([value.clone()])).unwrap();
        }
        values.sort_by_key(|(key, _)| keccak256([format!("{key:?}").as_bytes(), &seed.to_be_bytes()].concat()));
        for value in values {
            shuffled.apply(&diff([value])).unwrap();
        }
        prop_assert_eq!(forwards.root(), shuffled.root());
    }
}
