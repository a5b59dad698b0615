//! Reads every block of one node as soon as it is there, and when that was.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use eyre::Result;
use load::rpc::{BlockSummary, Node};
use serde_json::json;
use tokio::task::JoinHandle;

/// How often a node is asked for its height: times are this much too late at most.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Pause after a node that did not answer.
const SILENT_PAUSE: Duration = Duration::from_millis(100);

/// A block as one node told it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Height, hash and roots.
    pub block: BlockSummary,
    /// When it was read.
    pub at: Instant,
    /// Transactions with a receipt of status 1.
    pub transactions: Vec<B256>,
    /// Receipts of another status.
    pub failed: usize,
}

/// A running watch.
pub struct Watch {
    stop: Arc<AtomicBool>,
    height: Arc<AtomicU64>,
    task: JoinHandle<Result<Vec<Seen>>>,
}

impl Watch {
    /// Watches from the block after the present one.
    ///
    /// # Errors
    /// The node does not answer now.
    pub async fn start(url: &str) -> Result<Self> {
        let mut node = Node::new(url)?;
        let first = node.height().await? + 1;
        let (stop, height) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, shown) = (stop.clone(), height.clone());
        let task = tokio::spawn(async move { Ok(watch(node, first, &stopped, &shown).await) });
        Ok(Self { stop, height, task })
    }

    /// Newest height read; 0 before the first.
    pub fn height(&self) -> u64 {
        self.height.load(Ordering::Relaxed)
    }

    /// Stops it.
    ///
    /// # Errors
    /// Never in practice.
    pub async fn finish(self) -> Result<Vec<Seen>> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await?
    }
}

async fn watch(mut node: Node, first: u64, stop: &AtomicBool, shown: &AtomicU64) -> Vec<Seen> {
    let (mut seen, mut next) = (Vec::new(), first);
    while !stop.load(Ordering::Relaxed) {
        let Ok(height) = node.height().await else {
            tokio::time::sleep(SILENT_PAUSE).await;
            continue;
        };
        let at = Instant::now();
        while next <= height {
            match read(&mut node, next, at).await {
                Ok(block) => seen.push(block),
                // It is asked for again.
                Err(_) => break,
            }
            shown.store(next, Ordering::Relaxed);
            next += 1;
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    seen
}

async fn read(node: &mut Node, height: u64, at: Instant) -> Result<Seen> {
    let block: BlockSummary =
        node.call("eth_getBlockByNumber", json!([format!("{height:#x}"), false])).await?;
    let receipts = node.block_receipts(height).await?;
    let receipts = receipts.ok_or_else(|| eyre::eyre!("no receipts of block {height}"))?;
    let good = receipts.iter().filter(|receipt| receipt.status.to::<u64>() == 1);
    let transactions: Vec<B256> = good.map(|receipt| receipt.transaction_hash).collect();
    let failed = receipts.len() - transactions.len();
    Ok(Seen { block, at, transactions, failed })
}
