//! A map that forgets: it holds the newest entries and never more than its bound.

use std::{collections::HashMap, hash::Hash};

/// Two generations; when the young one has half the bound, the old one is forgotten.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation_max: usize,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// Holds at most `entries_max` entries and at least the newest half of that.
    pub(crate) fn new(entries_max: usize) -> Self {
        let generation_max = (entries_max / 2).max(1);
        Self { young: HashMap::new(), old: HashMap::new(), generation_max }
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        self.young.insert(key, value);
        if self.young.len() >= self.generation_max {
            self.age();
        }
    }

    /// Forgets the old generation; what was young becomes old.
    pub(crate) fn age(&mut self) {
        self.old = std::mem::take(&mut self.young);
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;

    #[test]
    fn keeps_the_newest_and_stays_bounded() {
        let mut recent = Recent::new(100);
        for key in 0..1_000u32 {
            recent.insert(key, key * 2);
            assert!(recent.len() <= 100);
            for young in key.saturating_sub(48)..=key {
                assert_eq!(recent.get(&young), Some(&(young * 2)));
            }
        }
        assert_eq!(recent.get(&0), None);
    }

    #[test]
    fn ageing_twice_forgets() {
        let mut recent = Recent::new(10);
        recent.insert(1, ());
        recent.age();
        assert!(recent.get(&1).is_some());
        recent.age();
        assert!(recent.get(&1).is_none());
    }
}
