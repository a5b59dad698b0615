//! After a recovery: the same blocks and roots on all nodes, and no receipt that vanished.

use std::time::{Duration, Instant};

use alloy_primitives::B256;
use eyre::{Result, bail};
use load::rpc::{BATCH_ITEMS, BlockSummary, Node, ReceiptSummary};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::witness::{Place, Witness};

const PAUSE: Duration = Duration::from_millis(100);
/// Differences that are listed of one comparison.
const LISTED_MAX: usize = 10;

/// Waits until every node answers and is at or above a height.
///
/// # Errors
/// Not within the limit; names the nodes.
pub async fn recovered(urls: &[String], height: u64, limit: Duration) -> Result<Duration> {
    let start = Instant::now();
    loop {
        let mut behind = Vec::new();
        for url in urls {
            match Node::new(url)?.height().await {
                Ok(head) if head >= height => {}
                Ok(head) => behind.push(format!("{url} is at block {head}")),
                Err(error) => behind.push(format!("{url} does not answer: {error:#}")),
            }
        }
        if behind.is_empty() {
            return Ok(start.elapsed());
        }
        if start.elapsed() > limit {
            bail!("no recovery to block {height} within {limit:?}: {}", behind.join("; "));
        }
        sleep(PAUSE).await;
    }
}

/// Lowest head of all nodes.
///
/// # Errors
/// A node does not answer.
pub async fn common_height(urls: &[String]) -> Result<u64> {
    let mut lowest = u64::MAX;
    for url in urls {
        lowest = lowest.min(Node::new(url)?.height().await?);
    }
    Ok(lowest)
}

/// Compares blocks above one height and up to another on all nodes. What differs.
///
/// # Errors
/// A node does not answer.
pub async fn blocks(urls: &[String], above: u64, up_to: u64) -> Result<Vec<String>> {
    let heights: Vec<u64> = (above + 1..=up_to).collect();
    let mut differences = Vec::new();
    let mut reference: Vec<Option<BlockSummary>> = Vec::new();
    for url in urls {
        let found = read_blocks(url, &heights).await?;
        if reference.is_empty() {
            reference.clone_from(&found);
        }
        for ((height, expected), block) in heights.iter().zip(&reference).zip(&found) {
            if block.is_none() || block != expected {
                differences.push(format!(
                    "block {height} on {url}: {block:?}, on {}: {expected:?}",
                    urls[0]
                ));
            }
        }
    }
    differences.truncate(LISTED_MAX);
    Ok(differences)
}

async fn read_blocks(url: &str, heights: &[u64]) -> Result<Vec<Option<BlockSummary>>> {
    let mut node = Node::new(url)?;
    let mut blocks = Vec::with_capacity(heights.len());
    for part in heights.chunks(BATCH_ITEMS) {
        let params: Vec<Value> = part.iter().map(|h| json!([format!("{h:#x}"), false])).collect();
        blocks.extend(node.batch("eth_getBlockByNumber", &params).await?);
    }
    Ok(blocks)
}

/// Looks for every witnessed receipt on every node. What is missing or moved.
///
/// # Errors
/// A node does not answer.
pub async fn receipts(urls: &[String], witnessed: &[(B256, Place)]) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    for url in urls {
        let mut node = Node::new(url)?;
        for part in witnessed.chunks(BATCH_ITEMS) {
            let params: Vec<Value> = part.iter().map(|(hash, _)| json!([hash])).collect();
            let found: Vec<Option<ReceiptSummary>> =
                node.batch("eth_getTransactionReceipt", &params).await?;
            for ((hash, expected), receipt) in part.iter().zip(found) {
                let place = receipt.as_ref().map(Place::from);
                if place != Some(*expected) {
                    differences
                        .push(format!("{hash} on {url}: {place:?}, witnessed in {expected:?}"));
                }
            }
        }
    }
    differences.truncate(LISTED_MAX);
    Ok(differences)
}

/// Everything that has to hold above one height: contradictions seen on the way, blocks, receipts.
/// The height up to which it was checked, the number of receipts, and what was wrong.
///
/// # Errors
/// A node does not answer.
pub async fn everything(
    urls: &[String],
    witness: &Witness,
    above: u64,
) -> Result<(u64, usize, Vec<String>)> {
    let up_to = common_height(urls).await?;
    let witnessed = witness.between(above, up_to);
    let mut wrong = witness.take_contradictions();
    wrong.extend(blocks(urls, above, up_to).await?);
    wrong.extend(receipts(urls, &witnessed).await?);
    Ok((up_to, witnessed.len(), wrong))
}
