//! Runs the files of the archive on all cores and collects what differs.

use std::{
    path::Path,
    sync::Mutex,
    time::{Duration, Instant},
};

use eyre::Result;

use super::{archive::Archive, queue::Queue, section::Section};

/// Folders whose tests take longest; started first, so that no core ends alone with them.
const SLOW_FOLDERS: [&str; 3] = ["stTimeConsuming", "vmPerformance", "stQuadraticComplexityTest"];

/// One expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// File, test, fork and indexes.
    pub case: String,
    /// What differs.
    pub reason: String,
}

/// The section of a test that took longest.
#[derive(Clone, Debug, Default)]
pub struct Slowest {
    /// File, test and fork.
    pub section: String,
    /// Wall clock.
    pub time: Duration,
}

/// Result of a run.
#[derive(Debug, Default)]
pub struct Summary {
    /// Expectations met.
    pub passed: usize,
    /// The others, sorted.
    pub failures: Vec<Failure>,
    /// Wall clock.
    pub time: Duration,
    /// Where most of the time went.
    pub slowest: Slowest,
}

/// Runs all tests of the files whose path contains `filter`.
///
/// # Errors
/// The archive cannot be read; a file that is no state test counts as a failure instead.
pub fn run(archive: &Archive, filter: &str) -> Result<Summary> {
    let started = Instant::now();
    let mut files = archive.files(filter)?;
    files.sort_by_key(|file| std::cmp::Reverse(is_slow(file)));
    let queue = Queue::new(archive, files);
    let total = Mutex::new(Summary::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let result = work(&queue);
                total.lock().expect("no thread panics while it holds the sum").add(result);
            });
        }
    });
    let mut summary = total.into_inner().expect("all threads have ended");
    summary.failures.sort();
    summary.time = started.elapsed();
    Ok(summary)
}

fn is_slow(file: &Path) -> bool {
    file.iter().any(|part| SLOW_FOLDERS.iter().any(|slow| part == *slow))
}

fn work(queue: &Queue<'_>) -> Summary {
    let mut summary = Summary::default();
    while let Some(next) = queue.next() {
        match next {
            Ok(section) => summary.run(&section),
            Err(failure) => summary.failures.push(failure),
        }
    }
    summary
}

impl Summary {
    fn run(&mut self, section: &Section) {
        let started = Instant::now();
        for (indexes, result) in section.run() {
            match result {
                Ok(()) => self.passed += 1,
                Err(error) => self.failures.push(Failure {
                    case: format!("{} {indexes:?}", section.name()),
                    reason: format!("{error:#}"),
                }),
            }
        }
        let time = started.elapsed();
        if time > self.slowest.time {
            self.slowest = Slowest { section: section.name(), time };
        }
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failures.extend(other.failures);
        if other.slowest.time > self.slowest.time {
            self.slowest = other.slowest;
        }
    }
}
