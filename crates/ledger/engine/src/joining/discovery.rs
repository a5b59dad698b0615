//! Finding out where the network is, trusting the genesis file only.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use commonware_consensus::types::{Epoch, Round, View};
use commonware_runtime::Clock;
use commonware_utils::{Faults as _, N3f1};
use consensus::{
    CertificateError, Finalization, PublicKey,
    history::{
        CertifiedHeader, HistoryError, HistoryRequest, SetStep, Sets, verify_steps, verify_tip,
    },
    library_finalization, validator_key,
};
use futures::{
    StreamExt as _,
    future::{Either, select},
    stream::FuturesUnordered,
};
use types::{Namespace, ValidatorKey, ValidatorSet};

use super::{Join, REPLAY_BLOCKS_MAX};
use crate::history::History;

/// Time for which a node that may have to start the network waits for other nodes to answer.
const START_WAIT: Duration = Duration::from_secs(2);
/// Time after which all peers are asked again, at first: connections may only be coming up.
const ROUND_MIN: Duration = Duration::from_millis(250);
/// The same after some rounds: an answer may have a megabyte to travel.
const ROUND_MAX: Duration = Duration::from_secs(8);
/// Time between two log lines while nobody answers.
const REPORT: Duration = Duration::from_secs(15);

/// What discovery knows of the network.
pub(super) struct Discovery {
    pub(super) namespace: Namespace,
    pub(super) epoch_blocks: u64,
    pub(super) join: Join,
    pub(super) own_key: ValidatorKey,
    pub(super) peers: Vec<PublicKey>,
    /// Validators by epoch, from epoch 0.
    pub(super) sets: Vec<ValidatorSet>,
}

/// Where to join.
pub(super) struct Found {
    /// Validators by epoch, from epoch 0 to the newest.
    pub(super) sets: Vec<ValidatorSet>,
    /// The certificate to start from.
    pub(super) floor: Finalization,
    /// Height of its block.
    pub(super) height: u64,
}

/// What asking came to.
pub(super) enum Decision {
    /// Fetch the state at a block.
    Join(Found),
    /// Execute the chain from where this node is.
    Replay {
        /// Round of the newest block that peers prove, if there is one.
        newest: Option<Round>,
    },
}

/// What a peer proved in one round.
struct Proved {
    /// Sets after the newest one known.
    further: Vec<ValidatorSet>,
    tip: Option<CertifiedHeader>,
}

/// What a round of questions came to.
enum Outcome {
    /// The newest set was not the newest: ask on.
    Further,
    Decided(Decision),
    Unanswered,
}

impl Discovery {
    /// Asks until it is clear whether and where to join.
    pub(super) async fn run(mut self, clock: &impl Clock, history: &History) -> Decision {
        let started = clock.current();
        let founder = self.is_founder();
        let mut reported = started;
        let mut asked = 0;
        let mut round = ROUND_MIN;
        loop {
            // A network that has finished an epoch needs nobody to start it.
            let patience = (founder && self.sets.len() == 1).then(|| started + START_WAIT);
            let round_end = clock.current() + round;
            let end = patience.map_or(round_end, |patience| patience.min(round_end));
            match self.round(clock, history, &mut asked, end).await {
                Outcome::Further => {}
                Outcome::Decided(decision) => return decision,
                Outcome::Unanswered => {
                    round = (round * 2).min(ROUND_MAX);
                    let now = clock.current();
                    if patience.is_some_and(|patience| now >= patience) {
                        return Decision::Replay { newest: None };
                    }
                    if now >= reported + REPORT {
                        reported = now;
                        let peers = self.peers.len();
                        tracing::info!(peers, "waiting for peers that tell where the network is");
                    }
                }
            }
        }
    }

    /// Whether this node may be needed to start the network, so that it must not wait for it.
    fn is_founder(&self) -> bool {
        let founder = self.sets.first().is_some_and(|set| set.keys().contains(&self.own_key));
        founder && self.join == Join::Auto
    }

