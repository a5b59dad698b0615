//! What a start decides before consensus and the databases open.

use std::sync::Arc;

use commonware_consensus::types::{Epoch, Round};
use commonware_glue::stateful::{Mailbox, SyncPlan};
use consensus::{
    EpochSchemes, Finalization, PeerSets, PublicKey, StrictScheme, Variant,
    abstention::bound_after, orchestrator, public_key, validator_key,
};
use types::{GenesisError, ValidatorKey};

use super::{
    Join, anchor,
    behind::{Scout, current_set, known_sets},
    discovery::{Decision, Found},
};
use crate::{
    Config, Runtime, StartError,
    application::App,
    backfill,
    core::Core,
    history::History,
    start::Past,
    stores::{Reason, Stores},
};

type Plan<E> = SyncPlan<E, StrictScheme, Variant>;

/// What a start needs to decide how this node comes to the present.
pub(crate) struct Joiner<'a, E> {
    pub(crate) context: &'a E,
    pub(crate) core: &'a Arc<Core>,
    pub(crate) config: &'a Config,
    pub(crate) schemes: &'a EpochSchemes,
    pub(crate) history: &'a History,
}

impl<E: Runtime> Joiner<'_, E> {
    /// Asks peers where the network is.
    pub(crate) fn scout(&self) -> Result<Scout, StartError> {
        let founders = self.core.genesis.validator_set().map_err(GenesisError::from)?;
        let identity = &self.config.identity;
        let own_key = validator_key(&commonware_cryptography::Signer::public_key(identity));
        Ok(Scout {
            core: Arc::clone(self.core),
            history: self.history.clone(),
            own_key,
            peers: everybody(self.config, founders.keys(), own_key)?,
            window: self.config.windows.archived(self.core.genesis.parameters.epoch_blocks),
        })
    }

    /// Decides between going on, replay and state sync. For the last, stores the validator sets and
    /// the certificate to start from, and answers that certificate. It may begin a new set of stores.
    pub(crate) async fn prepare(
        &self,
        stores: &mut Stores,
        plan: Plan<E>,
        peer_sets: &mut impl PeerSets,
    ) -> Result<(Plan<E>, Option<Finalization>), StartError> {
        let interrupted = plan.floor().is_some();
        let held = self.core.chain.head().unwrap_or_default();
        if !interrupted && !plan.may_sync() {
            return self.follow(stores, plan, peer_sets).await;
        }
        // Where blocks are held, their state is lost: it is nearer at the peers' present.
        let join = if interrupted { Join::StateSync } else { self.config.join };
        if join == Join::Replay {
            return Ok((plan, None));
        }
        let join = if held > 0 { Join::StateSync } else { join };
        let (epoch, set) = current_set(self.core)?;
        peer_sets.track(epoch, &set);
        match self.scout()?.discovery(join)?.run(self.context, self.history).await {
            Decision::Join(found) => self.join(stores, plan, found).await,
            Decision::Replay { newest } => {
                // Nobody knows a later block than the one that this node has begun to join at.
                if let Some(found) = self.begun(&plan)? {
                    return self.join(stores, plan, found).await;
                }
                if let Some(newest) = newest {
                    self.abstain_if_new(stores, newest).await?;
                }
                Ok((plan, None))
            }
        }
    }

    /// The block at which joining was begun, if its validators are known.
    fn begun(&self, plan: &Plan<E>) -> Result<Option<Found>, StartError> {
        let Some(floor) = plan.floor().cloned() else { return Ok(None) };
        let epoch = floor.proposal.round.epoch().get();
        let mut sets = known_sets(self.core)?;
        let known = usize::try_from(epoch).unwrap_or(usize::MAX).saturating_add(1);
        sets.truncate(known);
        let height = self.core.chain.head().unwrap_or_default();
        Ok((sets.len() == known).then_some(Found { sets, floor, height }))
    }

    /// A node that has its state goes on from there, if its peers still serve what follows.
    async fn follow(
        &self,
        stores: &mut Stores,
        plan: Plan<E>,
        peer_sets: &mut impl PeerSets,
    ) -> Result<(Plan<E>, Option<Finalization>), StartError> {
        let scout = self.scout()?;
        let (epoch, set) = current_set(self.core)?;
        if scout.may_be_far(self.context)? {
            peer_sets.track(epoch, &set);
        }
        let Some(found) = scout.left_behind(self.context).await? else {
            return Ok((plan, None));
        };
        let (held, tip) = (self.core.chain.head().unwrap_or_default(), found.height);
        if self.config.join == Join::Replay {
            return Err(StartError::PeersPruned { next: held.saturating_add(1), tip });
        }
        tracing::warn!(held, tip, "no peer keeps the next block, the state is fetched anew");
        drop(plan);
        stores.renew(self.context, Reason::Behind).await?;
        let plan = SyncPlan::init(self.context.child("plan_anew"), stores.prefix()).await;
        self.join(stores, plan, found).await
    }

    async fn join(
        &self,
        stores: &Stores,
        plan: Plan<E>,
        found: Found,
    ) -> Result<(Plan<E>, Option<Finalization>), StartError> {
        self.abstain_if_new(stores, found.floor.proposal.round).await?;
        register(self.core, self.schemes, &found)?;
        self.core.joining.begin_syncing();
        let epoch = found.floor.proposal.round.epoch().get();
        tracing::info!(height = found.height, epoch, "joining by state sync");
        let plan = plan.set_floor(found.floor).await;
        let floor = plan.floor().cloned();
        Ok((plan, floor))
    }

    /// A node without any journal of votes may have signed in any view up to the network's present.
    async fn abstain_if_new(&self, stores: &Stores, newest: Round) -> Result<(), StartError> {
        let failed = |error| StartError::Store(format!("journals of votes: {error}"));
        let prefix = stores.journal_prefix();
        if !orchestrator::is_new(self.context, prefix).await.map_err(failed)? {
            return Ok(());
        }
        let until = bound_after(newest);
        orchestrator::keep_bound(self.context, prefix, until).await.map_err(failed)?;
        self.schemes.abstention().begin(until);
        Ok(())
    }
}

