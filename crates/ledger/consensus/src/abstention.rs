//! Not signing while it is not certain what this node signed before.
//!
//! The journal of votes keeps a validator from contradicting itself after a crash. Where the journal
//! is lost, the node must not sign in any view in which its earlier self may have: it stays silent
//! until a block is final beyond every such view, and signs only in later views than that block's.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use commonware_consensus::types::{Epoch, Round, View};

/// Views beyond the newest final one that peers prove, in which the lost journal may have had
/// votes. A rest between two heartbeats has about 11 views without a final block with the default
/// time-outs; three times as many pass early at most. Where more than this pass, the ledger stands
/// still, and the block that ends the abstention is final only after it moved on.
pub const MARGIN_VIEWS: u64 = 128;

/// Whether this node may sign, and since when. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Abstention(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// No signature until a block of a later round is final.
    until: Option<Round>,
    /// The round of that block: no signature in it or before.
    silent_through: Option<Round>,
}

impl Abstention {
    /// Signs nothing until a block beyond `until` is final. A later bound replaces an earlier one.
    pub fn begin(&self, until: Round) {
        let mut state = self.lock();
        state.until = state.until.max(Some(until));
    }

    /// The round beyond which a block must be final before this node signs, while it does not.
    pub fn until(&self) -> Option<Round> {
        self.lock().until
    }

    /// Whether a vote of this round may be signed.
    pub fn allows(&self, round: Round) -> bool {
        let state = self.lock();
        state.until.is_none() && state.silent_through.is_none_or(|last| round > last)
    }

    /// A block of `round` is final; answers whether that ends the abstention.
    pub fn finalized(&self, round: Round) -> bool {
        let mut state = self.lock();
        let ends = state.until.is_some_and(|until| is_beyond(round, until));
        if ends {
            state.until = None;
            state.silent_through = state.silent_through.max(Some(round));
        }
        ends
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bound for a node whose peers prove that the newest final block is of `newest`.
pub fn bound_after(newest: Round) -> Round {
    let view = newest.view().get().saturating_add(MARGIN_VIEWS);
    Round::new(newest.epoch(), View::new(view))
}

/// Each epoch counts its views anew, and peers may not have told of the newest epoch yet: the first
/// views of the epoch after the bound's do not count either.
fn is_beyond(round: Round, until: Round) -> bool {
    let next = Epoch::new(until.epoch().get().saturating_add(1));
    let needed = if round.epoch() == next { MARGIN_VIEWS } else { until.view().get() };
    round.epoch() > next || (round.epoch() >= until.epoch() && round.view().get() > needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(epoch: u64, view: u64) -> Round {
        Round::new(Epoch::new(epoch), View::new(view))
    }

    #[test]
    fn signs_nothing_until_a_block_beyond_the_bound_is_final_and_then_only_later_views() {
        let abstention = Abstention::default();
        assert!(abstention.allows(round(0, 1)), "nothing was lost");
        abstention.begin(bound_after(round(3, 10)));
        assert_eq!(abstention.until(), Some(round(3, 10 + MARGIN_VIEWS)));
        assert!(!abstention.allows(round(9, 9_999)));
        assert!(!abstention.finalized(round(2, 9_999)), "an earlier epoch");
        assert!(!abstention.finalized(round(3, 10 + MARGIN_VIEWS)));
        assert!(!abstention.allows(round(9, 9_999)));
        assert!(abstention.finalized(round(3, 11 + MARGIN_VIEWS)));
        assert_eq!(abstention.until(), None);
        assert!(!abstention.allows(round(3, 11 + MARGIN_VIEWS)));
        assert!(abstention.allows(round(3, 12 + MARGIN_VIEWS)));
        assert!(abstention.allows(round(4, 1)));
    }

    #[test]
    fn the_next_epoch_has_its_own_margin_and_the_one_after_has_none() {
        let begun = || {
            let abstention = Abstention::default();
            abstention.begin(round(3, 500));
            abstention
        };
        assert!(!begun().finalized(round(4, MARGIN_VIEWS)));
        assert!(begun().finalized(round(4, MARGIN_VIEWS + 1)));
        assert!(begun().finalized(round(5, 1)));
    }

    #[test]
    fn a_later_bound_replaces_an_earlier_one() {
        let abstention = Abstention::default();
        abstention.begin(round(3, 500));
        abstention.begin(round(2, 900));
        assert_eq!(abstention.until(), Some(round(3, 500)));
        abstention.begin(round(4, 1));
        assert_eq!(abstention.until(), Some(round(4, 1)));
    }
}
