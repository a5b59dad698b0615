//! Who leads a view.

use commonware_consensus::{
    simplex::elector::{Config, Elector as _, RoundRobin},
    types::{Epoch, Round, View},
};
use commonware_cryptography::Sha256;
use types::{ValidatorKey, ValidatorSet};

use crate::{StrictScheme, participants, validator_key};

/// How leaders are chosen: in turn. Part of the protocol: nodes that choose differently stall each
/// other.
pub type LeaderElector = RoundRobin<Sha256>;

/// The leader of `view` in `epoch`, whose validators are `set`. `None` for a set that no epoch can
/// have.
pub fn leader(set: &ValidatorSet, epoch: u64, view: u64) -> Option<ValidatorKey> {
    let participants = participants(set).ok()?;
    if participants.is_empty() {
        return None;
    }
    let elector = Config::<StrictScheme>::build(LeaderElector::default(), &participants);
    let elected = elector.elect(Round::new(Epoch::new(epoch), View::new(view)), ());
    let index = usize::try_from(elected.get()).ok()?;
    participants.get(index).map(validator_key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn everybody_leads_in_turn_and_the_epoch_shifts_the_turn() {
        let set = fixture::set(0..4);
        let leaders = |epoch: u64| -> Vec<ValidatorKey> {
            (1..=4).filter_map(|view| leader(&set, epoch, view)).collect()
        };
        let (mut first, mut second) = (leaders(0), leaders(1));
        assert_ne!(first, second);
        first.sort_unstable();
        second.sort_unstable();
        assert_eq!(first, second);
        assert_eq!(first, set.keys());
    }
}
