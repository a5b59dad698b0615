#![allow(clippy::unwrap_used)]

use std::{thread, time::Instant};

use commonware_parallel::{Rayon, Strategy as _};
use commonware_utils::NZUsize;
use futures::executor::block_on;

use super::*;

thread_local! {
    /// A clock of this thread that moves only where a test says so.
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

fn work_for(milliseconds: u64) {
    NOW.set(NOW.get() + Duration::from_millis(milliseconds));
}

fn times() -> StageTimes {
    StageTimes::new(|| NOW.get())
}

fn milliseconds(times: &StageTimes, stage: Stage) -> u128 {
    let found = times.totals().into_iter().find(|(other, _)| *other == stage);
    found.unwrap().1.as_millis()
}

#[test]
fn a_stage_within_another_counts_for_itself_only() {
    let times = times();
    {
        let _building = times.begin(Stage::Building);
        work_for(1);
        {
            let _execution = times.begin(Stage::Execution);
            work_for(10);
            {
                let _reads = times.begin(Stage::StateReads);
                work_for(100);
            }
            work_for(20);
        }
        {
            let _again = times.begin(Stage::Execution);
            work_for(1_000);
        }
        work_for(2);
    }
    work_for(5_000);
    assert_eq!(milliseconds(&times, Stage::Building), 3);
    assert_eq!(milliseconds(&times, Stage::Execution), 1_030);
    assert_eq!(milliseconds(&times, Stage::StateReads), 100);
    let sum: Duration = times.totals().iter().map(|(_, time)| *time).sum();
    assert_eq!(sum.as_millis(), 1_133, "nothing counts twice");
}

#[test]
fn of_many_small_pieces_some_count_for_all() {
    let times = StageTimes::sampled(|| NOW.get(), 4);
    for piece in 0..12 {
        let _request = times.begin(Stage::Requests);
        work_for(1);
        {
            let _reads = times.begin(Stage::StateReads);
            work_for(10);
        }
        let _late = times.begin(Stage::Building);
        work_for(if piece % 4 == 3 { 100 } else { 7 });
    }
    {
        let _building = times.begin(Stage::Building);
        work_for(1_000);
    }
    assert_eq!(milliseconds(&times, Stage::Requests), 12);
    assert_eq!(milliseconds(&times, Stage::StateReads), 120);
    assert_eq!(milliseconds(&times, Stage::Building), 1_200 + 1_000);
}

#[test]
fn a_future_counts_what_it_does_and_not_what_runs_meanwhile() {
    let times = times();
    let (sender, receiver) = futures::channel::oneshot::channel();
    let waits = times.time(Stage::Requests, async {
        work_for(3);
        receiver.await.unwrap();
        work_for(4);
    });
    block_on(async {
        futures::join!(waits, async {
            work_for(50);
            sender.send(()).unwrap();
        })
    });
    assert_eq!(milliseconds(&times, Stage::Requests), 7);
}

/// Uses the processor of the calling thread, as far as a test without its clock can tell.
fn spin(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
    work_for(u64::try_from(time.as_millis()).unwrap());
}

#[test]
fn work_on_other_threads_counts_wherever_it_runs() {
    let times = times();
    let pool = Rayon::new(NZUsize!(3)).unwrap();
    let workers = MeasuredWorkers::new(pool, times.clone(), Stage::Admission);
    let items: Vec<u64> = (0..200).collect();
    let expected: Vec<u64> = items.iter().map(|item| item * 2).collect();
    let each = |item: u64| {
        spin(Duration::from_millis(1));
        item * 2
    };
    let work = move |workers: MeasuredWorkers| {
        (
            workers.map_collect_vec(items.clone(), each),
            workers.fold(
                items,
                || 0,
                |sum, item| {
                    spin(Duration::from_millis(1));
                    sum + item
                },
                |one, other| one + other,
            ),
        )
    };
    let (mapped, sum) = block_on(workers.spawn(200, work));
    assert_eq!((mapped, sum), (expected, 199 * 100));
    // A worker may answer before its own count is written.
    let deadline = Instant::now() + Duration::from_secs(10);
    while milliseconds(&times, Stage::Admission) < 400 && Instant::now() < deadline {
        thread::yield_now();
    }
    assert_eq!(milliseconds(&times, Stage::Admission), 400);
}

#[test]
fn without_a_clock_nothing_is_measured() {
    let times = StageTimes::default();
    drop(times.begin(Stage::Execution));
    assert!(times.totals().is_empty());
}

#[test]
fn each_stage_has_its_place_and_its_word() {
    for (place, stage) in Stage::ALL.into_iter().enumerate() {
        assert_eq!(stage as usize, place);
        let same = Stage::ALL.iter().filter(|other| other.name() == stage.name());
        assert_eq!(same.count(), 1, "{}", stage.name());
    }
}
