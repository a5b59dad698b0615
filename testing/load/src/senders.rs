//! Closed loop (a fixed number outstanding) and open loop (a fixed rate) through JSON-RPC.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use eyre::Result;
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

use crate::{board::Board, plan::Transfer, rpc::Node};

const RETRY_PAUSE: Duration = Duration::from_millis(50);
const RETRIES_MAX: usize = 200;

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
    pub transfers: Arc<Vec<Transfer>>,
    /// Where it is noted.
    pub board: Arc<Board>,
    /// Addresses of the nodes.
    pub urls: Vec<String>,
    /// How.
    pub pace: Pace,
    /// Transactions per request; 1 is a plain call.
    pub batch: usize,
    /// Connections to each node.
    pub connections: usize,
    /// How long new transactions are sent.
    pub window: Duration,
}

struct Queue {
    order: Vec<usize>,
    next: AtomicUsize,
}

impl Queue {
    fn take(&self, count: usize) -> &[usize] {
        let start = self.next.fetch_add(count, Ordering::Relaxed).min(self.order.len());
        &self.order[start..(start + count).min(self.order.len())]
    }
}

/// Starts the senders; they end when the window or the transfers end. The semaphore has one permit
/// for each transaction that may still be sent (closed loop): whoever sees a receipt adds one.
///
/// # Errors
/// An address is malformed.
pub fn start(sending: Arc<Sending>, permits: &Arc<Semaphore>) -> Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    for (number, url) in sending.urls.iter().enumerate() {
        let order = (0..sending.transfers.len())
            .filter(|index| sending.transfers[*index].node == number)
            .collect();
        let queue = Arc::new(Queue { order, next: AtomicUsize::new(0) });
        for _ in 0..sending.connections {
            let node = Node::new(url)?;
            let (sending, queue, permits) = (sending.clone(), queue.clone(), permits.clone());
            tasks.spawn(async move { one_sender(&sending, &queue, &permits, node).await });
        }
    }
    Ok(tasks)
}

async fn one_sender(sending: &Sending, queue: &Queue, permits: &Semaphore, mut node: Node) {
    let board = &sending.board;
    while !board.is_stopped() {
        if let Pace::Closed { .. } = sending.pace {
            let Ok(permit) = permits.acquire_many(sending.batch as u32).await else {
                return;
            };
            permit.forget();
        }
        let items = queue.take(sending.batch);
        let Some(first) = items.first() else { return };
        let due = match sending.pace {
            Pace::Closed { .. } => board.elapsed(),
            Pace::Open { rate } => Duration::from_secs_f64(*first as f64 / rate),
        };
        if due > sending.window {
            return;
        }
        sleep(due.saturating_sub(board.elapsed())).await;
        for item in items {
            board.sent_at(*item, due);
        }
        let given_up = submit(sending, &mut node, items).await;
        permits.add_permits(given_up);
    }
}

/// Sends, and sends again what was refused for lack of room. How many were given up.
async fn submit(sending: &Sending, node: &mut Node, items: &[usize]) -> usize {
    let board = &sending.board;
    let mut left: Vec<usize> = items.to_vec();
    let mut last_reason = String::new();
    for _ in 0..RETRIES_MAX {
        let raw: Vec<&str> =
            left.iter().map(|item| sending.transfers[*item].signed.raw.as_str()).collect();
        match node.submit(&raw).await {
            Ok(answers) => {
                let mut again = Vec::new();
                for (item, answer) in left.iter().zip(answers) {
                    let Err(refusal) = answer else { continue };
                    if is_accepted(&refusal.message) {
                        continue;
                    }
                    board.note(&refusal.message);
                    last_reason = refusal.message;
                    again.push(*item);
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
    for item in &left {
        board.refused(*item, &format!("given up: {last_reason}"));
    }
    left.len()
}

/// Answers to a repeated submission that mean the first one arrived.
fn is_accepted(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["already known", "already imported", "nonce too low"].iter().any(|text| message.contains(text))
}