    async fn round(
        &mut self,
        clock: &impl Clock,
        history: &History,
        asked: &mut u32,
        end: SystemTime,
    ) -> Outcome {
        let mut answers: FuturesUnordered<_> = self
            .peers
            .iter()
            .map(|peer| {
                *asked = asked.wrapping_add(1);
                let (known, peer, asked) = (Arc::new(self.known()), peer.clone(), *asked);
                let request = HistoryRequest::Sets { epoch: known.newest(), asked };
                async move {
                    let asking = history.ask(
                        request,
                        Some(peer.clone()),
                        clock.sleep_until(end),
                        move |bytes| known.check(bytes).map(Some),
                    );
                    (validator_key(&peer), asking.await)
                }
            })
            .collect();
        let mut tips = BTreeMap::new();
        let mut over = Box::pin(clock.sleep_until(end));
        loop {
            if let Some(outcome) = self.conclude(&tips) {
                return outcome;
            }
            let next = match select(answers.next(), &mut over).await {
                Either::Left((next, _)) => next,
                Either::Right(_) => return Outcome::Unanswered,
            };
            match next {
                Some((_, Some(proved))) if !proved.further.is_empty() => {
                    self.sets.extend(proved.further);
                    return Outcome::Further;
                }
                Some((peer, Some(proved))) => {
                    tips.insert(peer, proved.tip);
                }
                Some((_, None)) => {}
                None => {
                    over.await;
                    return Outcome::Unanswered;
                }
            }
        }
    }

    fn known(&self) -> Known {
        Known {
            namespace: self.namespace,
            epoch_blocks: self.epoch_blocks,
            sets: self.sets.clone(),
        }
    }

    /// What the answers so far allow: more validators of the newest epoch than may be dishonest
    /// must have told their newest block.
    fn conclude(&self, tips: &BTreeMap<ValidatorKey, Option<CertifiedHeader>>) -> Option<Outcome> {
        let newest = self.sets.last()?;
        let others = newest.keys().iter().filter(|key| **key != self.own_key);
        let told = others.clone().filter(|key| tips.contains_key(key)).count();
        let needed = N3f1::max_faults(newest.keys().len()) as usize + 1;
        if told < needed.min(others.count()) {
            return None;
        }
        let best = tips.values().flatten().max_by_key(|tip| tip.header.number);
        let newest = best.map(|tip| &tip.certificate);
        let newest = newest.map(|made| Round::new(Epoch::new(made.epoch), View::new(made.view)));
        let Some(best) = best.filter(|tip| self.is_far(tip.header.number)) else {
            return Some(Outcome::Decided(Decision::Replay { newest }));
        };
        let set = usize::try_from(best.certificate.epoch).ok().and_then(|at| self.sets.get(at))?;
        // It was verified with this set, so that it has this form.
        let floor = library_finalization(&best.certificate, set).ok()?;
        let height = best.header.number;
        let found = Found { sets: self.sets.clone(), floor, height };
        Some(Outcome::Decided(Decision::Join(found)))
    }

    fn is_far(&self, height: u64) -> bool {
        match self.join {
            Join::Replay => false,
            Join::StateSync => true,
            Join::Auto => height >= REPLAY_BLOCKS_MAX.min(self.epoch_blocks),
        }
    }
}

/// What an answer is checked against.
struct Known {
    namespace: Namespace,
    epoch_blocks: u64,
    sets: Vec<ValidatorSet>,
}

impl Known {
    fn newest(&self) -> u64 {
        self.sets.len() as u64 - 1
    }

    fn check(&self, bytes: &[u8]) -> Result<Proved, HistoryError> {
        let Sets { steps, tip } = Sets::decode(bytes)?;
        let further = self.check_steps(&steps)?;
        if let Some(tip) = &tip {
            let epoch = tip.certificate.epoch;
            let height = tip.header.number;
            let at = usize::try_from(epoch).unwrap_or(usize::MAX);
            let set = self.sets.iter().chain(&further).nth(at);
            let set = set.ok_or(HistoryError::Wrong { height, what: "is of an unproved epoch" })?;
            verify_tip(&self.namespace, self.epoch_blocks, epoch, set, tip)?;
            library_finalization(&tip.certificate, set)
                .map_err(|source: CertificateError| HistoryError::Certificate { height, source })?;
        }
        Ok(Proved { further, tip })
    }

