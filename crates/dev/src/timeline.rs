//! The values of a state at every block, and the way back.
//!
//! Time is counted in steps: every block is one, and every change that a user makes between two
//! blocks. A height is read as of the last step that belongs to it, so a change between blocks
//! shows at the head at once, and going back takes steps away.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::{Address, B256, U256, keccak256};
use ledger_api::AccountProof;
use state::{StateDiff, StateKey, StateValue};

use crate::world::World;

/// Values set in one step; `None` for what is absent from then on.
pub type Changes = BTreeMap<StateKey, Option<StateValue>>;

/// What a diff sets.
pub fn changes(diff: StateDiff) -> Changes {
    diff.changes.into_iter().map(|(key, change)| (key, change.current)).collect()
}

/// What a block commits to.
#[derive(Clone, Debug)]
pub enum Version {
    /// A hash over all changes so far.
    Plain(B256),
    /// Ethereum's state trie.
    Merkle(World),
}

impl Version {
    /// Its root.
    pub fn root(&self) -> B256 {
        match self {
            Self::Plain(root) => *root,
            Self::Merkle(world) => world.root(),
        }
    }

    fn after(&self, changes: &Changes) -> Self {
        match self {
            Self::Plain(before) => Self::Plain(chained(*before, changes)),
            Self::Merkle(world) => {
                let mut world = world.clone();
                world.apply(changes.iter());
                Self::Merkle(world)
            }
        }
    }
}

/// The hash before, then every change in the order of the keys.
fn chained(before: B256, changes: &Changes) -> B256 {
    let mut bytes = before.to_vec();
    for (key, value) in changes {
        match key {
            StateKey::Account(address) => bytes.extend_from_slice(address.as_slice()),
            StateKey::Storage(address, slot) => {
                bytes.extend_from_slice(address.as_slice());
                bytes.extend_from_slice(&slot.to_be_bytes::<32>());
            }
            StateKey::Code(hash) => bytes.extend_from_slice(hash.as_slice()),
        }
        match value {
            None => bytes.push(0),
            Some(StateValue::Account(record)) => bytes.extend_from_slice(&record.to_bytes()),
            Some(StateValue::Storage(word)) => bytes.extend_from_slice(&word.to_be_bytes::<32>()),
            // Its key is its hash.
            Some(StateValue::Code(_)) => bytes.push(1),
        }
    }
    keccak256(bytes)
}

/// All values, with what they were.
#[derive(Debug)]
pub struct Timeline {
    /// Step and value, ascending.
    values: HashMap<StateKey, Vec<(usize, Option<StateValue>)>>,
    /// Keys that each step set, from step 1 on.
    steps: Vec<Vec<StateKey>>,
    /// The last step of each height.
    heights: Vec<usize>,
    /// What is committed to after each step, from step 0 on.
    versions: Vec<Version>,
}

impl Timeline {
    /// Nothing, at height 0. `merkle` for Ethereum's state trie beside the values.
    pub fn new(merkle: bool) -> Self {
        Self {
            values: HashMap::new(),
            steps: Vec::new(),
            heights: vec![0],
            versions: vec![match merkle {
                true => Version::Merkle(World::default()),
                false => Version::Plain(B256::ZERO),
            }],
        }
    }

    /// The newest height.
    #[cfg(test)]
    pub fn head(&self) -> u64 {
        self.heights.len() as u64 - 1
    }

    /// The newest step.
    pub fn step(&self) -> usize {
        self.steps.len()
    }

    /// The newest version.
    pub fn version(&self) -> &Version {
        self.versions.last().expect("there is one for step 0")
    }

    /// What a block with these changes commits to.
    pub fn version_after(&self, changes: &Changes) -> Version {
        self.version().after(changes)
    }

    /// Root of Ethereum's trie after block `height` with changes on top; `None` without a trie.
    pub fn root_with(&self, height: u64, changes: &Changes) -> Option<B256> {
        match self.versions.get(self.step_of(height)?)? {
            version @ Version::Merkle(_) => Some(version.after(changes).root()),
            Version::Plain(_) => None,
        }
    }

    /// A block's changes and the version that they lead to: the next height.
    pub fn add_block(&mut self, changes: Changes, version: Version) {
        self.add_step(changes, version);
        self.heights.push(self.step());
    }

    /// Changes that belong to the newest height.
    pub fn edit(&mut self, changes: Changes) {
        let version = self.version_after(&changes);
        self.add_step(changes, version);
        let step = self.step();
        if let Some(last) = self.heights.last_mut() {
            *last = step;
        }
    }

    fn add_step(&mut self, changes: Changes, version: Version) {
        self.versions.push(version);
        let step = self.steps.len() + 1;
        self.steps.push(changes.keys().copied().collect());
        for (key, value) in changes {
            self.values.entry(key).or_default().push((step, value));
        }
    }

