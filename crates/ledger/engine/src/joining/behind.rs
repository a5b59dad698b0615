//! A node that was away for longer than its peers keep blocks.
//!
//! It cannot execute its way to the present: it gives up its state and fetches that of the network,
//! like a node that joins, and fills the gap in its chain store from whoever has the blocks. Found
//! out at a start, or while it follows in vain; then it stops with the reason, and the next start
//! does it.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use commonware_consensus::types::Epoch;
use commonware_runtime::Clock;
use consensus::{
    PublicKey,
    history::{Bodies, HistoryRequest},
};
use futures::future::{Either, select};
use types::{GenesisError, ValidatorKey, ValidatorSet};

use super::{
    Join,
    discovery::{Decision, Discovery, Found},
};
use crate::{StartError, core::Core, history::History};

/// How long a start that may be far behind waits for peers to tell where the network is.
const START_WAIT: Duration = Duration::from_secs(2);
/// How long all peers together may take to send the next block before it counts as gone.
const BLOCK_WAIT: Duration = Duration::from_secs(5);
/// Time between two looks at whether the head moves.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// Looks without a new block before peers are asked.
const LOOKS_IN_VAIN: u32 = 6;

/// Asks peers where the network is.
#[derive(Clone)]
pub(crate) struct Scout {
    pub(super) core: Arc<Core>,
    pub(super) history: History,
    pub(super) own_key: ValidatorKey,
    pub(super) peers: Vec<PublicKey>,
    /// Blocks that every peer keeps for others.
    pub(super) window: u64,
}

/// No peer serves the next block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeftBehind {
    /// The block that this node needs.
    pub(crate) next: u64,
    /// The newest block that peers prove.
    pub(crate) tip: u64,
}

impl Scout {
    /// The question to all peers, from the newest validators that this node knows.
    pub(super) fn discovery(&self, join: Join) -> Result<Discovery, StartError> {
        Ok(Discovery {
            namespace: self.core.namespace,
            epoch_blocks: self.core.genesis.parameters.epoch_blocks,
            join,
            own_key: self.own_key,
            peers: self.peers.clone(),
            sets: known_sets(&self.core)?,
        })
    }

    fn head(&self) -> u64 {
        self.core.chain.head().unwrap_or_default()
    }

    /// The network's newest block, if more than the window is between it and this node.
    async fn far_ahead(&self, clock: &impl Clock) -> Result<Option<Found>, StartError> {
        let asking = Box::pin(self.discovery(Join::StateSync)?.run(clock, &self.history));
        let over = Box::pin(clock.sleep(START_WAIT));
        let Either::Left((Decision::Join(found), _)) = select(asking, over).await else {
            return Ok(None);
        };
        Ok(Some(found).filter(|found| found.height > self.head().saturating_add(self.window)))
    }

    /// Whether any peer has the block after the newest one here.
    async fn is_served(&self, clock: &impl Clock) -> bool {
        let request = HistoryRequest::Bodies { top: self.head().saturating_add(1), count: 1 };
        let check = |bytes: &[u8]| {
            let Bodies(bodies) = Bodies::decode(bytes)?;
            Ok((!bodies.is_empty()).then_some(()))
        };
        self.history.ask(request, None, clock.sleep(BLOCK_WAIT), check).await.is_some()
    }

    /// Where the network is, if this node cannot follow it there block by block.
    pub(super) async fn left_behind(
        &self,
        clock: &impl Clock,
    ) -> Result<Option<Found>, StartError> {
        if !self.may_be_far(clock)? {
            return Ok(None);
        }
        match self.far_ahead(clock).await? {
            Some(found) if !self.is_served(clock).await => Ok(Some(found)),
            _ => Ok(None),
        }
    }

    /// Whether the window may have passed since the newest block here. A clock that is wrong costs
    /// a question, or leaves it to [`Self::watch`].
    pub(super) fn may_be_far(&self, clock: &impl Clock) -> Result<bool, StartError> {
        let Some((_, extension)) = self.core.chain.header(self.head())? else {
            return Ok(false);
        };
        let now_ms = clock.current().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let age_ms = now_ms.saturating_sub(u128::from(extension.time_ms));
        let interval_ms = self.core.genesis.parameters.interval_min_ms;
        Ok(age_ms >= u128::from(self.window.saturating_mul(interval_ms)))
    }

    /// Resolves if this node follows in vain because no peer keeps the next block any more.
    pub(crate) async fn watch(self, clock: impl Clock) -> LeftBehind {
        let (mut last, mut in_vain) = (self.head(), 0);
        loop {
            clock.sleep(LOOK_INTERVAL).await;
            let head = self.head();
            if head > last || self.core.joining.is_syncing() {
                (last, in_vain) = (head, 0);
                continue;
            }
            in_vain += 1;
            if in_vain < LOOKS_IN_VAIN {
                continue;
            }
            in_vain = 0;
            match self.far_ahead(&clock).await {
                Ok(Some(found)) if self.head() == head && !self.is_served(&clock).await => {
                    return LeftBehind { next: head.saturating_add(1), tip: found.height };
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "cannot ask where the network is"),
            }
        }
    }
}

/// The validators of all epochs from 0 on that this node knows without a gap.
pub(super) fn known_sets(core: &Core) -> Result<Vec<ValidatorSet>, StartError> {
    let mut sets = vec![core.genesis.validator_set().map_err(GenesisError::from)?];
    for epoch in 1.. {
        match core.chain.validators(epoch)? {
            Some(set) => sets.push(set),
            None => break,
        }
    }
    Ok(sets)
}

/// The epoch in which this node goes on, with its validators.
pub(super) fn current_set(core: &Core) -> Result<(Epoch, ValidatorSet), StartError> {
    let next = core.chain.head().unwrap_or_default().saturating_add(1);
    let epoch = next / core.genesis.parameters.epoch_blocks.max(1);
    let found = match epoch {
        0 => None,
        epoch => core.chain.validators(epoch)?,
    };
    match found {
        Some(set) => Ok((Epoch::new(epoch), set)),
        None => Ok((Epoch::zero(), core.genesis.validator_set().map_err(GenesisError::from)?)),
    }
}
