//! The subscriptions of one WebSocket connection.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chain::LogFilter;
use serde_json::Value;

use crate::{
    error::RpcError,
    filters::random_id,
    limits::{SUBSCRIPTION_TERMS_MAX, SUBSCRIPTIONS_MAX},
    log_query::terms,
    metrics::RpcMetrics,
};

/// What a client subscribed to.
pub enum Subscription {
    /// Headers of new blocks.
    NewHeads,
    /// Logs of new blocks.
    Logs(Arc<LogFilter>),
    /// Transactions that enter the pool.
    PendingTransactions {
        /// Whether objects instead of hashes are sent.
        full: bool,
    },
    /// Changes of what `eth_syncing` answers, with the last answer sent.
    Syncing(Option<Value>),
    /// Proofs that new blocks are final.
    Finality,
}

impl Subscription {
    /// Addresses and topics that it holds.
    fn terms(&self) -> usize {
        match self {
            Self::Logs(filter) => terms(filter),
            _ => 0,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::NewHeads => "newHeads",
            Self::Logs(_) => "logs",
            Self::PendingTransactions { .. } => "newPendingTransactions",
            Self::Syncing(_) => "syncing",
            Self::Finality => "finality",
        }
    }
}

/// What one subscription is told about a block.
pub enum Notice {
    /// The header.
    Header,
    /// The logs that match.
    Logs(Arc<LogFilter>),
    /// What `eth_syncing` answers now.
    Syncing(Value),
    /// The proof that it is final.
    Finality,
}

/// A subscription, and whether its id was told: until then it hears nothing, since nobody could know
/// what it is about.
struct Entry {
    what: Subscription,
    told: bool,
}

/// All subscriptions of a connection; they end with it.
pub struct Session {
    subscriptions: Mutex<HashMap<String, Entry>>,
    metrics: RpcMetrics,
}

impl Session {
    /// No subscription yet.
    pub fn new(metrics: RpcMetrics) -> Self {
        Self { subscriptions: Mutex::default(), metrics }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a subscription and answers its id.
    pub fn subscribe(&self, subscription: Subscription) -> Result<String, RpcError> {
        let mut subscriptions = self.lock();
        if subscriptions.len() >= SUBSCRIPTIONS_MAX {
            let message =
                format!("too many subscriptions, limit {SUBSCRIPTIONS_MAX} per connection");
            return Err(RpcError::limit(message));
        }
        let held: usize = subscriptions.values().map(|entry| entry.what.terms()).sum();
        if held.saturating_add(subscription.terms()) > SUBSCRIPTION_TERMS_MAX {
            let message = format!(
                "too many addresses and topics in subscriptions, limit {SUBSCRIPTION_TERMS_MAX} \
                 per connection"
            );
            return Err(RpcError::limit(message));
        }
        self.metrics.subscribed(subscription.kind());
        let id = random_id();
        subscriptions.insert(id.clone(), Entry { what: subscription, told: false });
        Ok(id)
    }

    /// An answer is sent: whose id stands in it is told from now on. Ids are random, so that no other
    /// text has them.
    pub fn answered(&self, answer: &str) {
        let mut subscriptions = self.lock();
        let new = subscriptions.iter_mut().filter(|(_, entry)| !entry.told);
        new.filter(|(id, _)| answer.contains(*id)).for_each(|(_, entry)| entry.told = true);
    }

    /// Ends a subscription; whether it was there.
    pub fn unsubscribe(&self, id: &str) -> bool {
        let removed = self.lock().remove(id);
        if let Some(entry) = &removed {
            self.metrics.unsubscribed(entry.what.kind());
        }
        removed.is_some()
    }

    /// Whether new blocks and new pool transactions are of interest.
    pub fn needs(&self) -> (bool, bool) {
        let subscriptions = self.lock();
        let pending =
            |entry: &Entry| matches!(entry.what, Subscription::PendingTransactions { .. });
        (!subscriptions.values().all(pending), subscriptions.values().any(pending))
    }

    /// Whether `syncing` is watched.
    pub fn watches_syncing(&self) -> bool {
        self.lock().values().any(|entry| matches!(entry.what, Subscription::Syncing(_)))
    }

    /// What each subscription is to be told about a new block, in no particular order. The texts
    /// are made one by one when they are sent: all of them at once can be thousands of times the
    /// block.
    pub fn notices(&self, syncing: Option<&Value>) -> Vec<(String, Notice)> {
        let notice = |(id, entry): (&String, &mut Entry)| {
            let notice = match &mut entry.what {
                Subscription::NewHeads => Notice::Header,
                Subscription::Finality => Notice::Finality,
                Subscription::Logs(filter) => Notice::Logs(filter.clone()),
                Subscription::Syncing(last) if last.as_ref() != syncing => {
                    *last = syncing.cloned();
                    Notice::Syncing(last.clone()?)
                }
                Subscription::Syncing(_) | Subscription::PendingTransactions { .. } => return None,
            };
            Some((id.clone(), notice))
        };
        self.lock().iter_mut().filter(|(_, entry)| entry.told).filter_map(notice).collect()
    }

    /// Who is to be told about a transaction that entered the pool, and whether as an object.
    pub fn pending_watchers(&self) -> Vec<(String, bool)> {
        let watcher = |(id, entry): (&String, &Entry)| match entry.what {
            Subscription::PendingTransactions { full } if entry.told => Some((id.clone(), full)),
            _ => None,
        };
        self.lock().iter().filter_map(watcher).collect()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for entry in self.lock().values() {
            self.metrics.unsubscribed(entry.what.kind());
        }
    }
}

/// A notification of `eth_subscribe` as text; `result` is JSON.
pub fn notification(id: &str, result: &str) -> String {
    notification_of("eth", id, result)
}

/// The same of `{namespace}_subscribe`.
pub fn notification_of(namespace: &str, id: &str, result: &str) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"{namespace}_subscription\",\
         \"params\":{{\"subscription\":\"{id}\",\"result\":{result}}}}}"
    )
}