    /// Goes back to the time when `step` was the newest step and `height` the newest height.
    pub fn rewind(&mut self, step: usize, height: u64) {
        let height = usize::try_from(height).unwrap_or(usize::MAX);
        let gone = self.steps.split_off(step.min(self.steps.len()));
        for key in gone.into_iter().flatten() {
            if let Some(versions) = self.values.get_mut(&key) {
                versions.retain(|(at, _)| *at <= step);
                if versions.is_empty() {
                    self.values.remove(&key);
                }
            }
        }
        self.heights.truncate(height.saturating_add(1));
        if let Some(last) = self.heights.last_mut() {
            *last = step;
        }
        self.versions.truncate(step.saturating_add(1));
    }

    fn step_of(&self, height: u64) -> Option<usize> {
        self.heights.get(usize::try_from(height).ok()?).copied()
    }

    /// A value after block `height`; the outer `None` beyond the newest height.
    pub fn read(&self, height: u64, key: &StateKey) -> Option<Option<StateValue>> {
        let step = self.step_of(height)?;
        Some(self.read_step(step, key))
    }

    fn read_step(&self, step: usize, key: &StateKey) -> Option<StateValue> {
        let versions = self.values.get(key)?;
        let end = versions.partition_point(|(at, _)| *at <= step);
        versions[..end].last().and_then(|(_, value)| value.clone())
    }

    /// The newest value.
    pub fn current(&self, key: &StateKey) -> Option<StateValue> {
        self.values.get(key)?.last().and_then(|(_, value)| value.clone())
    }

    /// All present values, by key.
    pub fn present(&self) -> BTreeMap<StateKey, StateValue> {
        let held = self.values.iter();
        held.filter_map(|(key, versions)| Some((*key, versions.last()?.1.clone()?))).collect()
    }

    /// Slots of an account that ever held something, ascending.
    pub fn slots(&self, address: Address) -> Vec<U256> {
        let slots = self.values.keys().filter_map(|key| match key {
            StateKey::Storage(of, slot) if *of == address => Some(*slot),
            _ => None,
        });
        let mut slots: Vec<U256> = slots.collect();
        slots.sort_unstable();
        slots
    }

    /// Proof of an account after block `height`; `None` without a trie or beyond the newest height.
    pub fn prove(&self, height: u64, address: Address, slots: &[U256]) -> Option<AccountProof> {
        let step = self.step_of(height)?;
        match self.versions.get(step)? {
            Version::Merkle(world) => Some(world.prove(address, slots)),
            Version::Plain(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u64) -> StateKey {
        StateKey::Storage(Address::ZERO, U256::from(number))
    }

    fn set(number: u64, word: u64) -> Changes {
        let value = (word != 0).then(|| StateValue::Storage(U256::from(word)));
        Changes::from([(slot(number), value)])
    }

    fn add(timeline: &mut Timeline, changes: Changes) {
        let version = timeline.version_after(&changes);
        timeline.add_block(changes, version);
    }

    fn word(timeline: &Timeline, height: u64, number: u64) -> Option<u64> {
        match timeline.read(height, &slot(number))?? {
            StateValue::Storage(word) => Some(word.to()),
            _ => None,
        }
    }

    #[test]
    fn heights_keep_their_values_and_edits_show_at_the_head() {
        let mut timeline = Timeline::new(false);
        add(&mut timeline, set(1, 10));
        timeline.edit(set(1, 11));
        add(&mut timeline, set(1, 0));
        add(&mut timeline, set(2, 5));
        assert_eq!(timeline.head(), 3);
        let seen: Vec<_> = (0..4).map(|height| word(&timeline, height, 1)).collect();
        assert_eq!(seen, [None, Some(11), None, None]);
        assert_eq!(timeline.read(4, &slot(1)), None);
    }

    #[test]
    fn going_back_takes_edits_and_blocks_away() {
        let mut timeline = Timeline::new(true);
        add(&mut timeline, set(1, 10));
        timeline.edit(set(3, 1));
        let (step, height) = (timeline.step(), timeline.head());
        let root = timeline.version().root();
        timeline.edit(set(1, 11));
        add(&mut timeline, set(2, 5));
        timeline.edit(set(3, 0));
        timeline.rewind(step, height);
        assert_eq!((timeline.step(), timeline.head()), (step, height));
        let seen: Vec<_> = (1..4).map(|number| word(&timeline, 1, number)).collect();
        assert_eq!(seen, [Some(10), None, Some(1)]);
        assert_eq!(timeline.version().root(), root);
        add(&mut timeline, set(1, 12));
        assert_eq!((word(&timeline, 1, 1), word(&timeline, 2, 1)), (Some(10), Some(12)));
    }
}
