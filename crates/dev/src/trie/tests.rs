#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use alloy_trie::{HashBuilder, Nibbles, proof::verify_proof};
use proptest::prelude::*;

use super::*;

impl LeafValue for Vec<u8> {
    fn encoded(&self) -> Vec<u8> {
        self.clone()
    }
}

/// The root as alloy-trie computes it from nothing.
fn recomputed(entries: &BTreeMap<B256, Vec<u8>>) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in entries {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    builder.root()
}

/// Keys with long common prefixes, so that every kind of node comes up.
fn key(number: u16) -> B256 {
    let mut key = B256::ZERO;
    key[1] = (number >> 12) as u8;
    key[15] = ((number >> 8) & 0x0f) as u8;
    key[31] = (number & 0xff) as u8;
    key
}

#[test]
fn a_trie_without_entries_has_the_empty_root() {
    assert_eq!(Trie::<Vec<u8>>::default().root(), EMPTY_ROOT);
    assert_eq!(EMPTY_ROOT, keccak256([0x80]));
    assert!(Trie::<Vec<u8>>::default().proof(B256::ZERO).is_empty());
}

#[test]
fn a_version_stays_what_it_was() {
    let mut trie = Trie::<Vec<u8>>::default();
    trie.insert(key(1), vec![1]);
    let (old, root) = (trie.clone(), trie.root());
    trie.insert(key(2), vec![2]);
    trie.remove(key(1));
    assert_eq!((old.root(), old.get(key(1))), (root, Some(&vec![1])));
    assert_eq!((trie.get(key(1)), trie.get(key(2))), (None, Some(&vec![2])));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is set and removed in whatever order: root and proofs, of presence and of absence,
    /// are what alloy-trie computes and accepts.
    #[test]
    fn roots_and_proofs_are_alloy_tries(
        steps in prop::collection::vec((any::<u16>(), prop::option::of(1u8..60)), 1..120),
        asked in prop::collection::vec(any::<u16>(), 1..20),
    ) {
        let mut trie = Trie::<Vec<u8>>::default();
        let mut entries = BTreeMap::new();
        for (number, length) in &steps {
            // Half of the numbers fall together, so that removals find something.
            let key = key(number & 0x31ff);
            match length {
                Some(length) => {
                    let value = vec![0x81; usize::from(*length)];
                    trie.insert(key, value.clone());
                    entries.insert(key, value);
                }
                None => {
                    trie.remove(key);
                    entries.remove(&key);
                }
            }
        }
        let root = trie.root();
        prop_assert_eq!(root, recomputed(&entries));
        for key in asked.iter().map(|number| key(number & 0x31ff)).chain(entries.keys().copied()) {
            let expected = entries.get(&key).cloned();
            prop_assert_eq!(trie.get(key), expected.as_ref());
            let proof = trie.proof(key);
            prop_assert!(verify_proof(root, Nibbles::unpack(key), expected, &proof).is_ok());
        }
    }
}
