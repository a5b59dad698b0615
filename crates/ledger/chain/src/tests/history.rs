//! Old values against a model that keeps the whole state of every height.

use std::collections::BTreeMap;

use alloy_primitives::{Bytes, KECCAK256_EMPTY, U256};
use proptest::prelude::*;
use state::{AccountRecord, Change, StateDiff, StateKey, StateValue};

use super::fixture::{address, open, word};
use crate::{ChainError, ChainOptions, ChainStore, OldValue};

type World = BTreeMap<StateKey, StateValue>;

fn keys() -> Vec<StateKey> {
    vec![
        StateKey::Account(address(1)),
        StateKey::Account(address(2)),
        StateKey::Storage(address(1), U256::ZERO),
        StateKey::Storage(address(1), U256::MAX),
        StateKey::Storage(address(2), U256::ZERO),
        StateKey::Code(word(1)),
    ]
}

/// A value of the kind that `key` holds, absent for 0.
fn value(key: &StateKey, number: u64) -> Option<StateValue> {
    let code_hash = if number.is_multiple_of(2) { KECCAK256_EMPTY } else { word(number) };
    let balance = if number > 3 { U256::MAX } else { U256::from(number) };
    (number > 0).then(|| match key {
        StateKey::Account(_) => {
            StateValue::Account(AccountRecord { nonce: number, balance, code_hash })
        }
        StateKey::Storage(..) => StateValue::Storage(balance),
        StateKey::Code(_) => StateValue::Code(Bytes::from(vec![number as u8; 3])),
    })
}

/// Applies the writes and says what changed.
fn apply(world: &mut World, writes: &[(usize, u64)]) -> StateDiff {
    let before = world.clone();
    for (key, number) in writes {
        let key = keys()[*key];
        match value(&key, *number) {
            Some(value) => world.insert(key, value),
            None => world.remove(&key),
        };
    }
    let changed = |key: &StateKey| before.get(key) != world.get(key);
    let changes = keys().into_iter().filter(changed).map(|key| {
        let change =
            Change { previous: before.get(&key).cloned(), current: world.get(&key).cloned() };
        (key, change)
    });
    StateDiff { changes: changes.collect(), ..StateDiff::default() }
}

/// Worlds after heights 0, 1, 2 … of the given blocks, recorded in `store`.
fn record(store: &ChainStore, blocks: &[Vec<(usize, u64)>]) -> Vec<World> {
    let mut world = World::new();
    let mut worlds = vec![world.clone()];
    for (height, writes) in (1..).zip(blocks) {
        let diff = apply(&mut world, writes);
        store.append_history(height, &diff).unwrap();
        store.append_history(height, &diff).unwrap();
        worlds.push(world.clone());
    }
    worlds
}

/// As a reader would: current value, replaced by what the history knows.
fn read(store: &ChainStore, now: &World, key: &StateKey, height: u64) -> Option<StateValue> {
    match store.value_after(key, height).unwrap() {
        OldValue::Unchanged => now.get(key).cloned(),
        OldValue::Was(value) => value,
    }
}

fn check_from(store: &ChainStore, worlds: &[World], oldest: u64) {
    let now = worlds.last().unwrap();
    for (height, world) in (0..).zip(worlds).skip(oldest as usize) {
        for key in keys() {
            assert_eq!(
                read(store, now, &key, height),
                world.get(&key).cloned(),
                "{key:?} {height}"
            );
        }
    }
}

/// Every slot that changed above `oldest` is listed, and the list is whole just where there was no
/// account then.
fn check_slots(store: &ChainStore, worlds: &[World], oldest: u64) {
    let first = &worlds[oldest as usize];
    for account in [1, 2].map(address) {
        let found = store.changed_slots(account, 3).unwrap();
        let changed = |slot: &U256| {
            let value = |world: &World| world.get(&StateKey::Storage(account, *slot)).cloned();
            worlds.iter().skip(oldest as usize).any(|world| value(world) != value(first))
        };
        let slots: Vec<_> = [U256::ZERO, U256::MAX].into_iter().filter(changed).collect();
        assert!(slots.iter().all(|slot| found.slots.contains(slot)), "{slots:?} {found:?}");
        assert!(found.slots.is_sorted_by(|a, b| a < b));
        let changes = worlds.windows(2).map(|pair| {
            let of = |world: &World| world.get(&StateKey::Account(account)).cloned();
            (of(&pair[0]), of(&pair[1]))
        });
        let mut after = changes.skip(oldest as usize).filter(|(before, after)| before != after);
        let absent = after.next().is_some_and(|(before, _)| before.is_none());
        assert_eq!(found.all, oldest == 0 || absent);
        let fewer = store.changed_slots(account, found.slots.len()).unwrap();
        assert_eq!((fewer.slots, fewer.all), (found.slots, false));
    }
}

