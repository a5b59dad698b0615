//! Joining a running network with an empty folder, or with one that is too old to follow
//! ([`behind`]).
//!
//! 1. **Discovery** ([`discovery`]): from the genesis file to the validators of the newest epoch,
//!    each set certified by the one before, then the best certificate among more of them than may
//!    be dishonest. A node that is alone, or whose network is only starting, goes on at once and
//!    replays.
//! 2. **State**: the library fetches the databases for that certificate's block, or a later one
//!    while blocks go on, from peers that may have pruned theirs. This node follows meanwhile and
//!    cannot vote for a block.
//! 3. **Anchor** ([`anchor`]): the block whose state arrived becomes the head of the chain store,
//!    if the databases have the very roots that it commits to.
//! 4. **Back-fill** ([`crate::backfill`]): what lies below, while the node already serves.
//!
//! # Crashes
//!
//! The library stores the certificate before anything else begins and a mark when the databases
//! are complete. Without the mark, a restart runs discovery again; blocks that the chain store has
//! stay. With it, and without an anchor yet, the anchor is the block at which the databases open.
//! From then on the chain store knows what is missing.
//!
//! # Votes
//!
//! A node that has no journal of votes at all may be a validator that lost it. It abstains until a
//! block is final beyond everything that its earlier self may have signed: see
//! [`consensus::abstention`].

pub(crate) mod anchor;
mod behind;
mod discovery;
mod start;

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use commonware_consensus::types::Epoch;
use consensus::Marshal;
use futures::future::{Either, select};
use types::ValidatorSet;

pub(crate) use behind::{LeftBehind, Scout};
pub(crate) use start::{Joiner, finish};

use crate::{core::Core, history::History};

/// How a node with an empty folder comes to the present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// State sync where the network is more than [`REPLAY_BLOCKS_MAX`] blocks (or an epoch) ahead,
    /// else replay.
    #[default]
    Auto,
    /// Executes every block from block 1. Needs a peer that retains all blocks.
    Replay,
    /// State sync, however short the chain is.
    StateSync,
}

/// Blocks that a new node executes rather than fetch the state behind them, unless an epoch is
/// shorter.
pub const REPLAY_BLOCKS_MAX: u64 = 200;

/// Where joining stands; part of the shared core.
#[derive(Default)]
pub(crate) struct Joining {
    /// Set from the decision to sync until the databases are complete.
    syncing: AtomicBool,
    /// Height of the first block applied since the start, 0 before.
    first_applied: AtomicU64,
    /// Finalized blocks, for the anchor.
    marshal: OnceLock<Marshal>,
    /// Peers, for validators of an epoch that begins while the state is still coming.
    history: OnceLock<History>,
}

impl Joining {
    /// Whether the databases are still being fetched.
    pub(crate) fn is_syncing(&self) -> bool {
        self.syncing.load(Ordering::SeqCst)
    }

    /// Height of the first block that was executed and applied since the start.
    pub(crate) fn first_applied(&self) -> Option<u64> {
        Some(self.first_applied.load(Ordering::SeqCst)).filter(|number| *number > 0)
    }

    fn begin_syncing(&self) {
        self.syncing.store(true, Ordering::SeqCst);
    }

    fn end_syncing(&self) {
        self.syncing.store(false, Ordering::SeqCst);
    }

    /// Called once each, before anything can be applied.
    pub(crate) fn connect(&self, marshal: Marshal, history: History) {
        let fresh = self.marshal.set(marshal).is_ok() && self.history.set(history).is_ok();
        debug_assert!(fresh, "one ledger is started once");
    }
}

/// The validators of an epoch that began while the state was still coming: from peers, proved by
/// the validators of the epoch before. `None` where this node's state tells them.
pub(crate) async fn next_set(core: &Core, epoch: Epoch, boundary: u64) -> Option<ValidatorSet> {
    let history = core.joining.history.get()?;
    let before = match epoch.previous()?.get() {
        0 => core.genesis.validator_set().ok()?,
        previous => core.chain.validators(previous).ok().flatten()?,
    };
    let epoch_blocks = core.genesis.parameters.epoch_blocks;
    let asking = discovery::next_set(history, core.namespace, epoch_blocks, epoch, before);
    let arrived = core.head.beyond(boundary.saturating_sub(1));
    let set = match select(Box::pin(asking), Box::pin(arrived)).await {
        Either::Left((set, _)) => set?,
        Either::Right(_) if core.chain.oldest_state() <= boundary => return None,
        Either::Right((_, asking)) => asking.await?,
    };
    match core.chain.put_validators(epoch.get(), &set).and_then(|()| core.chain.persist()) {
        Ok(()) => Some(set),
        Err(error) => {
            tracing::error!(%epoch, %error, "cannot store validators");
            None
        }
    }
}
