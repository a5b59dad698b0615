//! Epochs: one simplex engine at a time, and the way from one validator set to the next.
//!
//! The validators of an epoch are fixed; the last block of the epoch decides those of the next.
//! When marshal delivers that block as final, the orchestrator
//!
//! 1. asks the ledger for the next set ([`ValidatorSource`]) and compares it with the hash that
//!    the block commits to: a difference means a diverged state, and the node stops consensus
//!    rather than follow two truths;
//! 2. registers the set for verification ([`EpochSchemes`]), so that marshal can check the
//!    certificates of the new epoch;
//! 3. tells the network which validators to stay connected to ([`PeerSets`]);
//! 4. starts the new epoch's engine on the subchannels of its own, with the boundary block as its
//!    root, and aborts the old one;
//! 5. only then acknowledges the block, so that a crash at any point repeats the step.
//!
//! A node outside the set runs its engine without a key: it follows votes and certificates and
//! serves them, but never votes. A removed validator turns into such a follower at the boundary.
//!
//! # Start
//!
//! The epoch is that of the height after marshal's processed one. Its root is block 0, or the
//! previous epoch's last block; where that block is not stored because the node joined by state
//! sync, a certificate of the epoch itself is the root.
//!
//! # Catching up
//!
//! A node that missed the boundary stays in its epoch while others go on. A message for a later
//! epoch is no proof of anything, but its sender may have the certificate of our epoch's last
//! block: marshal asks exactly that peer, and verifies the answer with our epoch's set. So a node
//! crosses epoch after epoch, each with the set that the one before it certified. Messages of
//! earlier epochs are dropped; whoever sent them catches up the same way from our messages.
//!
//! # Files
//!
//! Each engine journals its votes in a partition of its own, `{prefix}-votes-{epoch}`. Journals
//! are removed [`VOTE_JOURNALS_KEPT`](crate::settings::VOTE_JOURNALS_KEPT) epochs later, when no
//! restart can return to them. `{prefix}-entered` says which epochs have one; a node that finds a
//! journal lost abstains for the rest of its epoch, see [`Abstention`](crate::abstention).
//! `{prefix}-abstains` keeps the bound over restarts.
//!
//! [`EpochSchemes`]: crate::EpochSchemes

mod actor;
mod channels;
mod floor;
mod ingress;
mod journals;
mod state;

use std::{future::Future, net::SocketAddr};

use commonware_consensus::types::{Epoch, FixedEpocher, Height};
use types::{ValidatorKey, ValidatorSet};

pub use actor::{Actor, Config, OrchestratorError};
pub use ingress::Mailbox;
pub use journals::{is_new, keep_bound, kept_bound};

/// The epoch in which a node starts that has processed the blocks up to `processed`, and the block
/// that decided its validators. `None` where heights run out.
///
/// Register that epoch's set before marshal starts: marshal drops for good what it cannot verify.
/// (`marshal::core::Actor::init` tells the processed height.) A node that joins by state sync
/// registers the epoch of the certificate that it joins with.
pub fn starting_epoch(
    epocher: &FixedEpocher,
    processed: Option<Height>,
) -> Option<(Epoch, Height)> {
    let current = state::Current::recovered(epocher.clone(), processed)?;
    Some((current.epoch(), current.root()))
}

/// Where the orchestrator learns the validators: the ledger's state.
pub trait ValidatorSource: Clone + Send + Sync + 'static {
    /// The set that certifies the blocks of `epoch`, as decided by block `boundary`: the last one
    /// of the epoch before, or block 0 for epoch 0.
    ///
    /// Completes once the ledger has applied `boundary`; it may have applied later blocks of
    /// `epoch` already. `None` only if the ledger is shutting down.
    fn validators(
        &self,
        epoch: Epoch,
        boundary: Height,
    ) -> impl Future<Output = Option<ValidatorSet>> + Send;
}

/// Who tells the network which peers to keep.
pub trait PeerSets: Send + 'static {
    /// `validators` certify `epoch` from now on. Called once per entered epoch, in ascending
    /// order. The implementation adds observers and addresses and keeps the sets before it for as
    /// long as its network tracks several.
    fn track(&mut self, epoch: Epoch, validators: &ValidatorSet);

    /// `observers` may connect as well from now on, and whoever was among them before and is not any
    /// more may not. Called once per change of the list, with keys and addresses. Networks that know
    /// their nodes beforehand have nothing to do.
    fn observe(&mut self, _observers: &[(ValidatorKey, SocketAddr)]) {}
}
