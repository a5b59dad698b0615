//! Snapshots: the state at a final block, in parts that prove themselves.
//!
//! A running node answers for parts ([`part`]): validator sets and blocks as it answers its peers,
//! and pages of the state databases' logs with their proofs. The logs only grow and keep what peers
//! need for a state sync, so that a snapshot is taken while blocks go on, a page at a time, and
//! nothing is held up.
//!
//! [`restore`] makes stores out of such parts in which a node finds the state of a block complete
//! and a state sync to that block begun. It starts like a node that was stopped in the middle of
//! joining: it asks peers where the network is, fetches only what changed since, and fills its
//! history back. Where nobody knows more, it begins at the block of the snapshot.

mod restore;

use std::sync::Arc;

use alloy_primitives::Bytes;
use commonware_parallel::Strategy as _;
use consensus::history::{BODIES_MAX, HEADERS_MAX, HistoryRequest};
use ledger_api::{LedgerError, SnapshotPart};
use state::qmdb::PageRequest;

pub use restore::{Beginning, Place, RestoreError, restore};

use crate::{
    core::{Core, store},
    history,
};

/// Answers for one part. `None` where this node does not hold it, any more or yet.
pub(crate) async fn part(
    core: &Arc<Core>,
    part: SnapshotPart,
) -> Result<Option<Bytes>, LedgerError> {
    // A node that is joining has an empty chain, which says nothing about the network's.
    if core.joining.is_syncing() {
        return Ok(None);
    }
    let limited = |count: u32, limit: usize| count.clamp(1, u32::try_from(limit).unwrap_or(1));
    let request = match part {
        SnapshotPart::State(page) => return page_of(core, page).await,
        SnapshotPart::Validators { epoch } => HistoryRequest::Sets { epoch, asked: 0 },
        SnapshotPart::Bodies { top, count } => {
            HistoryRequest::Bodies { top, count: limited(count, BODIES_MAX) }
        }
        SnapshotPart::Receipts { top, count } => {
            HistoryRequest::Receipts { top, count: limited(count, BODIES_MAX) }
        }
        SnapshotPart::Headers { top, count } => {
            HistoryRequest::Headers { top, count: limited(count, HEADERS_MAX) }
        }
    };
    let source = Arc::clone(core);
    let answered = core.strategy.spawn(1, move |_| {
        history::answer(&source.chain, source.genesis.parameters.epoch_blocks, request)
    });
    Ok(answered.await.map_err(store)?.map(Bytes::from))
}

async fn page_of(core: &Core, page: PageRequest) -> Result<Option<Bytes>, LedgerError> {
    match core.latest.state()?.page(page).await {
        Ok(bytes) => Ok(bytes.map(Bytes::from)),
        // Anybody may ask for a log of a size at which no block ended.
        Err(error) => {
            tracing::debug!(?page, %error, "a page of the state cannot be proved");
            Ok(None)
        }
    }
}