/// Every other node that this one knows by name.
fn everybody(
    config: &Config,
    founders: &[ValidatorKey],
    own_key: ValidatorKey,
) -> Result<Vec<PublicKey>, StartError> {
    let configured = config.peers.iter().map(|peer| peer.key);
    let mut keys: Vec<ValidatorKey> = configured.chain(founders.iter().copied()).collect();
    keys.sort_unstable();
    keys.dedup();
    let others = keys.iter().filter(|key| **key != own_key);
    Ok(others.map(public_key).collect::<Result<_, _>>()?)
}

/// Stores the sets of all epochs; marshal must be able to check those of the last two.
fn register(core: &Core, schemes: &EpochSchemes, found: &Found) -> Result<(), StartError> {
    for (epoch, set) in (0..).zip(&found.sets).skip(1) {
        core.chain.put_validators(epoch, set)?;
    }
    core.chain.persist()?;
    for (epoch, set) in (0..).zip(&found.sets).skip(found.sets.len().saturating_sub(2)) {
        schemes.register(Epoch::new(epoch), set)?;
    }
    Ok(())
}

/// Waits for the databases and turns a joining node into one that follows and serves.
pub(crate) async fn finish<E: Runtime>(context: E, past: Past<E>, stateful: Mailbox<E, App>) {
    let core = &past.core;
    let databases = stateful.subscribe_databases().await;
    let settled = anchor::settle(&context, core, &past.marshal, &databases).await;
    let settled = settled.unwrap_or_else(|error| {
        // Going on would serve a state that nobody certified. A restart begins at the same block.
        tracing::error!(%error, "joining failed, stopping");
        panic!("joining failed: {error}");
    });
    core.latest.open(databases);
    core.joining.end_syncing();
    // Users see a block with everything that belongs to it, or not at all.
    backfill::newest(&context, core, &past.history).await;
    if let Some(height) = settled
        && let Err(error) = anchor::show(core, height)
    {
        tracing::error!(%error, "cannot read the block at which the chain begins");
    }
    tracing::info!(height = core.head.get().number, "joined, fetching older blocks");
    past.keep();
}
