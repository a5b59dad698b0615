//! Verifications that wait, run, or ended not long ago. One runs at a time.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use alloy_primitives::{Address, hex, keccak256};
use tokio::sync::{Semaphore, SemaphorePermit};
use verification::{Proof, VerificationError};

/// Verifications that wait or run.
const WAITING_MAX: usize = 16;
/// Ended ones that can still be asked for.
const ENDED_MAX: usize = 256;

/// Longest wait of a question for a verification that has not ended.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(8);
/// How often its end is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// One verification.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// The contract.
    pub(super) address: Address,
    /// Own clock, milliseconds since the Unix epoch.
    pub(super) started_ms: u64,
    /// Own clock, milliseconds since the Unix epoch; absent until the end.
    pub(super) ended_ms: Option<u64>,
    /// What came of it; absent until the end.
    pub(super) outcome: Option<Result<Proof, VerificationError>>,
}

/// All of them.
pub(super) struct Jobs {
    state: Mutex<State>,
    turn: Semaphore,
}

#[derive(Default)]
struct State {
    jobs: BTreeMap<String, Job>,
    ended: VecDeque<String>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { state: Mutex::default(), turn: Semaphore::new(1) }
    }
}

impl Jobs {
    /// Whether there is a new verification to be done: `false` where the same one waits or runs.
    pub(super) fn begin(
        &self,
        id: &str,
        address: Address,
        now_ms: u64,
    ) -> Result<bool, VerificationError> {
        let mut state = self.lock();
        if state.jobs.get(id).is_some_and(|job| job.outcome.is_none()) {
            return Ok(false);
        }
        let waiting = state.jobs.values().filter(|job| job.outcome.is_none()).count();
        if waiting >= WAITING_MAX {
            return Err(VerificationError::Busy(format!("{waiting} verifications wait already")));
        }
        state.ended.retain(|ended| ended != id);
        let job = Job { address, started_ms: now_ms, ended_ms: None, outcome: None };
        state.jobs.insert(id.into(), job);
        Ok(true)
    }

    /// Notes the end, and forgets the oldest one beyond the limit.
    pub(super) fn finish(&self, id: &str, outcome: Result<Proof, VerificationError>, now_ms: u64) {
        let mut state = self.lock();
        if let Some(job) = state.jobs.get_mut(id) {
            job.outcome = Some(outcome);
            job.ended_ms = Some(now_ms);
            state.ended.push_back(id.into());
        }
        while state.ended.len() > ENDED_MAX {
            if let Some(oldest) = state.ended.pop_front() {
                state.jobs.remove(&oldest);
            }
        }
    }

    /// A verification by its id.
    pub(super) fn get(&self, id: &str) -> Result<Job, VerificationError> {
        let unknown = || VerificationError::UnknownJob(id.chars().take(64).collect());
        self.lock().jobs.get(id).cloned().ok_or_else(unknown)
    }

    /// A verification by its id, once it has ended, at the latest after [`ANSWER_TIME_MAX`]: tools that
    /// find one not ended wait much longer before they ask again.
    pub(super) async fn ended(&self, id: &str) -> Result<Job, VerificationError> {
        let end = Instant::now() + ANSWER_TIME_MAX;
        loop {
            let job = self.get(id)?;
            if job.outcome.is_some() || Instant::now() >= end {
                return Ok(job);
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// Waits for the turn to work.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed.
        self.turn.acquire().await.ok()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id of a request: a hash of it in the form of a UUID, which the tools expect.
pub(super) fn id(address: Address, body: &[u8]) -> String {
    let hash = keccak256([address.as_slice(), body].concat());
    let digits = hex::encode(&hash[..16]);
    let part = |from: usize, to: usize| &digits[from..to];
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ADDRESS: Address = Address::ZERO;

    #[test]
    fn what_waits_and_what_is_remembered_is_bounded() {
        let jobs = Jobs::default();
        for index in 0..WAITING_MAX {
            assert!(jobs.begin(&index.to_string(), ADDRESS, 1).unwrap());
        }
        assert!(!jobs.begin("0", ADDRESS, 1).unwrap(), "it waits already");
        assert_eq!(jobs.begin("more", ADDRESS, 1).unwrap_err().code(), "VER-0013");
        jobs.finish("0", Ok(Proof::Compiled), 2);
        assert_eq!(jobs.get("0").unwrap().outcome, Some(Ok(Proof::Compiled)));
        for index in 0..=ENDED_MAX {
            let id = format!("later {index}");
            assert!(jobs.begin(&id, ADDRESS, 3).unwrap());
            jobs.finish(&id, Err(VerificationError::CodeDiffers), 4);
        }
        assert_eq!(jobs.get("0").unwrap_err().code(), "VER-0016");
        assert_eq!(jobs.get("later 0").unwrap_err().code(), "VER-0016");
        assert!(jobs.get("later 1").unwrap().outcome.unwrap().is_err());
        assert!(jobs.get("1").unwrap().outcome.is_none(), "what runs is never forgotten");
        assert!(jobs.begin("later 1", ADDRESS, 5).unwrap(), "a failed one may be tried again");
    }

    #[test]
    fn ids_look_like_uuids_and_name_the_request() {
        let one = id(ADDRESS, b"body");
        assert_eq!(one.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(one, id(ADDRESS, b"body"));
        assert_ne!(one, id(ADDRESS, b"bodz"));
    }
}
