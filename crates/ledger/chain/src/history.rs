//! Overwritten values: what a key held before each block that changed it.
//!
//! A value after block `h` is the entry of the first block above `h` that changed the key, else
//! the current value. Entries outside the window are dropped while the table is compacted anyway:
//! no scan, no tombstones, and work per block that does not grow with the age of the chain.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use fjall::compaction::filter::{CompactionFilter, Context, Factory, ItemAccessor, Verdict};
use state::{StateDiff, StateKey};

use crate::{
    ChainError, OldValue,
    encoding::height_suffix,
    heights::HistoryHeights,
    keyspaces::Keyspaces,
    old_values::{decode_value, encode_value, history_key},
};

/// The first height whose entries must stay; shared with the compaction threads. It follows the
/// window only once the window's record is on the medium, so that no crash can leave a record that
/// promises entries which are gone.
pub(crate) type KeepFrom = Arc<AtomicU64>;

/// Makes the filter of each compaction of the history table.
pub(crate) struct HistoryFilterFactory(pub KeepFrom);

impl Factory for HistoryFilterFactory {
    fn name(&self) -> &str {
        "history window"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(HistoryFilter { keep_from: self.0.load(Ordering::SeqCst) })
    }
}

struct HistoryFilter {
    keep_from: u64,
}

impl CompactionFilter for HistoryFilter {
    fn filter_item(
        &mut self,
        item: ItemAccessor<'_>,
        _: &Context,
    ) -> Result<Verdict, fjall::LsmError> {
        // A key is written once, so nothing older can reappear behind a destroyed entry.
        Ok(match height_suffix(item.key()) {
            Ok(height) if height < self.keep_from => Verdict::Destroy,
            _ => Verdict::Keep,
        })
    }
}

/// Writes the previous values of `diff` and the new heights in one batch.
pub(crate) fn write_history(
    tables: &Keyspaces,
    heights: HistoryHeights,
    diff: &StateDiff,
) -> Result<(), ChainError> {
    let mut batch = tables.batch();
    for (key, change) in &diff.changes {
        let value = encode_value(change.previous.as_ref());
        batch.insert(&tables.history, history_key(key, heights.head), value);
    }
    heights.write(&mut batch, &tables.meta);
    Ok(batch.commit()?)
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
    let value = entry.value()?;
    decode_value(key, &value).map(OldValue::Was).map_err(|reason| ChainError::Damaged {
        what: "old value",
        place: format!("{key:?} above block {height}"),
        reason,
    })
}
