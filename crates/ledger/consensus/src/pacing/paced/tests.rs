#![allow(clippy::unwrap_used)]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use commonware_runtime::{Runner as _, Supervisor as _, deterministic};

use super::*;
use crate::{StrictScheme, fixture};

/// Work that appears at a given time, as the clock sees it.
#[derive(Clone)]
struct Scripted {
    clock: Arc<deterministic::Context>,
    appears_ms: u64,
    /// Times at which `wait_for_work` completes although there is none.
    false_alarms: Arc<Mutex<VecDeque<u64>>>,
    change: bool,
    asked: Arc<Mutex<u64>>,
}

impl Scripted {
    fn new(context: &deterministic::Context, appears_ms: u64) -> Self {
        Self {
            clock: Arc::new(context.child("work")),
            appears_ms,
            false_alarms: Arc::default(),
            change: false,
            asked: Arc::default(),
        }
    }
}

impl Work for Scripted {
    async fn has_work(&self, _: &Digest) -> bool {
        *self.asked.lock().unwrap() += 1;
        now_ms(&*self.clock) >= self.appears_ms
    }

    async fn wait_for_work(&self, _: &Digest) {
        let alarm = self.false_alarms.lock().unwrap().pop_front();
        wait_until_time(&*self.clock, alarm.unwrap_or(self.appears_ms)).await;
    }

    async fn validator_change_pending(&self, _: &Digest) -> bool {
        self.change
    }

    async fn empty_run_length(&self, _: &Digest) -> u64 {
        u64::MAX
    }
}

const RHYTHM: Rhythm = Rhythm {
    interval_min_ms: 100,
    interval_idle_ms: 500,
    trailing_blocks: 8,
    heartbeat_ms: 15_000,
    hold_max_ms: 1_400,
};

/// The parent is block 1 at 1,234 ms; the turn begins at `turn_ms`.
fn hold(turn_ms: u64, work: impl FnOnce(&deterministic::Context) -> Scripted) -> (bool, u64, u64) {
    deterministic::Runner::timed(Duration::from_secs(60)).start(|context| async move {
        wait_until_time(&context, turn_ms).await;
        let work = work(&context);
        let asked = work.asked.clone();
        let parent = ConsensusBlock::new(fixture::block(fixture::key(1))).unwrap();
        let digest = parent.digest();
        let paced = Paced::new((), work, RHYTHM);
        let propose = paced.hold(&context, &Digested::precomputed(parent, digest)).await;
        let asked = *asked.lock().unwrap();
        (propose, now_ms(&context), asked)
    })
}

const NEVER: u64 = u64::MAX;

#[test]
fn proposes_when_the_interval_has_passed_and_work_is_there() {
    let (propose, at_ms, _) = hold(1_300, |context| Scripted::new(context, 0));
    assert_eq!((propose, at_ms), (true, 1_334));
}

#[test]
fn passes_after_the_hold() {
    let (propose, at_ms, _) = hold(1_300, |context| Scripted::new(context, NEVER));
    assert_eq!((propose, at_ms), (false, 2_700));
}

#[test]
fn work_ends_the_hold_at_once() {
    let (propose, at_ms, _) = hold(1_300, |context| Scripted::new(context, 2_000));
    assert!(propose);
    assert!((2_000..=2_000 + RECHECK_MS).contains(&at_ms), "{at_ms}");
}

#[test]
fn a_waiting_validator_change_needs_no_transaction() {
    let change = |context: &_| Scripted { change: true, ..Scripted::new(context, NEVER) };
    let (propose, at_ms, _) = hold(1_300, change);
    assert_eq!((propose, at_ms), (true, 1_334));
}

#[test]
fn the_heartbeat_needs_no_transaction() {
    let (propose, at_ms, _) = hold(16_000, |context| Scripted::new(context, NEVER));
    assert_eq!((propose, at_ms), (true, 16_234));
}

#[test]
fn false_alarms_neither_end_the_hold_nor_spin() {
    let (propose, at_ms, asked) = hold(1_300, |context| {
        let work = Scripted::new(context, NEVER);
        // 10,000 reports of work that is none, all at once.
        work.false_alarms.lock().unwrap().extend(std::iter::repeat_n(0, 10_000));
        work
    });
    assert_eq!((propose, at_ms), (false, 2_700));
    let turns = 1_400 / RECHECK_MS;
    assert!(asked <= 2 * turns + 4, "asked {asked} times");
}

#[test]
fn waits_for_its_own_clock_and_not_longer() {
    deterministic::Runner::timed(Duration::from_secs(60)).start(|context| async move {
        wait_until_time(&context, 700).await;
        assert_eq!(now_ms(&context), 700);
        wait_until_time(&context, 5).await;
        assert_eq!(now_ms(&context), 700);
    });
}

/// The wrapper is an application for the scheme of this ledger.
#[allow(dead_code)]
fn is_an_application<A>(paced: Paced<A, Scripted>) -> impl Application<deterministic::Context>
where
    A: Application<
            deterministic::Context,
            Block = ConsensusBlock,
            Context = Context,
            Input = (),
            SigningScheme = StrictScheme,
        > + Sync,
{
    paced
}
