//! What a start decides before consensus and the databases open.

use std::{io, path::Path};

use commonware_consensus::types::Epoch;
use commonware_glue::stateful::{Mailbox, SyncPlan};
use commonware_runtime::Clock;
use consensus::{
    EpochSchemes, Finalization, PeerSets, PublicKey, StrictScheme, Variant, public_key,
    validator_key,
};
use types::{GenesisError, ValidatorKey};

use super::{
    Join, anchor,
    discovery::{Discovery, Found},
};
use crate::{
    Config, Runtime, StartError, application::App, backfill, core::Core, history::History,
    start::Past,
};

/// Where state sync began and its databases were never completed, the chain store holds nothing
/// that could be relied on, and nothing that cannot be fetched again: it is emptied.
pub(crate) fn discard_unfinished<E: Runtime>(
    plan: &SyncPlan<E, StrictScheme, Variant>,
    chain_folder: &Path,
) -> Result<(), StartError> {
    if plan.floor().is_none() {
        return Ok(());
    }
    tracing::info!("state sync was interrupted, joining begins again");
    match std::fs::remove_dir_all(chain_folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StartError::Store(format!("cannot empty {}: {error}", chain_folder.display())))
        }
        _ => Ok(()),
    }
}

/// Decides between replay and state sync. For the latter, stores the validator sets and the
/// certificate to start from, and answers that certificate.
pub(crate) async fn prepare<E: Runtime>(
    clock: &impl Clock,
    core: &Core,
    config: &Config,
    schemes: &EpochSchemes,
    plan: SyncPlan<E, StrictScheme, Variant>,
    history: &History,
    peer_sets: &mut impl PeerSets,
) -> Result<(SyncPlan<E, StrictScheme, Variant>, Option<Finalization>), StartError> {
    let interrupted = plan.floor().is_some();
    let empty = plan.may_sync() && core.chain.head() == Some(0);
    let join = if interrupted { Join::StateSync } else { config.join };
    if !interrupted && (!empty || join == Join::Replay) {
        return Ok((plan, None));
    }
    let founders = core.genesis.validator_set().map_err(GenesisError::from)?;
    peer_sets.track(Epoch::zero(), &founders);
    let own_key = validator_key(&commonware_cryptography::Signer::public_key(&config.identity));
    let discovery = Discovery {
        namespace: core.namespace,
        epoch_blocks: core.genesis.parameters.epoch_blocks,
        join,
        own_key,
        peers: everybody(config, founders.keys(), own_key)?,
        sets: vec![founders],
    };
    let Some(found) = discovery.run(clock, history).await else {
        return Ok((plan, None));
    };
    register(core, schemes, &found)?;
    core.joining.set_syncing(true);
    let epoch = found.floor.proposal.round.epoch().get();
    tracing::info!(height = found.height, epoch, "joining by state sync");
    let plan = plan.set_floor(found.floor).await;
    let floor = plan.floor().cloned();
    Ok((plan, floor))
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
    if let Err(error) = anchor::settle(&context, core, &past.marshal, &databases).await {
        // Going on would serve a state that nobody certified. A restart begins at the same block.
        tracing::error!(%error, "joining failed, stopping");
        panic!("joining failed: {error}");
    }
    core.latest.open(databases);
    core.joining.set_syncing(false);
    // Users see a block with everything that belongs to it, or not at all.
    backfill::newest(&context, core, &past.history).await;
    if let Err(error) = anchor::show(core) {
        tracing::error!(%error, "cannot read the block at which the chain begins");
    }
    tracing::info!(height = core.head.get().number, "joined, fetching older blocks");
    past.keep();
}
