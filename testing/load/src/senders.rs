//! Closed loop (a fixed number outstanding) and open loop (a fixed rate) through JSON-RPC.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy_primitives::B256;
use eyre::Result;
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

use crate::{
    board::Board,
    rpc::Node,
    stock::{Stock, Transfer},
};

const RETRY_PAUSE: Duration = Duration::from_millis(50);
const RETRIES_MAX: usize = 200;
/// Notes that show in the report.
const NOTHING_LEFT: &str = "no signed transactions left, the phase ended early: raise --sign-rate";
const NOT_SIGNED: &str = "waited for signatures: the client is too slow";

/// How transactions are sent.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// So many are outstanding at any time.
    Closed {
        /// Transactions.
        depth: usize,
    },
    /// So many per second, whatever the answers; latency counts from when each was due.
    Open {
        /// Transactions per second.
        rate: f64,
    },
}

/// Everything the senders of one phase share.
pub struct Sending {
    /// What is sent.
    pub stock: Arc<Stock>,
    /// Where it is noted.
    pub board: Arc<Board>,
    /// Addresses of the nodes.
    pub urls: Vec<String>,
    /// The node that sends for each node: itself while it lives.
    pub routes: Vec<AtomicUsize>,
    /// How.
    pub pace: Pace,
    /// Transactions per request; 1 is a plain call.
    pub batch: usize,
    /// Connections to each node.
    pub connections: usize,
    /// How long new transactions are sent.
    pub window: Duration,
}

impl Sending {
    /// From now on another node takes what one node would get.
    pub fn reroute(&self, from: usize, to: usize) {
        self.routes[from].store(to, Ordering::Relaxed);
    }
}

/// Starts the senders; they end when the window or the transactions end. The semaphore has one
/// permit for each transaction that may still be sent (closed loop): whoever sees a receipt adds one.
///
/// # Errors
/// An address is malformed.
pub fn start(sending: &Arc<Sending>, permits: &Arc<Semaphore>) -> Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    for number in 0..sending.urls.len() {
        for _ in 0..sending.connections {
            let nodes =
                sending.urls.iter().map(|url| Node::new(url)).collect::<Result<Vec<_>>>()?;
            let (sending, permits) = (sending.clone(), permits.clone());
            tasks.spawn(async move { one_sender(&sending, number, &permits, nodes).await });
        }
    }
    Ok(tasks)
}

async fn one_sender(sending: &Sending, number: usize, permits: &Semaphore, mut nodes: Vec<Node>) {
    let board = &sending.board;
    while !board.is_stopped() {
        if let Pace::Closed { .. } = sending.pace {
            let Ok(permit) = permits.acquire_many(sending.batch as u32).await else {
                return;
            };
            permit.forget();
        }
        let Some(items) = take(sending, number).await else { return };
        let due = match (sending.pace, items.first()) {
            (Pace::Open { rate }, Some(first)) => {
                Duration::from_secs_f64(first.index as f64 / rate)
            }
            _ => board.elapsed(),
        };
        if due > sending.window {
            return;
        }
        sleep(due.saturating_sub(board.elapsed())).await;
        let route = sending.routes[number].load(Ordering::Relaxed);
        let items: Vec<(B256, Arc<str>)> = items
            .into_iter()
            .map(|item| {
                let raw: Arc<str> = item.signed.raw.into();
                board.sent(item.signed.hash, raw.clone(), item.index, route, due);
                (item.signed.hash, raw)
            })
            .collect();
        let given_up = submit(sending, number, &mut nodes, items).await;
        permits.add_permits(given_up);
    }
}

/// The next transactions of a node; waits while they are being signed. `None` at the end of all.
async fn take(sending: &Sending, number: usize) -> Option<Vec<Transfer>> {
    loop {
        // asked before the queue is, so that what was put last is not missed
        let ended = sending.stock.is_ended();
        let items = sending.stock.take(number, sending.batch);
        if !items.is_empty() {
            return Some(items);
        }
        if ended || sending.board.is_stopped() {
            let closed = matches!(sending.pace, Pace::Closed { .. });
            if closed && ended && sending.board.elapsed() < sending.window {
                sending.board.dry(NOTHING_LEFT);
            }
            return None;
        }
        sending.board.note(NOT_SIGNED);
        sleep(RETRY_PAUSE).await;
    }
}

/// Sends, and sends again what was refused for lack of room. How many were given up.
async fn submit(
    sending: &Sending,
    number: usize,
    nodes: &mut [Node],
    items: Vec<(B256, Arc<str>)>,
) -> usize {
    let board = &sending.board;
    let mut left = items;
    let mut last_reason = String::new();
    for _ in 0..RETRIES_MAX {
        let raw: Vec<&str> = left.iter().map(|(_, raw)| raw.as_ref()).collect();
        let route = sending.routes[number].load(Ordering::Relaxed);
        match nodes[route].submit(&raw).await {
            Ok(answers) => {
                let mut again = Vec::new();
                for (item, answer) in left.into_iter().zip(answers) {
                    let Err(refusal) = answer else { continue };
                    if is_accepted(&refusal.message) {
                        continue;
                    }
                    board.note(&refusal.message);
                    last_reason = refusal.message;
                    again.push(item);
                }
                left = again;
            }
            Err(error) => {
                last_reason = format!("{error:#}");
                board.note(&last_reason);
            }
        }
        if left.is_empty() || board.is_stopped() {
            return 0;
        }
        sleep(RETRY_PAUSE).await;
    }
    for (hash, _) in &left {
        board.refused(hash, &format!("given up: {last_reason}"));
    }
    left.len()
}

/// Answers to a repeated submission that mean the first one arrived.
pub fn is_accepted(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["already known", "already imported", "nonce too low"].iter().any(|text| message.contains(text))
}
