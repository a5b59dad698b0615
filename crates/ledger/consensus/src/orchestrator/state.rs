//! What the orchestrator knows about the running epoch; no I/O.

use alloy_primitives::B256;
use commonware_consensus::{
    Heightable as _,
    types::{Epoch, Epocher as _, FixedEpocher, Height},
};

use crate::ConsensusBlock;

/// What a final block means for the running epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// It is not the epoch's last.
    Inside,
    /// It is the epoch's last.
    Boundary,
    /// It belongs to a later epoch: the last block of this one was skipped.
    Beyond,
}

/// The running epoch.
#[derive(Clone, Debug)]
pub(super) struct Current {
    epocher: FixedEpocher,
    epoch: Epoch,
    last: Height,
}

impl Current {
    /// `None` where heights run out.
    pub(super) fn new(epocher: FixedEpocher, epoch: Epoch) -> Option<Self> {
        let last = epocher.last(epoch)?;
        Some(Self { epocher, epoch, last })
    }

    /// The epoch of the first block that is not processed yet.
    pub(super) fn recovered(epocher: FixedEpocher, processed: Option<Height>) -> Option<Self> {
        let next = processed.unwrap_or(Height::zero()).next();
        let epoch = epocher.containing(next)?.epoch();
        Self::new(epocher, epoch)
    }

    /// The one after it.
    pub(super) fn next(&self) -> Option<Self> {
        Self::new(self.epocher.clone(), self.epoch.next())
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The block that decides the epoch's validators and is the root of its engine.
    pub(super) fn root(&self) -> Height {
        self.epoch
            .previous()
            .and_then(|previous| self.epocher.last(previous))
            .unwrap_or(Height::zero())
    }

    pub(super) fn position(&self, height: Height) -> Position {
        match height.cmp(&self.last) {
            std::cmp::Ordering::Less => Position::Inside,
            std::cmp::Ordering::Equal => Position::Boundary,
            std::cmp::Ordering::Greater => Position::Beyond,
        }
    }

    /// The height whose certificate to ask for when a message of `epoch` came in, if it is later.
    pub(super) fn behind(&self, epoch: Epoch) -> Option<Height> {
        (epoch > self.epoch).then_some(self.last)
    }

    /// The hash of this epoch's set according to `block`, if the block says anything about it: a
    /// block commits to the set that certifies the next height.
    pub(super) fn committed_set(&self, block: &ConsensusBlock) -> Option<B256> {
        let next = self.epocher.containing(block.height().next())?.epoch();
        (next == self.epoch).then_some(block.extension().next_validators_hash)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use commonware_utils::NZU64;

    use super::*;

    fn recovered(processed: Option<u64>) -> Current {
        Current::recovered(FixedEpocher::new(NZU64!(10)), processed.map(Height::new)).unwrap()
    }

    #[test]
    fn start_is_in_the_epoch_of_the_next_height() {
        let cases = [(None, 0), (Some(0), 0), (Some(8), 0), (Some(9), 1), (Some(19), 2)];
        for (processed, epoch) in cases {
            assert_eq!(recovered(processed).epoch(), Epoch::new(epoch), "{processed:?}");
        }
    }

    #[test]
    fn the_root_is_block_0_or_the_last_block_of_the_epoch_before() {
        assert_eq!(recovered(None).root(), Height::zero());
        assert_eq!(recovered(Some(9)).root(), Height::new(9));
        assert_eq!(recovered(Some(25)).root(), Height::new(19));
        assert_eq!(recovered(Some(9)).next().unwrap().root(), Height::new(19));
    }

    #[test]
    fn places_final_blocks() {
        let current = recovered(Some(12));
        assert_eq!(current.position(Height::new(3)), Position::Inside, "delivered again");
        assert_eq!(current.position(Height::new(18)), Position::Inside);
        assert_eq!(current.position(Height::new(19)), Position::Boundary);
        assert_eq!(current.position(Height::new(20)), Position::Beyond);
    }

    #[test]
    fn only_later_epochs_say_that_we_are_behind() {
        let current = recovered(Some(12));
        assert_eq!(current.behind(Epoch::new(0)), None);
        assert_eq!(current.behind(Epoch::new(1)), None);
        assert_eq!(current.behind(Epoch::new(2)), Some(Height::new(19)));
        assert_eq!(current.behind(Epoch::new(u64::MAX)), Some(Height::new(19)));
    }

    #[test]
    fn the_end_of_all_heights_is_no_panic() {
        let epocher = FixedEpocher::new(NZU64!(10));
        assert!(Current::new(epocher, Epoch::new(u64::MAX)).is_none());
    }
}
