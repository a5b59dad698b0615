//! Readers of receipts: a transaction counts when another node than the one it was sent to shows
//! its receipt.

use std::{sync::Arc, time::Duration};

use eyre::Result;
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

use crate::{board::Board, rpc::Node};

/// Everything the readers of one phase share.
pub struct Reading {
    /// Where receipts are noted.
    pub board: Arc<Board>,
    /// Pause when there is no new block.
    pub pause: Duration,
    /// One for each transaction that may still be sent.
    pub permits: Arc<Semaphore>,
}

/// Starts one reader on each of the first two nodes: the first judges what was sent to the others,
/// the second what was sent to the first. A network of one node has to judge itself. The first also
/// notes each block.
///
/// # Errors
/// An address is malformed, or a node does not answer.
pub async fn start(reading: Arc<Reading>, urls: &[String]) -> Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    for (number, url) in urls.iter().take(2).enumerate() {
        let mut node = Node::new(url)?;
        let next = node.height().await? + 1;
        let alone = urls.len() == 1;
        let reading = reading.clone();
        tasks.spawn(async move {
            let judges = move |sent_to: usize| {
                alone || if number == 0 { sent_to != 0 } else { sent_to == 0 }
            };
            one_reader(&reading, node, next, number == 0, judges).await;
        });
    }
    Ok(tasks)
}

async fn one_reader(
    reading: &Reading,
    mut node: Node,
    mut next: u64,
    notes_blocks: bool,
    judges: impl Fn(usize) -> bool,
) {
    let board = &reading.board;
    while !board.is_stopped() {
        let receipts = match node.block_receipts(next).await {
            Ok(Some(receipts)) => receipts,
            Ok(None) => {
                sleep(reading.pause).await;
                continue;
            }
            Err(error) => {
                board.note(&format!("reading receipts: {error:#}"));
                sleep(reading.pause).await;
                continue;
            }
        };
        if notes_blocks {
            board.block(next, receipts.len());
        }
        let seen = receipts
            .iter()
            .filter(|receipt| {
                let success = receipt.status.to::<u64>() == 1;
                board.seen(&receipt.transaction_hash, next, success, &judges)
            })
            .count();
        reading.permits.add_permits(seen);
        next += 1;
    }
}
