//! Computation off the network threads: a bounded number at once, a bounded number waiting, each
//! for a bounded time.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use crate::{
    error::{RpcError, code},
    limits::SIMULATIONS_WAITING_MAX,
};

/// Turns for computations.
pub struct Simulations {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    running_max: usize,
    timeout: Duration,
}

impl Simulations {
    /// `running_max` at once, each done within `timeout` of being asked for.
    pub fn new(running_max: usize, timeout: Duration) -> Self {
        Self {
            running: Arc::new(Semaphore::new(running_max)),
            waiting: Arc::new(Semaphore::new(SIMULATIONS_WAITING_MAX)),
            running_max,
            timeout,
        }
    }

    /// Runs `work` on a thread of its own. Work that outlives the time limit keeps its turn until
    /// it ends (its gas bound sees to that), so that the bound on computations holds.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        self.run_within(self.timeout, work).await
    }

    /// The same within a time of its own.
    pub async fn run_within<T: Send + 'static>(
        &self,
        timeout: Duration,
        work: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let deadline = Instant::now() + timeout;
        let permit = self.turn(deadline).await?;
        let working = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        match timeout_at(deadline, working).await {
            Err(_) => Err(too_slow(timeout)),
            Ok(Err(error)) => Err(RpcError::internal(error)),
            Ok(Ok(result)) => result,
        }
    }

    async fn turn(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, RpcError> {
        let busy = || {
            let (running, waiting) = (self.running_max, SIMULATIONS_WAITING_MAX);
            RpcError::limit(format!(
                "too many simulations: limit {running} at once and {waiting} waiting"
            ))
        };
        let _waiting = self.waiting.clone().try_acquire_owned().map_err(|_| busy())?;
        let turn = timeout_at(deadline, self.running.clone().acquire_owned()).await;
        turn.map_err(|_| busy())?.map_err(RpcError::internal)
    }
}

fn too_slow(timeout: Duration) -> RpcError {
    let limit = timeout.as_millis();
    RpcError::new(code::SERVER, format!("execution aborted (timeout = {limit} ms)"))
}
