//! Makes the blocks of interval mining when they are due.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::ledger::DevLedger;

/// How often it is looked whether blocks are made in intervals now, milliseconds.
const LOOK_MS: u64 = 50;

/// A thread that makes blocks, until this is dropped.
pub struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives none.
    pub fn start(ledger: Arc<DevLedger>) -> io::Result<Self> {
        let (stop, stopped) = channel::<()>();
        let look = Duration::from_millis(LOOK_MS);
        let thread = thread::Builder::new().name("dev-interval".to_owned()).spawn(move || {
            let mut wait = look;
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                wait = match ledger.tick() {
                    Ok(due) => due.map_or(look, |due| due.min(look)),
                    Err(error) => {
                        tracing::error!(%error, "no block was made");
                        look
                    }
                };
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that makes blocks panicked");
        }
    }
}
