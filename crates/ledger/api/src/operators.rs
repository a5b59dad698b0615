//! What operators are told about a running ledger.

use types::ValidatorKey;

use crate::ValidatorInfo;

/// Blocks that a store may be behind the one before it without being called behind.
pub const STORE_LAG_BLOCKS_MAX: u64 = 16;

/// Where consensus stands, for operators.
#[derive(Clone, Debug, Default)]
pub struct ConsensusStatus {
    /// Current epoch.
    pub epoch: u64,
    /// Current view in the epoch.
    pub view: u64,
    /// Newest final height.
    pub finalized_height: u64,
    /// Whether this node votes in the current epoch.
    pub voting: bool,
    /// A validator that lost what it signed before votes only after a block is final beyond this
    /// epoch and view, so that it cannot contradict itself. `None` for everybody else.
    pub abstaining_until: Option<(u64, u64)>,
    /// This node's key.
    pub own_key: Option<ValidatorKey>,
    /// Leader of the current view, where known.
    pub leader: Option<ValidatorKey>,
    /// Validators of the epoch and when each was last seen.
    pub validators: Vec<ValidatorStatus>,
    /// Votes needed.
    pub quorum: usize,
    /// Why the ledger does not advance, in words, where it does not.
    pub stalled: Option<String>,
    /// Whether it advances, and if not, why.
    pub standing: Standing,
    /// How far each store is.
    pub heights: StoreHeights,
    /// Own clock when this was asked, milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// How far the clocks of the other validators are ahead (negative: behind) of this node's,
    /// milliseconds: the median over those that were measured. See [`ClockOffset`].
    pub others_ahead_ms: Option<i64>,
    /// Entries of evidence against validators that this node keeps.
    pub evidence_count: usize,
    /// Divergence reports in this node's data folder.
    pub divergence_count: usize,
    /// Sets of state and consensus stores that this node gave up since its folder was made, because
    /// they were damaged or lay further back than any peer serves.
    pub store_sets_given_up: u64,
}

/// One validator in [`ConsensusStatus`].
#[derive(Clone, Debug)]
pub struct ValidatorStatus {
    /// Who.
    pub validator: ValidatorInfo,
    /// Whether a connection is up (always true for this node itself).
    pub connected: bool,
    /// Milliseconds since its last vote was seen, alone or in a certificate; `None` if none was
    /// seen since start.
    pub last_vote_ms: Option<u64>,
    /// Votes seen since start.
    pub votes_seen: u64,
    /// Its clock, where it was measured; never of this node itself.
    pub clock: Option<ClockOffset>,
}

/// A validator's clock as this node sees it: the time in its last blocks less the own clock when
/// they arrived. It is the difference of the clocks less the time that the block took to be built
/// and to arrive, so a clock that is right shows as slightly negative, by tens of milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOffset {
    /// Median of the last measurements, milliseconds; positive where the clock seems ahead.
    pub median_ms: i64,
    /// Measurements in the median.
    pub samples: usize,
}

/// Newest height in each store of a node. A later store is filled from the ones before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreHeights {
    /// Known final by consensus.
    pub consensus: u64,
    /// Applied to the state, or being applied.
    pub state: u64,
    /// Old values recorded.
    pub history: u64,
    /// Blocks, receipts and indexes recorded: what users see.
    pub chain: u64,
    /// Newest certificate kept.
    pub certificates: u64,
}

impl StoreHeights {
    /// Each store with its height and how many blocks it is behind what consensus knows.
    pub fn lags(&self) -> [(&'static str, u64, u64); 4] {
        let lag = |height: u64| self.consensus.saturating_sub(height);
        [
            ("state", self.state, lag(self.state)),
            ("history", self.history, lag(self.history)),
            ("chain", self.chain, lag(self.chain)),
            ("certificates", self.certificates, lag(self.certificates)),
        ]
    }

    /// The first store, in the order in which they are filled, that is more than
    /// [`STORE_LAG_BLOCKS_MAX`] behind.
    pub fn behind(&self) -> Option<(&'static str, u64)> {
        let found = self.lags().into_iter().find(|(_, _, lag)| *lag > STORE_LAG_BLOCKS_MAX);
        found.map(|(store, _, lag)| (store, lag))
    }
}

/// Whether a ledger advances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// In one word.
    pub state: StandingState,
    /// For people.
    pub detail: String,
}

/// Whether a ledger advances, and if not, why: the most likely cause only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StandingState {
    /// Blocks come.
    #[default]
    Advancing,
    /// No transactions wait: the next block is an empty one. Normal.
    Idle,
    /// Blocks are final elsewhere and not yet applied here.
    CatchingUp,
    /// Too few validators are connected to this node.
    NoQuorum,
    /// A quorum is connected, and too few of them vote.
    VotesMissing,
    /// This node's clock differs from the others'.
    OwnClock,
    /// The disk refuses or is about to be full.
    Storage,
    /// Nothing of the above.
    Unknown,
}

impl StandingState {
    /// Stable word for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Advancing => "advancing",
            Self::Idle => "idle",
            Self::CatchingUp => "catching_up",
            Self::NoQuorum => "no_quorum",
            Self::VotesMissing => "votes_missing",
            Self::OwnClock => "own_clock",
            Self::Storage => "storage",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_store_that_is_behind_is_named() {
        let whole = StoreHeights {
            consensus: 100,
            state: 100,
            history: 100,
            chain: 100,
            certificates: 100,
        };
        assert_eq!(whole.behind(), None);
        assert_eq!(StoreHeights { certificates: 84, ..whole }.behind(), None, "within the limit");
        let behind = StoreHeights { chain: 40, certificates: 30, ..whole };
        assert_eq!(behind.behind(), Some(("chain", 60)));
        assert_eq!(StoreHeights { state: 200, ..whole }.behind(), None, "ahead is not behind");
    }
}