fn writes() -> impl Strategy<Value = Vec<Vec<(usize, u64)>>> {
    let block = prop::collection::vec((0..keys().len(), 0..6u64), 0..5);
    prop::collection::vec(block, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_height_reads_as_the_model(blocks in writes()) {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let worlds = record(&store, &blocks);
        check_from(&store, &worlds, 0);
        drop(store);
        check_from(&open(folder.path()), &worlds, 0);
    }

    #[test]
    fn a_window_answers_inside_and_refuses_outside(blocks in writes(), window in 0..12u64) {
        let folder = tempfile::tempdir().unwrap();
        let options = ChainOptions { history_blocks: Some(window), retained_blocks: None };
        let store = ChainStore::open(folder.path(), options).unwrap();
        let worlds = record(&store, &blocks);
        store.persist().unwrap();
        store.tables.history.rotate_memtable_and_wait().unwrap();
        store.tables.history.major_compact().unwrap();
        let head = blocks.len() as u64;
        let oldest = head.saturating_sub(window + 1);
        prop_assert_eq!(store.oldest_state(), oldest);
        check_from(&store, &worlds, oldest);
        check_slots(&store, &worlds, oldest);
        for height in 0..oldest {
            let error = store.value_after(&keys()[0], height).unwrap_err();
            let pruned = matches!(error, ChainError::Pruned { oldest: o, .. } if o == oldest);
            prop_assert!(pruned, "{}", error);
        }
    }
}

pub fn one_change(height: u64) -> StateDiff {
    let key = StateKey::Storage(address(1), U256::ZERO);
    let previous = value(&key, height - 1);
    let change = Change { previous, current: value(&key, height) };
    StateDiff { changes: [(key, change)].into(), ..StateDiff::default() }
}

#[test]
fn entries_outside_the_window_leave_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let options = ChainOptions { history_blocks: Some(10), retained_blocks: None };
    let store = ChainStore::open(folder.path(), options).unwrap();
    for height in 1..=500 {
        store.append_history(height, &one_change(height)).unwrap();
    }
    let history = &store.tables.history;
    history.rotate_memtable_and_wait().unwrap();
    history.major_compact().unwrap();
    assert_eq!(history.len().unwrap(), 500 + 1, "nothing goes before the window is on the medium");
    store.persist().unwrap();
    history.major_compact().unwrap();
    assert_eq!(history.len().unwrap(), 11 + 1);
}

#[test]
fn a_larger_window_cannot_bring_back_what_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let open = |history_blocks| {
        let options = ChainOptions { history_blocks, retained_blocks: None };
        ChainStore::open(folder.path(), options).unwrap()
    };
    let store = open(Some(5));
    (1..=20).for_each(|height| store.append_history(height, &one_change(height)).unwrap());
    assert_eq!(store.oldest_state(), 14);
    drop(store);
    let store = open(None);
    (21..=40).for_each(|height| store.append_history(height, &one_change(height)).unwrap());
    assert_eq!(store.oldest_state(), 14);
    drop(store);
    let store = open(Some(3));
    store.append_history(41, &one_change(41)).unwrap();
    assert_eq!(store.oldest_state(), 37);
}

#[test]
fn history_starts_anywhere_and_has_no_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.append_history(50, &one_change(50)).unwrap();
    assert_eq!((store.oldest_state(), store.history_head()), (49, Some(50)));
    let error = store.append_history(52, &one_change(52)).unwrap_err();
    assert!(matches!(error, ChainError::Gap { next: 51, offered: 52 }), "{error}");
    let key = StateKey::Storage(address(1), U256::ZERO);
    let error = store.value_after(&key, 48).unwrap_err();
    assert!(matches!(error, ChainError::Pruned { height: 48, oldest: 49 }), "{error}");
    assert_eq!(store.value_after(&key, 49).unwrap(), OldValue::Was(value(&key, 49)));
    assert_eq!(store.value_after(&key, 50).unwrap(), OldValue::Unchanged);
    assert_eq!(store.value_after(&key, u64::MAX).unwrap(), OldValue::Unchanged);
}

#[test]
fn a_wiped_storage_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let diff = StateDiff { wiped: [address(1)].into(), ..StateDiff::default() };
    let error = store.append_history(1, &diff).unwrap_err();
    assert!(matches!(error, ChainError::WipedStorage { height: 1 }), "{error}");
}

/// What [`one_change`] overwrote at `height`.
pub fn apply_change(height: u64) -> Option<StateValue> {
    one_change(height).changes.into_values().next().unwrap().previous
}