    fn check_steps(&self, steps: &[SetStep]) -> Result<Vec<ValidatorSet>, HistoryError> {
        let Some(set) = self.sets.last() else {
            return Ok(Vec::new());
        };
        verify_steps(&self.namespace, self.epoch_blocks, self.newest(), set, steps)
    }
}

/// Asks any peer for the validators of `epoch`, given those of the epoch before; never gives up.
pub(super) async fn next_set(
    history: &History,
    namespace: Namespace,
    epoch_blocks: u64,
    epoch: Epoch,
    before: ValidatorSet,
) -> Option<ValidatorSet> {
    let previous = epoch.previous()?.get();
    let request = HistoryRequest::Sets { epoch: previous, asked: u32::MAX };
    let check = move |bytes: &[u8]| {
        let sets = Sets::decode(bytes)?;
        let steps = &sets.steps[..sets.steps.len().min(1)];
        let next = verify_steps(&namespace, epoch_blocks, previous, &before, steps)?;
        Ok(next.into_iter().next())
    };
    history.ask(request, None, futures::future::pending(), check).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    const EPOCH_BLOCKS: u64 = 1_000;

    fn key(number: u8) -> ValidatorKey {
        ValidatorKey([number; 32])
    }

    /// Node 9 asks four validators.
    fn discovery(join: Join, own_key: ValidatorKey) -> Discovery {
        Discovery {
            namespace: Namespace {
                chain_id: 1,
                genesis_hash: B256::ZERO,
                ledger_id: 0,
                incarnation: 0,
            },
            epoch_blocks: EPOCH_BLOCKS,
            join,
            own_key,
            peers: Vec::new(),
            sets: vec![ValidatorSet::new((0..4).map(key).collect()).unwrap()],
        }
    }

    fn nothing_from(keys: &[u8]) -> BTreeMap<ValidatorKey, Option<CertifiedHeader>> {
        keys.iter().map(|number| (key(*number), None)).collect()
    }

    #[test]
    fn more_validators_than_may_be_dishonest_must_answer() {
        let asking = discovery(Join::Auto, key(9));
        assert!(asking.conclude(&nothing_from(&[])).is_none());
        assert!(asking.conclude(&nothing_from(&[1])).is_none());
        assert!(asking.conclude(&nothing_from(&[1, 20, 21, 22])).is_none(), "strangers");
        let two = asking.conclude(&nothing_from(&[1, 3]));
        assert!(
            matches!(two, Some(Outcome::Decided(Decision::Replay { newest: None }))),
            "the network is only starting"
        );
        let founder = discovery(Join::Auto, key(1));
        assert!(founder.conclude(&nothing_from(&[1, 2])).is_none(), "its own word does not count");
    }

    #[test]
    fn a_single_validator_waits_for_nobody() {
        let mut alone = discovery(Join::Auto, key(0));
        alone.sets = vec![ValidatorSet::new(vec![key(0)]).unwrap()];
        assert!(matches!(
            alone.conclude(&nothing_from(&[])),
            Some(Outcome::Decided(Decision::Replay { newest: None }))
        ));
        alone.own_key = key(9);
        assert!(alone.conclude(&nothing_from(&[])).is_none(), "another node waits for it");
    }

    #[test]
    fn state_sync_begins_at_a_distance_unless_it_is_forced() {
        let far = |join, height| discovery(join, key(9)).is_far(height);
        assert!(!far(Join::Auto, REPLAY_BLOCKS_MAX - 1));
        assert!(far(Join::Auto, REPLAY_BLOCKS_MAX));
        assert!(far(Join::StateSync, 1));
        assert!(!far(Join::Replay, u64::MAX));
        let mut short = discovery(Join::Auto, key(9));
        short.epoch_blocks = 20;
        assert!(short.is_far(20) && !short.is_far(19));
    }

    #[test]
    fn only_who_may_have_to_start_the_network_is_impatient() {
        assert!(discovery(Join::Auto, key(0)).is_founder());
        assert!(!discovery(Join::Auto, key(9)).is_founder());
        assert!(!discovery(Join::StateSync, key(0)).is_founder());
    }
}
