//! Filters for clients that poll. They live in memory of this node only: after a restart, or at
//! another node, a filter is not found, and clients install it anew.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

use crate::{error::RpcError, limits::FILTER_CHANGES_MAX, log_query::LogQuery};

/// What a filter watches.
pub enum Watch {
    /// Logs, from the height on that was not reported yet.
    Logs {
        /// Which logs.
        query: LogQuery,
        /// First height not yet reported.
        next: u64,
    },
    /// Block hashes.
    Blocks {
        /// First height not yet reported.
        next: u64,
    },
    /// Hashes of transactions that enter the pool.
    Pending(Receiver<B256>),
}

/// What is to be done to answer `eth_getFilterChanges`.
pub enum Changes {
    /// Search logs from this height.
    Logs(LogQuery, u64),
    /// List hashes of these heights.
    Blocks(u64, u64),
    /// These are the changes.
    Pending(Vec<B256>),
}

struct Filter {
    watch: Watch,
    used: Instant,
}

/// All filters of a server.
pub struct Filters {
    installed: Mutex<HashMap<String, Filter>>,
    count_max: usize,
    idle: Duration,
}

impl Filters {
    /// At most `count_max`, each forgotten when not used for `idle`.
    pub fn new(count_max: usize, idle: Duration) -> Self {
        Self { installed: Mutex::default(), count_max, idle }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Filter>> {
        self.installed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Installs a filter and answers its id.
    pub fn install(&self, watch: Watch) -> Result<String, RpcError> {
        let mut installed = self.lock();
        if installed.len() >= self.count_max {
            installed.retain(|_, filter| filter.used.elapsed() < self.idle);
        }
        if installed.len() >= self.count_max {
            let limit = self.count_max;
            return Err(RpcError::limit(format!("too many filters, limit {limit}")));
        }
        let id = random_id();
        installed.insert(id.clone(), Filter { watch, used: Instant::now() });
        Ok(id)
    }

    /// Removes a filter; whether it was there.
    pub fn uninstall(&self, id: &str) -> bool {
        self.lock().remove(id).is_some_and(|filter| filter.used.elapsed() < self.idle)
    }

    fn with<T>(
        &self,
        id: &str,
        read: impl FnOnce(&mut Watch) -> Result<T, RpcError>,
    ) -> Result<T, RpcError> {
        let mut installed = self.lock();
        let filter = installed.get_mut(id).ok_or_else(RpcError::filter_not_found)?;
        if filter.used.elapsed() >= self.idle {
            installed.remove(id);
            return Err(RpcError::filter_not_found());
        }
        filter.used = Instant::now();
        read(&mut filter.watch)
    }

    /// What happened since the last call, up to height `head`; marks it as reported.
    pub fn changes(&self, id: &str, head: u64) -> Result<Changes, RpcError> {
        self.with(id, |watch| match watch {
            Watch::Logs { query, next } => {
                let from = *next;
                *next = (head + 1).max(from);
                Ok(Changes::Logs(query.clone(), from))
            }
            Watch::Blocks { next } => {
                let from = *next;
                let end = (head + 1).min(from.saturating_add(FILTER_CHANGES_MAX as u64)).max(from);
                *next = end;
                Ok(Changes::Blocks(from, end))
            }
            Watch::Pending(receiver) => Ok(Changes::Pending(drain(receiver))),
        })
    }

    /// The search for changes from `from` on failed: report them again next time.
    pub fn not_reported(&self, id: &str, from: u64) {
        // The filter may be gone by now, which needs no answer.
        let _ = self.with(id, |watch| {
            if let Watch::Logs { next, .. } = watch {
                *next = from.min(*next);
            }
            Ok(())
        });
    }

    /// The query of a log filter.
    pub fn log_query(&self, id: &str) -> Result<LogQuery, RpcError> {
        self.with(id, |watch| match watch {
            Watch::Logs { query, .. } => Ok(query.clone()),
            _ => Err(RpcError::filter_not_found()),
        })
    }
}

/// Announcements that the ring has already dropped are lost; the newest are reported.
fn drain(receiver: &mut Receiver<B256>) -> Vec<B256> {
    let mut hashes = Vec::new();
    while hashes.len() < FILTER_CHANGES_MAX {
        match receiver.try_recv() {
            Ok(hash) => hashes.push(hash),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    hashes
}

/// An id that a stranger cannot guess: 128 bits as a quantity.
pub fn random_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let half = || {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u64(COUNT.fetch_add(1, Ordering::Relaxed));
        u128::from(hasher.finish())
    };
    format!("{:#x}", (half() << 64) | half())
}
