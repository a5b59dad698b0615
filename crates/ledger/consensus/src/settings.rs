//! Time-outs, sizes and limits of consensus. They follow from the ledger's parameters or are fixed
//! here; none is configurable per node, because nodes that disagree stall each other.

use std::{
    num::{NonZeroU64, NonZeroUsize},
    time::Duration,
};

use commonware_consensus::{
    simplex,
    types::{FixedEpocher, ViewDelta},
};
use commonware_p2p::utils::mux::prefixed;
use commonware_utils::{NZU64, NZUsize};
use types::{Parameters, limits::VALIDATORS_MAX};

use crate::{Digest, StrictScheme};

/// Epochs whose validators are remembered for verification, epochs.
pub const EPOCH_SCHEMES_MAX: usize = 64;
/// Messages in the ready queue of each mailbox inside a simplex engine.
pub const SIMPLEX_MAILBOX_MAX: NonZeroUsize = NZUsize!(1024);
/// Finalized blocks in the orchestrator's ready queue. Marshal never has more than
/// [`PENDING_ACKNOWLEDGEMENTS_MAX`] of them under way.
pub const ORCHESTRATOR_MAILBOX_MAX: NonZeroUsize = NZUsize!(64);
/// Blocks that marshal may have delivered and not yet seen acknowledged.
pub const PENDING_ACKNOWLEDGEMENTS_MAX: NonZeroUsize = NZUsize!(16);
/// Views behind the finalized tip whose votes are kept.
pub const VIEW_RETENTION: ViewDelta = ViewDelta::new(64);
/// Epochs behind the active one whose vote journals are kept. A restart may return to an epoch
/// that held one of the last [`PENDING_ACKNOWLEDGEMENTS_MAX`] blocks; an epoch has at least four.
pub const VOTE_JOURNALS_KEPT: u64 = 8;
/// Heights searched for a certificate when a node that joined by state sync restarts.
pub const FLOOR_SEARCH_MAX: u64 = 4096;
/// Buffer for reading the vote journal at start, bytes.
pub const JOURNAL_READ_BYTES: NonZeroUsize = NZUsize!(1024 * 1024);
/// Buffer for writing the vote journal, bytes.
pub const JOURNAL_WRITE_BYTES: NonZeroUsize = NZUsize!(1024 * 1024);
/// Longest pause between repeated requests to pass a stuck view.
pub const NULLIFY_RETRY_MAX: Duration = Duration::from_millis(500);
/// How long a peer may take to answer a request for a certificate.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause before an unanswered request for a certificate is repeated.
pub const FETCH_RETRY: Duration = Duration::from_millis(200);
/// Part of the leader time-out for which a proposer without work holds its turn, percent.
pub const HOLD_PERCENT: u64 = 70;
/// Early views allowed for each turn that is held in a rest: 1.5 pass with a third of the
/// validators absent, the others are spare.
pub const EARLY_VIEWS_PER_TURN: NonZeroU64 = NZU64!(4);

/// Fixed time-outs of a view; nothing doubles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// How long validators wait for the leader's block.
    pub leader: Duration,
    /// How long they wait for the block to be certified; above `leader`.
    pub certification: Duration,
    /// Absence after which a leader is skipped without waiting; above `certification`.
    pub skip: Duration,
    /// Pause before a vote to pass a stuck view is repeated.
    pub retry: Duration,
    /// Views in a row without a final block that may end before their time-out, because the leader
    /// is absent, lets its turn pass or proposes what is refused. It covers a whole rest between
    /// two heartbeats: without it, work that comes late in a rest would wait for a time-out. What
    /// exceeds it lasts as long as the time-outs say, so a ledger in trouble does not spin.
    pub early_views_max: NonZeroU64,
}

impl Timeouts {
    /// What follows from the ledger's leader time-out: 1, 2 and 3 times it.
    pub fn new(parameters: &Parameters) -> Self {
        let leader = Duration::from_millis(parameters.leader_timeout_ms.max(1));
        let turns = parameters.heartbeat_ms / hold_max_ms(parameters).max(1);
        Self {
            leader,
            certification: leader.saturating_mul(2),
            skip: leader.saturating_mul(3),
            retry: leader.min(NULLIFY_RETRY_MAX),
            early_views_max: NonZeroU64::MIN
                .saturating_add(turns)
                .saturating_mul(EARLY_VIEWS_PER_TURN),
        }
    }
}

/// How long a proposer without work holds its turn, milliseconds.
pub fn hold_max_ms(parameters: &Parameters) -> u64 {
    parameters.leader_timeout_ms.saturating_mul(HOLD_PERCENT) / 100
}

/// Epochs of `epoch_blocks` heights each; epoch 0 includes block 0. Lengths below 2 count as 2.
pub fn epocher(parameters: &Parameters) -> FixedEpocher {
    let length = std::num::NonZeroU64::new(parameters.epoch_blocks.max(2));
    FixedEpocher::new(length.expect("at least 2"))
}

/// Largest payload on the vote, certificate and resolver channels, bytes, including the epoch's
/// subchannel prefix.
pub fn simplex_payload_bytes_max() -> usize {
    let validators = u32::try_from(VALIDATORS_MAX).unwrap_or(u32::MAX);
    prefixed(simplex::max_payload_size::<StrictScheme, Digest>(validators))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_outs_keep_the_order_that_the_library_demands() {
        for leader_timeout_ms in [100, 2_000, 60_000] {
            let timeouts =
                Timeouts::new(&Parameters { leader_timeout_ms, ..Parameters::default() });
            assert!(timeouts.leader < timeouts.certification);
            assert!(timeouts.certification < timeouts.skip);
            assert!(timeouts.retry < timeouts.skip);
        }
    }

    #[test]
    fn a_rest_between_heartbeats_does_not_use_up_the_early_views() {
        let parameters = Parameters::default();
        let turns = 15_000_u64.div_ceil(1_400);
        assert_eq!(Timeouts::new(&parameters).early_views_max.get(), turns * 4);
        let day_ms = 24 * 60 * 60 * 1_000;
        let extreme =
            Parameters { heartbeat_ms: day_ms, leader_timeout_ms: 100, ..Parameters::default() };
        assert!(Timeouts::new(&extreme).early_views_max.get() > day_ms / 70);
    }

    #[test]
    fn kept_journals_cover_every_epoch_a_restart_may_return_to() {
        let shortest_epoch_blocks = 4;
        let pending = u64::try_from(PENDING_ACKNOWLEDGEMENTS_MAX.get()).unwrap_or(u64::MAX);
        assert!(VOTE_JOURNALS_KEPT * shortest_epoch_blocks > pending + shortest_epoch_blocks);
    }
}
