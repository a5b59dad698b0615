//! A steady load: so many transactions per second through several nodes, whatever the answers. The
//! time of a transaction counts from when it was due, so that a node that hangs cannot hide.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use alloy_primitives::{B256, Bytes, TxKind};
use eyre::Result;
use load::{
    accounts::{Account, Call},
    random::Random,
    rpc::Node,
};
use tokio::{sync::mpsc, task::JoinSet};

/// Accounts that send through one node, each with a connection of its own.
const ACCOUNTS_PER_NODE: u64 = 24;
/// Transactions that may be due and not yet taken by an account; beyond it they count as late.
const DUE_MAX: usize = 10_000;
/// Gas of a plain transfer.
const TRANSFER_GAS: u64 = 21_000;
/// Gas of a byte of data (EIP-7623's floor).
const DATA_BYTE_GAS: u64 = 40;
/// Pause of an account after an answer that was no acceptance.
const REFUSED_PAUSE: Duration = Duration::from_millis(200);

/// A transaction that a node accepted.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Hash.
    pub hash: B256,
    /// Number of the node that took it.
    pub via: usize,
    /// When it was due.
    pub due: Instant,
}

/// What became of a load.
#[derive(Debug, Default)]
pub struct Sendings {
    /// Accepted ones.
    pub accepted: Vec<Sent>,
    /// Answers that were none, each text once with its count.
    pub refusals: HashMap<String, usize>,
}

/// A running load.
pub struct Steady {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Result<Sendings>>,
}

impl Steady {
    /// Sends `rate_per_second` in all through these nodes in turn (number and address); `seed`
    /// decides the accounts.
    pub fn start(nodes: &[(usize, String)], rate_per_second: u32, seed: u64) -> Self {
        Self::carrying(nodes, rate_per_second, seed, 0)
    }

    /// [`Self::start`] with so many bytes of data in each transaction.
    pub fn carrying(
        nodes: &[(usize, String)],
        rate_per_second: u32,
        seed: u64,
        data_bytes: usize,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        let mut queues = Vec::new();
        for (via, url) in nodes {
            let (queue, due) = mpsc::channel(DUE_MAX);
            let due = Arc::new(tokio::sync::Mutex::new(due));
            queues.push(queue);
            for number in 0..ACCOUNTS_PER_NODE {
                let (via, url, due) = (*via, url.clone(), due.clone());
                let account = seed * 1_000 + via as u64 * ACCOUNTS_PER_NODE + number;
                tasks.spawn(async move { send(&url, via, account, data_bytes, &due).await });
            }
        }
        let pace = Duration::from_secs(1) / rate_per_second.max(1);
        let stopped = stop.clone();
        tokio::spawn(async move {
            let mut due = Instant::now();
            for turn in 0.. {
                tokio::time::sleep_until(due.into()).await;
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // A full queue means a node that has not answered for minutes.
                let _ = queues[turn % queues.len()].try_send(due);
                due += pace;
            }
        });
        Self { stop, tasks }
    }

    /// Stops it.
    ///
    /// # Errors
    /// An address was malformed or a chain id unknown.
    pub async fn finish(mut self) -> Result<Sendings> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Sendings::default();
        while let Some(ended) = self.tasks.join_next().await {
            let part = ended??;
            all.accepted.extend(part.accepted);
            for (text, count) in part.refusals {
                *all.refusals.entry(text).or_default() += count;
            }
        }
        all.accepted.sort_by_key(|sent| sent.due);
        Ok(all)
    }
}

impl Drop for Steady {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Data that nothing can compress.
fn noise(seed: u64, bytes: usize) -> Bytes {
    let mut random = Random::new(seed);
    (0..bytes).map(|_| random.next().to_le_bytes()[0]).collect()
}

async fn send(
    url: &str,
    via: usize,
    account: u64,
    data_bytes: usize,
    queue: &tokio::sync::Mutex<mpsc::Receiver<Instant>>,
) -> Result<Sendings> {
    let account = Account::derive(0x57ea_d100, account)?;
    let mut node = Node::new(url)?;
    let chain_id = node.chain_id().await?;
    let gas = TRANSFER_GAS + DATA_BYTE_GAS * u64::try_from(data_bytes)?;
    let mut sendings = Sendings::default();
    let mut nonce = None;
    loop {
        let Some(due) = queue.lock().await.recv().await else { return Ok(sendings) };
        let next = match nonce {
            Some(next) => Ok(next),
            None => node.nonces(&[account.address]).await.map(|nonces| nonces[0]),
        };
        let outcome = match next {
            Ok(next) => {
                let call =
                    Call { to: TxKind::Call(account.address), data: noise(next, data_bytes) };
                let signed = account.sign(chain_id, next, gas, &call)?;
                let answer = node.submit(&[&signed.raw]).await.map(|mut answers| answers.remove(0));
                answer.map(|answer| answer.map(|()| (signed.hash, next)))
            }
            Err(error) => Err(error),
        };
        let refused = match outcome {
            Ok(Ok((hash, used))) => {
                sendings.accepted.push(Sent { hash, via, due });
                nonce = Some(used + 1);
                continue;
            }
            Ok(Err(refusal)) => refusal.message,
            Err(error) => format!("{error:#}"),
        };
        *sendings.refusals.entry(format!("node {via}: {refused}")).or_default() += 1;
        nonce = None;
        tokio::time::sleep(REFUSED_PAUSE).await;
    }
}
