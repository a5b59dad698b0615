//! How much processor time each stage of a transaction's way costs this node.
//!
//! Time is what the present thread has used, told by a clock that the host hands in: waiting, and
//! what other processes use meanwhile, do not count. Work that one stage does within another counts
//! for itself only, also where a thread that waits takes up somebody else's work, so that the stages
//! add up to what was measured. Without a clock (simulations) nothing is measured.
//!
//! What runs inside the consensus library is not told apart here: network, votes, archives, sync of
//! the databases, and what Merkle trees compute on other threads.

mod measured;

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use state::{StateError, StateKey, StateReader, StateValue};

pub(crate) use self::measured::{MeasuredAdmission, MeasuredWorkers};

/// What a node spends its time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Answering requests: JSON, methods, rendering.
    Requests,
    /// Letting transactions into the pool, from users and from peers: hashing, decoding, recovering
    /// the sender, checks, reading the account.
    Admission,
    /// Choosing transactions and putting together a block, without what follows here.
    Building,
    /// Decoding a proposal's transactions and recovering the senders that the pool does not know.
    Recovery,
    /// Comparing a proposal with its parent and its results.
    Verifying,
    /// The EVM and native contracts.
    Execution,
    /// Reading state for execution.
    StateReads,
    /// Writing a block's diff into batches and computing their roots.
    Merkleization,
    /// Keeping the values that a block overwrites.
    HistoryWrite,
    /// Writing final blocks, receipts and indexes, and making them durable.
    ChainWrite,
    /// Showing a final block and taking its transactions out of the pool.
    Publishing,
}

impl Stage {
    /// Every stage, in the order of a transaction's way.
    pub const ALL: [Self; 11] = [
        Self::Requests,
        Self::Admission,
        Self::Building,
        Self::Recovery,
        Self::Verifying,
        Self::Execution,
        Self::StateReads,
        Self::Merkleization,
        Self::HistoryWrite,
        Self::ChainWrite,
        Self::Publishing,
    ];

    /// Stable word for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Admission => "admission",
            Self::Building => "building",
            Self::Recovery => "recovery",
            Self::Verifying => "verifying",
            Self::Execution => "execution",
            Self::StateReads => "state_reads",
            Self::Merkleization => "merkleization",
            Self::HistoryWrite => "history_write",
            Self::ChainWrite => "chain_write",
            Self::Publishing => "publishing",
        }
    }
}

/// Processor time that the calling thread has used since some fixed moment.
pub type ThreadClock = fn() -> Duration;

thread_local! {
    /// Time of this thread that stages within the present one counted for themselves.
    static WITHIN: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// Stages that this thread is in.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// How often the time of the outermost of them counts; 0 where it is not measured.
    static WEIGHT: Cell<u32> = const { Cell::new(1) };
    /// Small pieces since the last one that was measured.
    static SKIPPED: Cell<u32> = const { Cell::new(0) };
}

#[derive(Debug)]
struct Shared {
    clock: ThreadClock,
    every: u32,
    nanoseconds: [AtomicU64; Stage::ALL.len()],
}

/// Counts time by stage. Cloning shares the counts.
#[derive(Clone, Debug, Default)]
pub struct StageTimes(Option<Arc<Shared>>);

impl StageTimes {
    /// Counts by this clock. [`StageTimes::default`] counts nothing.
    pub fn new(clock: ThreadClock) -> Self {
        Self::sampled(clock, 1)
    }

    /// Counts by this clock. Of requests and admissions, which are many and small, only one of
    /// `every` on each thread is measured and counts for all, because looking at the clock costs
    /// as much as some of them.
    pub fn sampled(clock: ThreadClock, every: u32) -> Self {
        Self(Some(Arc::new(Shared { clock, every, nanoseconds: Default::default() })))
    }

    /// From now until the result is dropped, on this thread, time counts for `stage`.
    #[must_use = "counts until it is dropped"]
    pub fn begin(&self, stage: Stage) -> Counting<'_> {
        let Some(shared) = self.0.as_deref() else {
            return Counting { is_on: false, begun: None };
        };
        if DEPTH.replace(DEPTH.get() + 1) == 0 {
            WEIGHT.set(shared.weight(stage));
        }
        let begun = (WEIGHT.get() > 0).then(|| {
            let before = WITHIN.replace(Duration::ZERO);
            Begun { shared, stage, started: (shared.clock)(), before }
        });
        Counting { is_on: true, begun }
    }

    /// What `work` does itself counts for `stage`; not what runs meanwhile.
    pub fn time<T, W: Future<Output = T>>(
        &self,
        stage: Stage,
        work: W,
    ) -> impl Future<Output = T> + use<'_, T, W> {
        // Boxed, because some of these are large and every layer around them would move them.
        let mut work = Box::pin(work);
        poll_fn(move |context| {
            let _running = self.begin(stage);
            work.as_mut().poll(context)
        })
    }

    /// Time by stage since the start; empty where nothing is measured.
    pub fn totals(&self) -> Vec<(Stage, Duration)> {
        let Some(shared) = &self.0 else { return Vec::new() };
        let total = |(stage, nanoseconds): (Stage, &AtomicU64)| {
            (stage, Duration::from_nanos(nanoseconds.load(Ordering::Relaxed)))
        };
        Stage::ALL.into_iter().zip(&shared.nanoseconds).map(total).collect()
    }
}

impl Shared {
    /// How often an outermost piece of this stage counts.
    fn weight(&self, stage: Stage) -> u32 {
        if !matches!(stage, Stage::Requests | Stage::Admission) {
            return 1;
        }
        let skipped = SKIPPED.get() + 1;
        let is_measured = skipped >= self.every;
        SKIPPED.set(if is_measured { 0 } else { skipped });
        if is_measured { self.every } else { 0 }
    }
}

/// Counts until it is dropped.
#[derive(Debug)]
pub struct Counting<'a> {
    is_on: bool,
    begun: Option<Begun<'a>>,
}

#[derive(Debug)]
struct Begun<'a> {
    shared: &'a Shared,
    stage: Stage,
    started: Duration,
    /// What the stage around this one had within it so far.
    before: Duration,
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        if self.is_on {
            DEPTH.set(DEPTH.get().saturating_sub(1));
        }
        let Some(begun) = self.begun.take() else { return };
        let whole = (begun.shared.clock)().saturating_sub(begun.started);
        let own = whole.saturating_sub(WITHIN.get());
        WITHIN.set(begun.before.saturating_add(whole));
        let own = own.saturating_mul(WEIGHT.get());
        let own = u64::try_from(own.as_nanos()).unwrap_or(u64::MAX);
        begun.shared.nanoseconds[begun.stage as usize].fetch_add(own, Ordering::Relaxed);
    }
}

/// A reader whose reads count as [`Stage::StateReads`].
pub(crate) struct MeasuredReader<'a, R> {
    pub(crate) reader: &'a R,
    pub(crate) stages: &'a StageTimes,
}

impl<R: StateReader> StateReader for MeasuredReader<'_, R> {
    async fn read_many(&self, keys: &[StateKey]) -> Result<Vec<Option<StateValue>>, StateError> {
        self.stages.time(Stage::StateReads, self.reader.read_many(keys)).await
    }
}

#[cfg(test)]
mod tests;
