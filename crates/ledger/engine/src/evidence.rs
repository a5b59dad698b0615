//! Checks what consensus reports of conflicting votes and keeps what is proof.

use std::sync::Arc;

use chain::{ChainStore, EVIDENCE_MAX};
use commonware_consensus::Epochable as _;
use commonware_parallel::Strategy as _;
use consensus::{Activity, EpochSchemes, StrictScheme, evidence_in};
use futures::{StreamExt as _, channel::mpsc};
use ledger_api::LedgerError;

use crate::{
    Runtime,
    core::{Core, store},
    status::{Clock, Observed},
};

/// Conflicts that wait to be checked. What comes beyond is dropped: each conflict costs its author
/// the connection, so more than a few at one time are no loss of proof.
pub(crate) const CONFLICTS_WAITING_MAX: usize = 64;

/// Checks and keeps conflicts until the ledger stops.
pub(crate) async fn keep(
    core: Arc<Core>,
    schemes: EpochSchemes,
    observed: Observed,
    mut conflicts: mpsc::Receiver<Activity>,
) {
    if let Err(error) = count(&core, &observed) {
        tracing::error!(%error, "cannot read the evidence");
    }
    while let Some(activity) = conflicts.next().await {
        let (shared, schemes, seen_ms) = (Arc::clone(&core), schemes.clone(), observed.now_ms());
        // Signatures and fsync, so not on the task that consensus runs on.
        let work = move |_| record(&shared.chain, &schemes, &activity, seen_ms);
        core.strategy.spawn(1, work).await;
        if let Err(error) = count(&core, &observed) {
            tracing::error!(%error, "cannot read the evidence");
        }
    }
}

fn count(core: &Core, observed: &Observed) -> Result<(), LedgerError> {
    observed.set_evidence_count(core.chain.evidence(EVIDENCE_MAX).map_err(store)?.len());
    Ok(())
}

/// Keeps one conflict if it is proof. The answer tells whether it was new.
pub(crate) fn record(
    chain: &ChainStore,
    schemes: &EpochSchemes,
    activity: &Activity,
    seen_ms: u64,
) -> bool {
    let set = schemes.validators(activity.epoch());
    let scheme = set.and_then(|set| StrictScheme::verifier(schemes.namespace(), &set).ok());
    let Some(evidence) = scheme.and_then(|scheme| evidence_in(activity, &scheme, seen_ms)) else {
        tracing::warn!(epoch = activity.epoch().get(), "conflicting votes do not verify: no proof");
        return false;
    };
    let kept = chain.put_evidence(&evidence).unwrap_or_else(|error| {
        tracing::error!(%error, "cannot keep evidence");
        false
    });
    if kept {
        let [first, second] = &evidence.votes;
        tracing::error!(
            validator = %evidence.validator,
            epoch = evidence.epoch,
            view = evidence.view,
            first = first.kind.name(),
            second = second.kind.name(),
            "evidence kept: a validator signed two conflicting votes"
        );
    }
    kept
}

/// Starts watching the validators, and the task that keeps evidence.
pub(crate) fn watch<E: Runtime>(
    context: &E,
    core: &Arc<Core>,
    schemes: &EpochSchemes,
) -> (Observed, Clock) {
    let runtime = context.child("clock");
    let clock: Clock = Arc::new(move || consensus::pacing::now_ms(&runtime));
    let (sender, conflicts) = mpsc::channel(CONFLICTS_WAITING_MAX);
    let observed = Observed::new(schemes.clone(), Arc::clone(&clock), sender);
    let keeper = keep(Arc::clone(core), schemes.clone(), observed.clone(), conflicts);
    context.child("evidence").spawn(move |_| keeper);
    (observed, clock)
}
