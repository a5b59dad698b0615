//! What changes with a user's wishes, behind one lock: who holds it makes blocks.

use std::{collections::BTreeSet, time::Instant};

use alloy_primitives::{Address, B256};
use ledger_api::Mining;

use crate::{clock::Clock, snapshots::Snapshot};

/// Everything but state, blocks and pool.
pub(crate) struct Writer {
    pub(crate) clock: Clock,
    /// `PREVRANDAO` of the next block.
    pub(crate) prev_randao: Option<B256>,
    pub(crate) mining: Mining,
    /// When the last block was made by the interval.
    pub(crate) ticked: Instant,
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) next_snapshot: u64,
    pub(crate) impersonated: BTreeSet<Address>,
    pub(crate) impersonates_all: bool,
    pub(crate) instance_id: B256,
}

impl Writer {
    pub(crate) fn new(mining: Mining) -> Self {
        Self {
            clock: Clock::default(),
            prev_randao: None,
            mining,
            ticked: Instant::now(),
            snapshots: Vec::new(),
            next_snapshot: 1,
            impersonated: BTreeSet::new(),
            impersonates_all: false,
            instance_id: instance_id(),
        }
    }
}

/// Another one each time; nothing depends on it, so it need not be unpredictable.
pub(crate) fn instance_id() -> B256 {
    let mut id = B256::ZERO;
    if let Err(error) = getrandom::fill(id.as_mut_slice()) {
        tracing::warn!(%error, "no randomness for the instance id");
    }
    id
}
