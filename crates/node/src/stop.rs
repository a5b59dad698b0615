//! Why and when a node stops: signals, the parent's pipe, a full disk, a ledger that ended.

use std::{
    io::Read,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::error::NodeError;

/// Time for a graceful stop. What is not finished then is cut off; nothing final is lost.
pub const STOP_TIME_MAX: Duration = Duration::from_secs(5);
/// Exit code after a second signal.
const SECOND_SIGNAL_EXIT_CODE: i32 = 130;

/// Asked once, heard everywhere.
#[derive(Clone)]
pub struct StopSignal {
    sender: Arc<watch::Sender<bool>>,
    failure: Arc<Mutex<Option<NodeError>>>,
}

impl Default for StopSignal {
    fn default() -> Self {
        Self { sender: Arc::new(watch::channel(false).0), failure: Arc::default() }
    }
}

impl StopSignal {
    /// Stops for a good reason; later calls change nothing.
    pub fn stop(&self, reason: &str) {
        if !self.sender.send_replace(true) {
            tracing::info!(reason, "stopping");
        }
    }

    /// Stops because of `error`; the first one is what the process reports.
    pub fn fail(&self, error: NodeError) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_none() {
            *failure = Some(error);
        }
        drop(failure);
        self.stop("error");
    }

    /// What made the node stop, if it was an error.
    pub fn failure(&self) -> Option<NodeError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Becomes true when the node must stop.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.sender.subscribe()
    }

    /// Resolves when the node must stop.
    pub async fn stopped(&self) {
        // An error would mean that the sender is gone, which `self` holds.
        let _ = self.sender.subscribe().wait_for(|stopped| *stopped).await;
    }
}

/// Follows SIGINT, SIGTERM and SIGHUP: the first stops in good order, the second ends at once.
///
/// # Errors
/// The system refuses to tell of signals.
pub async fn follow_signals(stop: StopSignal) -> Result<(), NodeError> {
    let open = |kind| {
        signal(kind).map_err(|error| NodeError::SystemResource {
            action: "listen for signals",
            cause: error.to_string(),
        })
    };
    let mut interrupt = open(SignalKind::interrupt())?;
    let mut terminate = open(SignalKind::terminate())?;
    let mut hang_up = open(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
                _ = hang_up.recv() => "SIGHUP",
            };
            if *stop.sender.borrow() {
                tracing::warn!(signal = name, "second signal: ending at once");
                std::process::exit(SECOND_SIGNAL_EXIT_CODE);
            }
            stop.stop(name);
        }
    });
    Ok(())
}

/// Stops when standard input ends: the parent process is gone or closed its pipe.
///
/// # Errors
/// The system refuses a thread.
pub fn follow_parent(stop: StopSignal) -> Result<(), NodeError> {
    let wait = move || {
        let mut buffer = [0u8; 64];
        let mut input = std::io::stdin().lock();
        while matches!(input.read(&mut buffer), Ok(read) if read > 0) {}
        stop.stop("parent process ended");
    };
    thread("heqi-parent", wait)
}

/// Cuts a stop off that takes too long.
///
/// # Errors
/// The system refuses a thread.
pub fn limit_stop_time(
    stop: &StopSignal,
    runtime: &tokio::runtime::Handle,
) -> Result<(), NodeError> {
    let (stop, runtime) = (stop.clone(), runtime.clone());
    thread("heqi-stop-time", move || {
        runtime.block_on(stop.stopped());
        std::thread::sleep(STOP_TIME_MAX);
        let time_ms = u64::try_from(STOP_TIME_MAX.as_millis()).unwrap_or(u64::MAX);
        let error = stop.failure().unwrap_or(NodeError::StopTimeout(time_ms));
        tracing::error!(code = error.code().id, next = error.next_step(), "{error}");
        std::process::exit(i32::from(error.exit_code()));
    })
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), NodeError> {
    let started = std::thread::Builder::new().name(name.into()).spawn(work);
    started.map(|_| ()).map_err(|error| NodeError::SystemResource {
        action: "start a thread",
        cause: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_error_is_reported_and_everyone_hears() {
        let stop = StopSignal::default();
        let watch = stop.watch();
        assert!(stop.failure().is_none() && !*watch.borrow());
        stop.fail(NodeError::LedgerEnded("first".into()));
        stop.fail(NodeError::LedgerEnded("second".into()));
        stop.stop("third");
        stop.stopped().await;
        assert!(*watch.borrow());
        assert!(matches!(stop.failure(), Some(NodeError::LedgerEnded(text)) if text == "first"));
    }
}
