//! The subscriptions of one WebSocket connection.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use alloy_primitives::B256;
use chain::LogFilter;
use serde_json::Value;

use crate::{
    error::RpcError, filters::random_id, follower::NewBlock, json_text::JsonText,
    limits::SUBSCRIPTIONS_MAX, metrics::RpcMetrics, render,
};

/// What a client subscribed to.
pub enum Subscription {
    /// Headers of new blocks.
    NewHeads,
    /// Logs of new blocks.
    Logs(LogFilter),
    /// Transactions that enter the pool.
    PendingTransactions {
        /// Whether objects instead of hashes are sent.
        full: bool,
    },
    /// Changes of what `eth_syncing` answers, with the last answer sent.
    Syncing(Option<Value>),
}

impl Subscription {
    fn kind(&self) -> &'static str {
        match self {
            Self::NewHeads => "newHeads",
            Self::Logs(_) => "logs",
            Self::PendingTransactions { .. } => "newPendingTransactions",
            Self::Syncing(_) => "syncing",
        }
    }
}

/// All subscriptions of a connection; they end with it.
pub struct Session {
    subscriptions: Mutex<HashMap<String, Subscription>>,
    metrics: RpcMetrics,
}

impl Session {
    /// No subscription yet.
    pub fn new(metrics: RpcMetrics) -> Self {
        Self { subscriptions: Mutex::default(), metrics }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Subscription>> {
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
        self.metrics.subscribed(subscription.kind());
        let id = random_id();
        subscriptions.insert(id.clone(), subscription);
        Ok(id)
    }

    /// Ends a subscription; whether it was there.
    pub fn unsubscribe(&self, id: &str) -> bool {
        let removed = self.lock().remove(id);
        if let Some(subscription) = &removed {
            self.metrics.unsubscribed(subscription.kind());
        }
        removed.is_some()
    }

    /// Whether new blocks and new pool transactions are of interest.
    pub fn needs(&self) -> (bool, bool) {
        let subscriptions = self.lock();
        let pending =
            |item: &Subscription| matches!(item, Subscription::PendingTransactions { .. });
        (!subscriptions.values().all(pending), subscriptions.values().any(pending))
    }

    /// Whether `syncing` is watched.
    pub fn watches_syncing(&self) -> bool {
        self.lock().values().any(|item| matches!(item, Subscription::Syncing(_)))
    }

    /// Whether transaction objects are wanted.
    pub fn watches_full_transactions(&self) -> bool {
        let full =
            |item: &Subscription| matches!(item, Subscription::PendingTransactions { full: true });
        self.lock().values().any(full)
    }

    /// Notifications for a new block, in no particular order of the subscriptions.
    pub fn messages_for_block(&self, block: &NewBlock, syncing: Option<&Value>) -> Vec<String> {
        let mut messages = Vec::new();
        for (id, subscription) in self.lock().iter_mut() {
            match subscription {
                Subscription::NewHeads => messages.push(notification(id, &block.header)),
                Subscription::Logs(filter) => {
                    let matching = block.logs.iter().filter(|entry| filter.matches(&entry.log));
                    messages.extend(
                        matching
                            .map(|entry| notification(id, &JsonText::of(&render::log(entry)).0)),
                    );
                }
                Subscription::Syncing(last) if last.as_ref() != syncing => {
                    *last = syncing.cloned();
                    messages.extend(last.iter().map(|now| notification(id, &now.to_string())));
                }
                Subscription::Syncing(_) | Subscription::PendingTransactions { .. } => {}
            }
        }
        messages
    }

    /// Notifications for a transaction that entered the pool; `object` is absent where it has left
    /// the pool again.
    pub fn messages_for_transaction(&self, hash: B256, object: Option<&Value>) -> Vec<String> {
        let mut messages = Vec::new();
        for (id, subscription) in self.lock().iter() {
            match (subscription, object) {
                (Subscription::PendingTransactions { full: false }, _) => {
                    messages.push(notification(id, &format!("\"{hash}\"")));
                }
                (Subscription::PendingTransactions { full: true }, Some(object)) => {
                    messages.push(notification(id, &object.to_string()));
                }
                _ => {}
            }
        }
        messages
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for subscription in self.lock().values() {
            self.metrics.unsubscribed(subscription.kind());
        }
    }
}

fn notification(id: &str, result: &str) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"eth_subscription\",\
         \"params\":{{\"subscription\":\"{id}\",\"result\":{result}}}}}"
    )
}
