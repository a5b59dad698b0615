//! Observers as the state has them, told to the network as soon as their block is final.
//!
//! Nobody but the validators, the configured nodes and the observers registered on chain can connect
//! at all: the handshake refuses every other key.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use alloy_primitives::U256;
use commonware_consensus::types::Epoch;
use consensus::PeerSets;
use ledger_api::LedgerError;
use state::{StateKey, StateValue};
use system::validators::StoredObservers;
use types::{ValidatorKey, ValidatorSet};

use crate::{core::Core, names};

/// What tells the network whom to keep, shared by consensus (validators) and this module.
pub(crate) struct SharedPeers<P>(Arc<Mutex<P>>);

impl<P> Clone for SharedPeers<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P: PeerSets> SharedPeers<P> {
    pub(crate) fn new(peers: P) -> Self {
        Self(Arc::new(Mutex::new(peers)))
    }
}

impl<P: PeerSets> PeerSets for SharedPeers<P> {
    fn track(&mut self, epoch: Epoch, validators: &ValidatorSet) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).track(epoch, validators);
    }

    fn observe(&mut self, observers: &[(ValidatorKey, SocketAddr)]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).observe(observers);
    }
}

/// Follows the list until the ledger stops. One slot is read per final block; the list itself only
/// when it changed.
pub(crate) async fn follow(core: Arc<Core>, mut peers: impl PeerSets) {
    let mut seen = U256::ZERO;
    let mut registered = Vec::new();
    let mut named = None;
    loop {
        let height = core.head.get().number;
        match changed(&core, height, seen).await {
            Ok(Some((changes, observers))) => {
                tracing::info!(height, observers = observers.len(), "observers changed");
                peers.observe(&observers);
                registered = observers.into_iter().map(|(key, _)| key).collect();
                seen = changes;
            }
            Ok(None) => {}
            // The state of a node that joins opens later; the next block asks again.
            Err(error) => tracing::debug!(height, %error, "cannot read the observers"),
        }
        // Names come with the list, and count for validators, whose sets come with the epochs.
        let epoch = height.saturating_add(1) / core.genesis.parameters.epoch_blocks.max(1);
        if named != Some((seen, epoch)) {
            match names::learn(&core, height, &registered).await {
                Ok(()) => named = Some((seen, epoch)),
                Err(error) => tracing::debug!(height, %error, "cannot read the names"),
            }
        }
        core.head.beyond(height).await;
    }
}

type Observers = Vec<(ValidatorKey, SocketAddr)>;

/// The observers after block `height`, if the list changed since it was `seen`.
async fn changed(
    core: &Core,
    height: u64,
    seen: U256,
) -> Result<Option<(U256, Observers)>, LedgerError> {
    let head = [StoredObservers::changes_slot(), StoredObservers::length_slot()];
    let head = read(core, height, &head).await?;
    let [changes, length] = head[..] else { return Ok(None) };
    if changes == seen {
        return Ok(None);
    }
    let keys = read(core, height, &StoredObservers::key_slots(length)).await?;
    let slots: Vec<U256> = keys.iter().map(|key| StoredObservers::address_slot(*key)).collect();
    let addresses = read(core, height, &slots).await?;
    let stored = keys.into_iter().zip(addresses);
    let observers = stored.map(|(key, address)| {
        let observer = StoredObservers::decode(key, address);
        (observer.key, observer.address)
    });
    Ok(Some((changes, observers.collect())))
}

async fn read(core: &Core, height: u64, slots: &[U256]) -> Result<Vec<U256>, LedgerError> {
    let keys: Vec<StateKey> =
        slots.iter().map(|slot| StateKey::Storage(StoredObservers::ADDRESS, *slot)).collect();
    let values = core.read_state(height, &keys).await?;
    let word = |value| match value {
        Some(StateValue::Storage(word)) => word,
        _ => U256::ZERO,
    };
    Ok(values.into_iter().map(word).collect())
}
