//! Who was heard of, for operators.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use commonware_actor::Feedback;
use commonware_consensus::{
    Epochable as _, Reporter, Viewable as _, marshal::Update, types::Epoch,
};
use commonware_utils::{Acknowledgement as _, Participant};
use consensus::{Activity, ConsensusBlock, EpochSchemes};
use types::ValidatorKey;

/// Milliseconds since the Unix epoch on the runtime's clock.
pub(crate) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What consensus reported so far. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Observed {
    schemes: EpochSchemes,
    clock: Clock,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) epoch: u64,
    pub(crate) view: u64,
    /// When each validator's last vote was seen, milliseconds since the Unix epoch.
    pub(crate) votes: BTreeMap<ValidatorKey, u64>,
    /// Validators that signed two different things in one view.
    pub(crate) equivocations: u64,
    /// Newest height that consensus knows to be final, applied here or not.
    pub(crate) tip: u64,
}

impl Observed {
    pub(crate) fn new(schemes: EpochSchemes, clock: Clock) -> Self {
        Self { schemes, clock, seen: Arc::default() }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        (self.clock)()
    }

    fn vote(&self, epoch: Epoch, signer: Participant) {
        let Some(set) = self.schemes.validators(epoch) else { return };
        let index = usize::try_from(signer.get()).unwrap_or(usize::MAX);
        if let Some(key) = set.keys().get(index) {
            let now = self.now_ms();
            self.lock().votes.insert(*key, now);
        }
    }

    fn at(&self, epoch: u64, view: u64) {
        let mut seen = self.lock();
        if (epoch, view) > (seen.epoch, seen.view) {
            (seen.epoch, seen.view) = (epoch, view);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Observed {
    type Activity = Activity;

    fn report(&mut self, activity: Activity) -> Feedback {
        self.at(activity.epoch().get(), activity.view().get());
        match &activity {
            Activity::Notarize(vote) => self.vote(vote.epoch(), vote.attestation.signer),
            Activity::Nullify(vote) => self.vote(vote.epoch(), vote.attestation.signer),
            Activity::Finalize(vote) => self.vote(vote.epoch(), vote.attestation.signer),
            Activity::ConflictingNotarize(_)
            | Activity::ConflictingFinalize(_)
            | Activity::NullifyFinalize(_) => {
                self.lock().equivocations += 1;
                tracing::warn!(
                    epoch = activity.epoch().get(),
                    view = activity.view().get(),
                    "a validator signed two conflicting votes"
                );
            }
            _ => {}
        }
        Feedback::Ok
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
