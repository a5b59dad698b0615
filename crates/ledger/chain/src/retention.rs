//! What leaves the disk: old values outside the history window, and bodies, receipts and index
//! entries below the blocks that are retained.
//!
//! Deleting costs no scan, no tombstones and nothing per block. Readers are refused from the
//! moment the heights move, in the batch of the block that moves them. The bytes follow in two
//! ways: tables ordered by height lose whole files below the floor; entries ordered otherwise are
//! left out when their file is compacted anyway. Neither happens before the heights are on the
//! medium, so that no crash can leave a record that promises what is gone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use fjall::{
    AbstractTree as _, Keyspace,
    compaction::filter::{CompactionFilter, Context, Factory, ItemAccessor, Verdict},
};

use crate::encoding::{decode_location, height_key, height_suffix};

/// Files are dropped this many times while the floor moves by one retention.
const DROPS_PER_RETENTION: u64 = 32;

/// The first height whose entries must stay; shared with the compaction threads.
#[derive(Clone, Default)]
pub(crate) struct KeepFrom(Arc<AtomicU64>);

impl KeepFrom {
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Raises it to `height`; never lowers it.
    pub fn raise(&self, height: u64) {
        self.0.fetch_max(height, Ordering::SeqCst);
    }
}

/// Where a table's entries have their height.
#[derive(Clone, Copy)]
pub(crate) enum HeightOf {
    /// The last 8 bytes of the key.
    Key,
    /// The location that is the value.
    Value,
}

/// Makes the filter of each compaction of one table.
pub(crate) struct DropBelow {
    pub keep_from: KeepFrom,
    pub height_of: HeightOf,
}

impl Factory for DropBelow {
    fn name(&self) -> &str {
        "drop below"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(Filter { keep_from: self.keep_from.get(), height_of: self.height_of })
    }
}

struct Filter {
    keep_from: u64,
    height_of: HeightOf,
}

impl CompactionFilter for Filter {
    fn filter_item(
        &mut self,
        item: ItemAccessor<'_>,
        _: &Context,
    ) -> Result<Verdict, fjall::LsmError> {
        let height = match self.height_of {
            HeightOf::Key => height_suffix(item.key()),
            HeightOf::Value => decode_location(&item.value()?).map(|(height, _)| height),
        };
        // A key is only ever written with one value, so nothing older can reappear behind a
        // destroyed entry. Block 0 stays.
        Ok(match height {
            Ok(height) if 0 < height && height < self.keep_from => Verdict::Destroy,
            _ => Verdict::Keep,
        })
    }
}

/// Drops whole files of the tables ordered by height, on a thread of its own: it waits for running
/// compactions, for which no writer should wait.
pub(crate) struct Reclaimer {
    wake: Option<SyncSender<u64>>,
    thread: Option<JoinHandle<()>>,
    step: u64,
    asked: AtomicU64,
}

impl Reclaimer {
    /// For a store that keeps `retained_blocks`, on its `tables`.
    pub fn start(retained_blocks: u64, tables: Vec<Keyspace>) -> std::io::Result<Self> {
        let (wake, floors) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("chain-reclaim".into())
            .spawn(move || reclaim(&floors, &tables))?;
        Ok(Self {
            wake: Some(wake),
            thread: Some(thread),
            step: (retained_blocks / DROPS_PER_RETENTION).max(1),
            asked: AtomicU64::new(0),
        })
    }

    /// Everything below `floor` may go. Cheap; acts once the floor has moved by a
    /// step, and a floor that finds the thread busy is made up for by the next.
    pub fn reached(&self, floor: u64) {
        if floor < self.asked.load(Ordering::Relaxed).saturating_add(self.step) {
            return;
        }
        if self.wake.as_ref().is_some_and(|wake| wake.try_send(floor).is_ok()) {
            self.asked.store(floor, Ordering::Relaxed);
        }
    }
}

impl Drop for Reclaimer {
    fn drop(&mut self) {
        self.wake = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that frees disk space has panicked");
        }
    }
}

fn reclaim(floors: &Receiver<u64>, tables: &[Keyspace]) {
    while let Ok(floor) = floors.recv() {
        for table in tables {
            if let Err(error) = drop_files_below(table, floor) {
                tracing::error!(table = &**table.name(), floor, %error, "cannot free disk space");
            }
        }
    }
}

/// Drops the files of a table ordered by height that lie below `floor`.
pub(crate) fn drop_files_below(table: &Keyspace, floor: u64) -> Result<(), fjall::LsmError> {
    match floor.checked_sub(1) {
        Some(last) => table.tree.drop_range(height_key(0)..=height_key(last)),
        None => Ok(()),
    }
}
