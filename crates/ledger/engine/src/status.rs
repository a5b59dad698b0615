//! What was seen of the other validators, for operators.

mod clocks;
mod report;
mod standing;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use commonware_actor::Feedback;
use commonware_consensus::{
    Epochable as _, Reporter, Viewable as _,
    marshal::Update,
    types::{Epoch, Participant},
};
use commonware_utils::Acknowledgement as _;
use consensus::{Activity, ConsensusBlock, Digest, EpochSchemes, pacing::Work};
use futures::channel::mpsc;
use types::ValidatorKey;

use self::clocks::Clocks;

/// Milliseconds since the Unix epoch on the runtime's clock.
pub(crate) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Validators whose votes are remembered; beyond it the one with the smallest key is forgotten.
const VOTERS_MAX: usize = 2 * types::limits::VALIDATORS_MAX;

/// What consensus reported so far. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Observed {
    schemes: EpochSchemes,
    clock: Clock,
    seen: Arc<Mutex<Seen>>,
    /// Conflicting votes on their way to whoever checks and keeps them.
    conflicts: mpsc::Sender<Activity>,
}

#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) epoch: u64,
    /// The view that this node is in, as far as votes and certificates tell.
    pub(crate) view: u64,
    pub(crate) votes: BTreeMap<ValidatorKey, Votes>,
    pub(crate) clocks: Clocks,
    /// Entries of evidence in the store.
    pub(crate) evidence_count: usize,
    /// Newest height that consensus knows to be final, applied here or not.
    pub(crate) tip: u64,
    /// What the host says is wrong with the disk.
    pub(crate) storage_trouble: Option<String>,
}

/// Votes of one validator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Votes {
    /// When the last one was seen, milliseconds since the Unix epoch.
    pub(crate) last_ms: u64,
    /// How many were seen, alone or in certificates.
    pub(crate) count: u64,
}

impl Observed {
    /// `conflicts` receives what [`crate::evidence`] checks and keeps.
    pub(crate) fn new(
        schemes: EpochSchemes,
        clock: Clock,
        conflicts: mpsc::Sender<Activity>,
    ) -> Self {
        Self { schemes, clock, seen: Arc::default(), conflicts }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        (self.clock)()
    }

    /// A leader's block arrived with its time `ahead_ms` after the own clock.
    pub(crate) fn saw_block(&self, leader: ValidatorKey, ahead_ms: i64) {
        self.lock().clocks.add(leader, ahead_ms);
    }

    /// So many entries of evidence are in the store.
    pub(crate) fn set_evidence_count(&self, count: usize) {
        self.lock().evidence_count = count;
    }

    /// The host says what is wrong with the disk.
    pub(crate) fn set_storage_trouble(&self, trouble: Option<String>) {
        self.lock().storage_trouble = trouble;
    }

    fn voted(&self, epoch: Epoch, signers: impl Iterator<Item = Participant>) {
        let Some(set) = self.schemes.validators(epoch) else { return };
        let now_ms = self.now_ms();
        let mut seen = self.lock();
        for signer in signers {
            let index = usize::try_from(signer.get()).unwrap_or(usize::MAX);
            let Some(key) = set.keys().get(index) else { continue };
            let votes = seen.votes.entry(*key).or_default();
            *votes = Votes { last_ms: now_ms, count: votes.count.saturating_add(1) };
        }
        while seen.votes.len() > VOTERS_MAX {
            seen.votes.pop_first();
        }
    }

    /// This node is in `view` or later.
    fn at(&self, epoch: Epoch, view: u64) {
        let mut seen = self.lock();
        if (epoch.get(), view) > (seen.epoch, seen.view) {
            (seen.epoch, seen.view) = (epoch.get(), view);
        }
    }

    fn conflict(&mut self, activity: Activity) {
        let (epoch, view) = (activity.epoch().get(), activity.view().get());
        tracing::warn!(epoch, view, "a validator signed two conflicting votes");
        if self.conflicts.try_send(activity).is_err() {
            tracing::warn!(epoch, view, "evidence dropped: too much of it at one time");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Observed {
    type Activity = Activity;

    fn report(&mut self, activity: Activity) -> Feedback {
        let (epoch, view) = (activity.epoch(), activity.view().get());
        match &activity {
            Activity::Notarize(vote) => {
                self.at(epoch, view);
                self.voted(epoch, [vote.attestation.signer].into_iter());
            }
            Activity::Nullify(vote) => {
                self.at(epoch, view);
                self.voted(epoch, [vote.attestation.signer].into_iter());
            }
            Activity::Finalize(vote) => {
                self.voted(epoch, [vote.attestation.signer].into_iter());
            }
            // What a quorum signed ends the view.
            Activity::Notarization(made) => self.voted(epoch, made.certificate.signers.iter()),
            Activity::Certification(_) => self.at(epoch, view.saturating_add(1)),
            Activity::Nullification(made) => {
                self.at(epoch, view.saturating_add(1));
                self.voted(epoch, made.certificate.signers.iter());
            }
            Activity::Finalization(made) => {
                self.at(epoch, view.saturating_add(1));
                self.voted(epoch, made.certificate.signers.iter());
            }
            Activity::ConflictingNotarize(_)
            | Activity::ConflictingFinalize(_)
            | Activity::NullifyFinalize(_) => self.conflict(activity),
        }
        Feedback::Ok
    }
}

/// The proposer's rhythm with [`Observed`] watching the blocks that arrive.
#[derive(Clone)]
pub(crate) struct Watched<W> {
    pub(crate) work: W,
    pub(crate) observed: Observed,
}

impl<W: Work> Work for Watched<W> {
    fn has_work(&self, parent: &Digest) -> impl Future<Output = bool> + Send {
        self.work.has_work(parent)
    }

    fn wait_for_work(&self, parent: &Digest) -> impl Future<Output = ()> + Send {
        self.work.wait_for_work(parent)
    }

    fn validator_change_pending(&self, parent: &Digest) -> impl Future<Output = bool> + Send {
        self.work.validator_change_pending(parent)
    }

    fn empty_run_length(&self, parent: &Digest) -> impl Future<Output = u64> + Send {
        self.work.empty_run_length(parent)
    }

    fn saw_block(&self, leader: ValidatorKey, ahead_ms: i64) {
        self.observed.saw_block(leader, ahead_ms);
    }
}

/// Tells [`Observed`] how far the network is, which may be ahead of what this node has applied.
#[derive(Clone)]
pub(crate) struct TipReporter(pub(crate) Observed);

impl Reporter for TipReporter {
    type Activity = Update<ConsensusBlock>;

    fn report(&mut self, activity: Update<ConsensusBlock>) -> Feedback {
        match activity {
            Update::Tip(_, height, _) => {
                let mut seen = self.0.lock();
                seen.tip = seen.tip.max(height.get());
            }
            Update::Block(_, acknowledgement) => acknowledgement.acknowledge(),
        }
        Feedback::Ok
    }
}
