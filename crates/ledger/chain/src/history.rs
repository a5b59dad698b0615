//! Overwritten values: what a key held before each block that changed it.
//!
//! A value after block `h` is the entry of the first block above `h` that changed the key, else
//! the current value. Entries outside the window are dropped while the table is compacted anyway:
//! no scan, no tombstones, and work per block that does not grow with the age of the chain.

use alloy_primitives::{Address, U256};
use fjall::OwnedWriteBatch;
use state::{StateDiff, StateKey};

use crate::{
    ChainError, OldValue, damage,
    heights::HistoryHeights,
    keyspaces::Keyspaces,
    old_values::{decode_value, encode_value, history_key, slot_of},
};

/// The previous values of `diff` and the new heights in one batch.
pub(crate) fn history_batch(
    tables: &Keyspaces,
    heights: HistoryHeights,
    diff: &StateDiff,
) -> OwnedWriteBatch {
    let mut batch = tables.batch();
    for (key, change) in &diff.changes {
        let value = encode_value(change.previous.as_ref());
        batch.insert(&tables.history, history_key(key, heights.head), value);
    }
    heights.write(&mut batch, &tables.meta);
    batch
}

/// First entry of `key` above `height`.
pub(crate) fn read_history(
    tables: &Keyspaces,
    key: &StateKey,
    height: u64,
) -> Result<OldValue, ChainError> {
    let Some(above) = height.checked_add(1) else {
        return Ok(OldValue::Unchanged);
    };
    let range = history_key(key, above)..=history_key(key, u64::MAX);
    let Some(entry) = tables.history.range(range).next() else {
        return Ok(OldValue::Unchanged);
    };
    let place = format!("{key:?} above block {height}");
    let value = entry.value().map_err(damage::at(&tables.history, "old value", place))?;
    decode_value(key, &value).map(OldValue::Was).map_err(|reason| ChainError::Damaged {
        what: "old value",
        place: format!("{key:?} above block {height}"),
        reason,
    })
}

/// Slots of an account that have entries, ascending, at most `max` of them.
pub(crate) fn changed_slots(
    tables: &Keyspaces,
    address: Address,
    max: usize,
) -> Result<Vec<U256>, ChainError> {
    let (mut slots, mut from) = (Vec::new(), Some(U256::ZERO));
    while let Some(first) = from.filter(|_| slots.len() < max) {
        let range = history_key(&StateKey::Storage(address, first), 0)
            ..=history_key(&StateKey::Storage(address, U256::MAX), u64::MAX);
        let Some(entry) = tables.history.range(range).next() else {
            break;
        };
        let place = format!("slots of {address}");
        let key = entry.key().map_err(damage::at(&tables.history, "old value", &place))?;
        let slot = slot_of(&key).map_err(|reason| ChainError::Damaged {
            what: "old value",
            place,
            reason,
        })?;
        slots.push(slot);
        from = slot.checked_add(U256::ONE);
    }
    Ok(slots)
}
