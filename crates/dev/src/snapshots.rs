//! Remembering how everything is, and going back to it.

use std::sync::Arc;

use alloy_primitives::Address;
use ledger_api::{DevelopmentError, Head};
use types::Transaction;

use crate::{
    clock::{Clock, machine_time_s},
    error::DevError,
    ledger::DevLedger,
    writer::{Writer, instance_id},
};

/// Snapshots held at one time.
pub const SNAPSHOTS_MAX: usize = 16_384;
/// Waiting transactions that one snapshot remembers; the oldest ones.
const SNAPSHOT_TRANSACTIONS_MAX: usize = 4_096;

/// Fields of blocks to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Wei per gas.
    pub(crate) base_fee_wei: u64,
    /// Gas of a block.
    pub(crate) gas_limit: u64,
    /// Who receives fees.
    pub(crate) beneficiary: Address,
}

/// How a ledger was.
pub(crate) struct Snapshot {
    id: u64,
    head: Head,
    step: usize,
    clock: Clock,
    /// The machine's time, seconds since the Unix epoch.
    taken_s: u64,
    settings: Settings,
    /// What waited in the pool.
    waiting: Vec<Arc<Transaction>>,
}

impl Snapshot {
    /// Before block 1.
    pub(crate) fn before_everything(head: Head, settings: Settings) -> Self {
        let (clock, waiting) = Default::default();
        Self { id: 0, head, step: 0, clock, taken_s: machine_time_s(), settings, waiting }
    }
}

impl DevLedger {
    pub(crate) fn snapshot_now(&self, writer: &Writer, id: u64) -> Snapshot {
        let held = self.pool.content(SNAPSHOT_TRANSACTIONS_MAX);
        Snapshot {
            id,
            head: self.store.head.get(),
            step: self.store.timeline().step(),
            clock: writer.clock,
            taken_s: machine_time_s(),
            settings: self.settings(),
            waiting: held.executable.into_iter().chain(held.queued).collect(),
        }
    }

    pub(crate) fn take_snapshot(&self) -> Result<u64, DevelopmentError> {
        let mut writer = self.writer();
        if writer.snapshots.len() >= SNAPSHOTS_MAX {
            let text = format!(
                "limit of {SNAPSHOTS_MAX} snapshots; going back to an earlier one frees those after"
            );
            return Err(DevelopmentError::Value(text));
        }
        let id = writer.next_snapshot;
        let snapshot = self.snapshot_now(&writer, id);
        writer.snapshots.push(snapshot);
        writer.next_snapshot += 1;
        Ok(id)
    }

    pub(crate) fn revert_to(&self, id: u64) -> Result<bool, DevError> {
        let mut writer = self.writer();
        let Some(place) = writer.snapshots.iter().position(|snapshot| snapshot.id == id) else {
            return Ok(false);
        };
        let snapshot = writer.snapshots.swap_remove(place);
        writer.snapshots.truncate(place);
        self.go_back(&mut writer, &snapshot)?;
        // What passed since then never was, so that the next block has the time it would have had.
        writer.clock = snapshot.clock.resumed(snapshot.taken_s);
        Ok(true)
    }

    /// Block 1 and the options of the start; snapshots are gone.
    pub(crate) fn begin_anew(&self) -> Result<(), DevError> {
        let mut writer = self.writer();
        writer.snapshots.clear();
        writer.impersonated.clear();
        writer.impersonates_all = false;
        writer.mining = self.config.mining;
        writer.instance_id = instance_id();
        self.go_back(&mut writer, &self.beginning)
    }

    fn go_back(&self, writer: &mut Writer, snapshot: &Snapshot) -> Result<(), DevError> {
        self.store.rewind(snapshot.head, snapshot.step)?;
        self.set_settings(snapshot.settings);
        writer.clock = snapshot.clock;
        writer.prev_randao = None;
        self.pool.restart(self.pool_rules(&snapshot.settings));
        for transaction in &snapshot.waiting {
            let account = self.record(transaction.sender());
            let again = self.pool.insert(Arc::clone(transaction), account, pool::Origin::Local);
            if let Err(reason) = again {
                tracing::debug!(hash = %transaction.hash(), %reason, "left out of the snapshot");
            }
        }
        Ok(())
    }
}
