#![allow(clippy::unwrap_used)]

use super::*;

const RHYTHM: Rhythm = Rhythm {
    interval_min_ms: 100,
    interval_idle_ms: 500,
    trailing_blocks: 8,
    heartbeat_ms: 15_000,
    hold_max_ms: 1_400,
};
const PARENT: Parent = Parent { height: 7, time_ms: 1_000_000 };
const IDLE: Pending = Pending { transactions: false, validator_change: false, empty_run: 8 };

fn at(now_ms: u64, turn_ms: u64, pending: Pending) -> Decision {
    decide(PARENT.time_ms + now_ms, PARENT.time_ms + turn_ms, &PARENT, &pending, &RHYTHM)
}

fn until(ms: u64) -> Decision {
    Decision::WaitUntil(PARENT.time_ms + ms)
}

#[test]
fn rhythm_follows_the_parameters() {
    let rhythm = Rhythm::new(&Parameters::default());
    assert_eq!(rhythm, RHYTHM, "0.7 of the default leader time-out of 2 s is 1.4 s");
}

#[test]
fn block_1_comes_at_once() {
    let genesis = Parent { height: 0, time_ms: u64::MAX };
    assert_eq!(decide(0, 0, &genesis, &IDLE, &RHYTHM), Decision::Propose);
}

#[test]
fn transactions_wait_for_the_minimum_interval_and_no_longer() {
    let busy = Pending { transactions: true, ..IDLE };
    assert_eq!(at(0, 0, busy), until(100));
    assert_eq!(at(99, 0, busy), until(100));
    assert_eq!(at(100, 0, busy), Decision::Propose);
    assert_eq!(at(9_000, 9_000, busy), Decision::Propose, "the turn began long after the parent");
}

#[test]
fn a_waiting_validator_change_fills_the_epoch_at_the_minimum_interval() {
    let change = Pending { validator_change: true, ..IDLE };
    assert_eq!(at(50, 0, change), until(100));
    assert_eq!(at(100, 0, change), Decision::Propose);
}

#[test]
fn empty_blocks_follow_the_last_transaction_at_the_idle_interval() {
    for empty_run in 0..8 {
        let trailing = Pending { empty_run, ..IDLE };
        assert_eq!(at(100, 0, trailing), until(500));
        assert_eq!(at(500, 0, trailing), Decision::Propose);
    }
    assert_eq!(at(500, 0, IDLE), until(1_400), "the ninth is not built");
}

#[test]
fn no_trailing_blocks_where_none_are_wanted_or_no_transaction_ever_came() {
    let none = Rhythm { trailing_blocks: 0, ..RHYTHM };
    let fresh = Pending { empty_run: 0, ..IDLE };
    let now = PARENT.time_ms + 600;
    let turn = PARENT.time_ms;
    assert_eq!(decide(now, turn, &PARENT, &fresh, &none), until(1_400));
    assert_eq!(at(600, 0, Pending { empty_run: u64::MAX, ..IDLE }), until(1_400));
}

#[test]
fn an_idle_turn_is_held_and_then_passes() {
    assert_eq!(at(0, 0, IDLE), until(1_400));
    assert_eq!(at(1_399, 0, IDLE), until(1_400));
    assert_eq!(at(1_400, 0, IDLE), Decision::Pass);
    assert_eq!(at(5_000, 4_000, IDLE), until(5_400), "the hold counts from the turn");
}

#[test]
fn the_heartbeat_comes_when_the_parent_is_old() {
    assert_eq!(at(14_000, 14_000, IDLE), until(15_000), "inside the hold: wait for it");
    assert_eq!(at(15_000, 14_000, IDLE), Decision::Propose);
    assert_eq!(at(60_000, 60_000, IDLE), Decision::Propose);
}

#[test]
fn an_interval_beyond_the_hold_passes_the_turn_on() {
    let slow = Rhythm { interval_min_ms: 60_000, interval_idle_ms: 60_000, ..RHYTHM };
    let busy = Pending { transactions: true, ..IDLE };
    let decide =
        |now, turn| decide(PARENT.time_ms + now, PARENT.time_ms + turn, &PARENT, &busy, &slow);
    assert_eq!(decide(0, 0), until(1_400));
    assert_eq!(decide(1_400, 0), Decision::Pass);
    assert_eq!(decide(59_000, 59_000), until(60_000));
    assert_eq!(decide(60_000, 59_000), Decision::Propose);
}

#[test]
fn the_idle_interval_is_never_shorter_than_the_minimum_nor_longer_than_the_heartbeat() {
    let trailing = Pending { empty_run: 0, ..IDLE };
    let due = |rhythm: Rhythm| due_ms(&PARENT, &trailing, &rhythm) - PARENT.time_ms;
    assert_eq!(due(Rhythm { interval_idle_ms: 10, ..RHYTHM }), 100);
    assert_eq!(due(Rhythm { interval_idle_ms: 60_000, ..RHYTHM }), 15_000);
}

#[test]
fn a_parent_ahead_of_the_own_clock_is_waited_for_within_the_hold() {
    let busy = Pending { transactions: true, ..IDLE };
    let early = PARENT.time_ms - 200;
    assert_eq!(decide(early, early, &PARENT, &busy, &RHYTHM), until(100));
    let far = PARENT.time_ms - 10_000;
    let held = Decision::WaitUntil(far + 1_400);
    assert_eq!(decide(far, far, &PARENT, &busy, &RHYTHM), held);
    assert_eq!(decide(far + 1_400, far, &PARENT, &busy, &RHYTHM), Decision::Pass);
}

#[test]
fn extreme_times_do_not_overflow() {
    let last = Parent { height: 1, time_ms: u64::MAX };
    assert_eq!(decide(5, u64::MAX, &last, &IDLE, &RHYTHM), Decision::WaitUntil(u64::MAX));
    assert_eq!(decide(u64::MAX, u64::MAX, &last, &IDLE, &RHYTHM), Decision::Propose);
}

/// Over a grid of states: every wait ends later than now and not after the hold, so a turn always
/// ends; and nothing is proposed before the minimum interval.
#[test]
fn every_turn_ends() {
    let times = [0, 1, 99, 100, 499, 500, 1_399, 1_400, 14_999, 15_000, 100_000];
    for now in times {
        for turn in times.into_iter().filter(|turn| *turn <= now) {
            for bits in 0..4u8 {
                for empty_run in [0, 7, 8, u64::MAX] {
                    let pending = Pending {
                        transactions: bits & 1 != 0,
                        validator_change: bits & 2 != 0,
                        empty_run,
                    };
                    match at(now, turn, pending) {
                        Decision::Propose => assert!(now >= RHYTHM.interval_min_ms),
                        Decision::Pass => assert!(now >= turn + RHYTHM.hold_max_ms),
                        Decision::WaitUntil(time_ms) => {
                            let wait = time_ms - PARENT.time_ms;
                            assert!(wait > now && wait <= turn + RHYTHM.hold_max_ms);
                        }
                    }
                }
            }
        }
    }
}
