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

use crate::{
    error::RpcError,
    limits::{FILTER_CHANGES_MAX, FILTER_TERMS_MAX},
    log_query::{LogQuery, terms},
};

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

impl Watch {
    /// Addresses and topics that it holds.
    fn terms(&self) -> usize {
        match self {
            Self::Logs { query, .. } => terms(&query.filter),
            Self::Blocks { .. } | Self::Pending(_) => 0,
        }
    }
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
        let own = watch.terms();
        let has_room = |installed: &HashMap<String, Filter>| {
            let held: usize = installed.values().map(|filter| filter.watch.terms()).sum();
            own == 0 || held.saturating_add(own) <= FILTER_TERMS_MAX
        };
        if installed.len() >= self.count_max || !has_room(&installed) {
            installed.retain(|_, filter| filter.used.elapsed() < self.idle);
        }
        if installed.len() >= self.count_max {
            let limit = self.count_max;
            return Err(RpcError::limit(format!("too many filters, limit {limit}")));
        }
        if !has_room(&installed) {
            let limit = FILTER_TERMS_MAX;
            let message = format!("too many addresses and topics in filters, limit {limit}");
            return Err(RpcError::limit(message));
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

    /// A development ledger went back to height `head`: what follows is reported, whatever was
    /// reported at these heights before.
    pub fn go_back(&self, head: u64) {
        for filter in self.lock().values_mut() {
            if let Watch::Logs { next, .. } | Watch::Blocks { next } = &mut filter.watch {
                *next = (*next).min(head.saturating_add(1));
            }
        }
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

    /// Changes from `from` on were not reported: they are, next time.
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloy_primitives::Address;
    use chain::LogFilter;

    use super::*;
    use crate::{block_id::BlockId, error::code, log_query::Blocks};

    fn logs(addresses: u64) -> Watch {
        let address = |number: u64| Address::left_padding_from(&number.to_be_bytes());
        let addresses = (0..addresses).map(address).collect();
        let filter = LogFilter { addresses, ..LogFilter::default() };
        let blocks = Blocks::Range(BlockId::Latest, BlockId::Latest);
        Watch::Logs { query: LogQuery { filter, blocks }, next: 8 }
    }

    fn range(changes: Changes) -> (u64, u64) {
        let Changes::Blocks(from, end) = changes else { panic!("no blocks") };
        (from, end)
    }

    #[test]
    fn addresses_and_topics_are_bounded_over_all_filters() {
        let filters = Filters::new(10_000, Duration::from_secs(60));
        let mut ids: Vec<String> =
            (0..FILTER_TERMS_MAX / 1_000).map(|_| filters.install(logs(1_000)).unwrap()).collect();
        let refused = filters.install(logs(1)).unwrap_err();
        assert_eq!(refused.code, code::LIMIT_EXCEEDED);
        assert!(refused.message.contains("1000000"), "{refused}");
        filters.install(logs(0)).unwrap();
        filters.install(Watch::Blocks { next: 1 }).unwrap();
        assert!(filters.uninstall(&ids.pop().unwrap()));
        filters.install(logs(1_000)).unwrap();
    }

    #[test]
    fn a_chain_that_went_back_is_reported_again_from_there() {
        let filters = Filters::new(10, Duration::from_secs(60));
        let id = filters.install(Watch::Blocks { next: 8 }).unwrap();
        let changes = |head| range(filters.changes(&id, head).unwrap());
        assert_eq!(changes(9), (8, 10));
        filters.go_back(4);
        assert_eq!(changes(4), (5, 5), "nothing yet");
        assert_eq!(changes(6), (5, 7));
        filters.go_back(20);
        // A poll that saw an older head than another one repeats nothing.
        assert_eq!(changes(3), (7, 7));
        assert_eq!(changes(7), (7, 8));
    }
}
