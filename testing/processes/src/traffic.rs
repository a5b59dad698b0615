//! A trickle of transactions, each sent with `eth_sendRawTransactionSync`: an answer is a promise.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use alloy_primitives::{B256, Bytes, TxKind};
use eyre::{Result, ensure};
use load::{
    accounts::{Account, Call},
    rpc::{Node, ReceiptSummary},
};
use serde_json::json;
use tokio::task::JoinHandle;

/// Pause between two transactions.
const PAUSE: Duration = Duration::from_millis(50);
/// Receipts without which a trickle did not go on; it runs some seconds in each check.
const RECEIPTS_MIN: usize = 3;
/// Gas of a plain transfer.
const TRANSFER_GAS: u64 = 21_000;

/// How long a call waits for its receipt, milliseconds: with a validator down, some views have to
/// time out first.
const WAIT_MS: u64 = 10_000;

/// What a trickle was promised.
#[derive(Debug, Default)]
pub struct Promises {
    /// Receipts that some node answered.
    pub receipts: Vec<ReceiptSummary>,
    /// Longest time from sending to receipt.
    pub slowest: Duration,
    /// Calls that failed, with the last reason.
    pub failures: usize,
    /// Reason of the last failure.
    pub last_failure: String,
}

impl Promises {
    /// Whether transactions went on all the time, each within the time that a call waits.
    pub fn went_on(&self) -> bool {
        self.failures == 0 && self.receipts.len() >= RECEIPTS_MIN
    }
}

impl std::fmt::Display for Promises {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (count, slowest) = (self.receipts.len(), self.slowest);
        write!(f, "{count} receipts, slowest {slowest:.1?}, {} failures", self.failures)?;
        if self.failures > 0 {
            write!(f, ", the last one: {}", self.last_failure)?;
        }
        Ok(())
    }
}

/// A running trickle.
pub struct Trickle {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<Promises>>,
}

impl Trickle {
    /// Sends through `url` until finished; `seed` decides the account.
    pub fn start(url: String, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        Self { stop, task: tokio::spawn(async move { send(&url, seed, &stopped).await }) }
    }

    /// Stops it.
    ///
    /// # Errors
    /// The address was malformed or the chain id unknown.
    pub async fn finish(self) -> Result<Promises> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await?
    }
}

async fn send(url: &str, seed: u64, stop: &AtomicBool) -> Result<Promises> {
    let account = Account::derive(seed, 1)?;
    let mut node = Node::new(url)?;
    let chain_id = node.chain_id().await?;
    let mut promises = Promises::default();
    let mut nonce = None;
    while !stop.load(Ordering::Relaxed) {
        let begin = Instant::now();
        match one(&mut node, &account, chain_id, &mut nonce).await {
            Ok(receipt) => {
                promises.receipts.push(receipt);
                promises.slowest = promises.slowest.max(begin.elapsed());
            }
            Err(error) => {
                promises.failures += 1;
                promises.last_failure = format!("{error:#}");
                nonce = None;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(promises)
}

async fn one(
    node: &mut Node,
    account: &Account,
    chain_id: u64,
    nonce: &mut Option<u64>,
) -> Result<ReceiptSummary> {
    let next = match *nonce {
        Some(next) => next,
        None => node.nonces(&[account.address]).await?[0],
    };
    let call = Call { to: TxKind::Call(account.address), data: Bytes::new() };
    let signed = account.sign(chain_id, next, TRANSFER_GAS, &call)?;
    let receipt: ReceiptSummary =
        node.call("eth_sendRawTransactionSync", json!([signed.raw, WAIT_MS])).await?;
    ensure!(receipt.transaction_hash == signed.hash, "receipt of another transaction");
    *nonce = Some(next + 1);
    Ok(receipt)
}

/// How many promised receipts the node of `url` does not have in the same block.
///
/// # Errors
/// The node does not answer.
pub async fn broken_promises(url: &str, promises: &Promises) -> Result<Vec<B256>> {
    let mut node = Node::new(url)?;
    let mut broken = Vec::new();
    for promised in &promises.receipts {
        let found = node.receipt(promised.transaction_hash).await?;
        if found.is_none_or(|found| found.block_hash != promised.block_hash) {
            broken.push(promised.transaction_hash);
        }
    }
    Ok(broken)
}
