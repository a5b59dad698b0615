//! The rule applied around an application, on the runtime's clock.

use std::{
    future::Future,
    time::{Duration, UNIX_EPOCH},
};

use commonware_consensus::{Application, Handoff, marshal::ancestry::Ancestry};
use commonware_cryptography::{Digested, Digestible as _};
use commonware_macros::select;
use commonware_runtime::Clock;
use futures::StreamExt as _;
use types::ValidatorKey;

use super::{Decision, Parent, Pending, Rhythm, decide};
use crate::{ConsensusBlock, Context, Digest};

/// Pause after a report of work that turned out to be none for this parent, milliseconds. It keeps
/// a source that reports too much from spinning.
const RECHECK_MS: u64 = 5;

/// What the proposer asks the ledger. Answers are about the chain that ends in `parent`.
pub trait Work: Clone + Send + Sync + 'static {
    /// Whether a transaction could go on top of `parent`: in the pool and not in one of the
    /// unfinalized ancestors.
    fn has_work(&self, parent: &Digest) -> impl Future<Output = bool> + Send;

    /// Completes when a transaction that could go on top of `parent` may have come since the call.
    /// It may complete too often, never too rarely.
    fn wait_for_work(&self, parent: &Digest) -> impl Future<Output = ()> + Send;

    /// Whether the state after `parent` holds validators for the next epoch that differ from this
    /// epoch's.
    fn validator_change_pending(&self, parent: &Digest) -> impl Future<Output = bool> + Send;

    /// Empty blocks up to and including `parent` since the last one with transactions; `u64::MAX`
    /// if there was none. Counting may stop at the parameter `trailing_blocks`.
    fn empty_run_length(&self, parent: &Digest) -> impl Future<Output = u64> + Send;

    /// A leader's block arrived, with its time `ahead_ms` after (negative: before) this node's
    /// clock. For operators; nothing depends on it.
    fn saw_block(&self, _leader: ValidatorKey, _ahead_ms: i64) {}
}

/// An application that is asked for a block only when one is due.
#[derive(Clone)]
pub struct Paced<A, W> {
    inner: A,
    work: W,
    rhythm: Rhythm,
}

impl<A, W: Work> Paced<A, W> {
    /// Wraps `inner`.
    pub fn new(inner: A, work: W, rhythm: Rhythm) -> Self {
        Self { inner, work, rhythm }
    }

    /// Waits until a block on `parent` is due. False if the turn is to pass without one.
    async fn hold<E: Clock>(&self, clock: &E, parent: &Digested<ConsensusBlock>) -> bool {
        let digest = parent.digest();
        let facts = Parent { height: parent.inner().number(), time_ms: parent.inner().time_ms() };
        let turn_ms = now_ms(clock);
        loop {
            // Registered before the pool is asked, so that nothing slips between.
            let arrival = self.work.wait_for_work(&digest);
            let pending = self.pending(&digest).await;
            match decide(now_ms(clock), turn_ms, &facts, &pending, &self.rhythm) {
                Decision::Propose => return true,
                Decision::Pass => return false,
                Decision::WaitUntil(time_ms) if pending.transactions => {
                    wait_until_time(clock, time_ms).await;
                }
                Decision::WaitUntil(time_ms) => {
                    wait_for_either(clock, time_ms, arrival).await;
                    if !self.work.has_work(&digest).await {
                        let pause_ms = now_ms(clock).saturating_add(RECHECK_MS).min(time_ms);
                        wait_until_time(clock, pause_ms).await;
                    }
                }
            }
        }
    }

    async fn pending(&self, parent: &Digest) -> Pending {
        Pending {
            transactions: self.work.has_work(parent).await,
            validator_change: self.work.validator_change_pending(parent).await,
            empty_run: self.work.empty_run_length(parent).await,
        }
    }
}

async fn wait_for_either<E: Clock>(clock: &E, time_ms: u64, arrival: impl Future<Output = ()>) {
    select! {
        _ = wait_until_time(clock, time_ms) => {},
        _ = arrival => {},
    }
}

impl<E, A, W> Application<E> for Paced<A, W>
where
    E: Clock,
    A: Application<E, Block = ConsensusBlock, Context = Context, Input = ()> + Sync,
    W: Work,
{
    type SigningScheme = A::SigningScheme;
    type Context = Context;
    type Block = ConsensusBlock;
    type Input = ();

    async fn prepare(
        &mut self,
        _context: (E, Context),
        _ancestry: impl Ancestry<ConsensusBlock>,
        _input: (),
    ) -> Handoff<Digested<ConsensusBlock>> {
        // A block before its parent is certified would be a block before its time.
        Handoff::Wait
    }

    async fn propose(
        &mut self,
        context: (E, Context),
        ancestry: impl Ancestry<ConsensusBlock>,
        input: (),
    ) -> Option<Digested<ConsensusBlock>> {
        let parent = ancestry.clone().next().await?;
        if !self.hold(&context.0, &parent).await {
            return None;
        }
        self.inner.propose(context, ancestry, input).await
    }

    async fn verify(
        &mut self,
        context: (E, Context),
        ancestry: impl Ancestry<ConsensusBlock>,
    ) -> bool {
        let Some(block) = ancestry.clone().next().await else {
            return false;
        };
        let block_time_ms = block.inner().time_ms();
        let ahead_ms = block_time_ms.cast_signed().saturating_sub(now_ms(&context.0).cast_signed());
        self.work.saw_block(block.inner().extension().leader, ahead_ms);
        // Here and not in the application: finalization waits for what the application does, and
        // a leader may claim any time. A block too far ahead dies with its view, which ends this.
        wait_until_time(&context.0, block_time_ms).await;
        self.inner.verify(context, ancestry).await
    }
}

/// The runtime's time, milliseconds since the Unix epoch; 0 before it.
pub fn now_ms(clock: &impl Clock) -> u64 {
    let since = clock.current().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Waits until the clock shows `time_ms`. A validator calls it before it answers for a candidate
/// block, so that it holds its vote while the block is ahead of its own clock; a block too far
/// ahead dies with its view, which cancels the wait. Replay and back-fill never call it.
pub async fn wait_until_time(clock: &impl Clock, time_ms: u64) {
    // A clock may be set back while we sleep, so look again.
    loop {
        let now = now_ms(clock);
        if now >= time_ms {
            return;
        }
        clock.sleep(Duration::from_millis(time_ms - now)).await;
    }
}

#[cfg(test)]
mod tests;
