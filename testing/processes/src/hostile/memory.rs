//! How much memory nodes use, looked at all the time.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use load::process::resident_bytes;

/// Resident memory of a node under any of these attacks with default settings, bytes: what
/// `docs/en/operations.md` promises.
pub const MEMORY_BYTES_MAX: u64 = 1536 * 1024 * 1024;
/// How often it is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The largest memory of each process since it was asked last.
pub struct Memory {
    stop: Arc<AtomicBool>,
    most: Arc<Mutex<Vec<u64>>>,
}

impl Memory {
    /// Watches these processes.
    pub fn watch(pids: Vec<u32>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let most = Arc::new(Mutex::new(vec![0; pids.len()]));
        let (stopped, shown) = (stop.clone(), most.clone());
        tokio::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                for (place, pid) in pids.iter().enumerate() {
                    let bytes = resident_bytes(*pid).unwrap_or_default();
                    let mut most = shown.lock().unwrap_or_else(PoisonError::into_inner);
                    most[place] = most[place].max(bytes);
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        });
        Self { stop, most }
    }

    /// The largest since the last call, bytes.
    pub fn take(&self) -> Vec<u64> {
        let mut most = self.most.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = vec![0; most.len()];
        std::mem::replace(&mut *most, empty)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
