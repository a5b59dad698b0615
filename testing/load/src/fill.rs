//! Filling of holders: those with keys by lists, those without by ranges, with several senders
//! through all nodes at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy_primitives::U256;
use eyre::{Result, bail};
use serde::Serialize;
use tokio::{task::JoinSet, time::sleep};

use crate::{
    accounts::Account,
    contracts::succeeded,
    costs::{self, Footprint},
    holders::Holders,
    network::Description,
    process::processor_micros,
    rpc::Node,
    token::{RANGE_HOLDERS, START_BALANCE, Token},
};

/// Accounts that fill.
const FILLERS: u64 = 8;
/// Numbers of the fillers' keys, away from those of holders.
const FILLER_KEYS: u64 = u64::MAX - 1_000;
/// Transactions of one filler under way.
const IN_FLIGHT: u64 = 4;
const RETRY_PAUSE: Duration = Duration::from_millis(50);
const RETRIES_MAX: usize = 1_200;
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// What filling took.
#[derive(Clone, Debug, Serialize)]
pub struct Filling {
    /// Token holders.
    pub holders: u64,
    /// Those of them with keys.
    pub senders: usize,
    /// How long it took (s).
    pub seconds: f64,
    /// Holders per second.
    pub holders_per_second: f64,
    /// Processor time of all nodes together per holder (µs).
    pub cpu_us_per_holder: Option<f64>,
    /// Height afterwards.
    pub height: u64,
    /// Memory and disk of each node afterwards.
    pub footprints: Vec<Footprint>,
}

struct Work {
    token: Token,
    seed: u64,
    end: u64,
    next: AtomicU64,
    filled: AtomicU64,
    began: Instant,
}

impl Work {
    fn take(&self) -> Option<(u64, u64)> {
        let start = self.next.fetch_add(RANGE_HOLDERS, Ordering::Relaxed);
        (start < self.end).then(|| (start, RANGE_HOLDERS.min(self.end - start)))
    }
}

/// Deploys the token and fills all holders.
///
/// # Errors
/// Transport, a refusal, a transaction that fails or is not final in time, or a wrong supply.
pub async fn fill(
    description: &Description,
    minter: &Account,
    holders: &Holders,
) -> Result<(Token, Filling)> {
    let began = Instant::now();
    let used_before = processor_us(description);
    let mut node = Node::new(&description.nodes[0].rpc)?;
    let token = Token::deploy(&mut node, minter, &holders.senders).await?;
    let work = Arc::new(Work {
        token,
        seed: holders.seed,
        end: holders.total,
        next: AtomicU64::new(holders.senders.len() as u64),
        filled: AtomicU64::new(holders.senders.len() as u64),
        began,
    });
    if holders.receivers() > 0 {
        fill_receivers(description, &work).await?;
    }
    let expected = U256::from(START_BALANCE) * U256::from(holders.total);
    let supply = token.supply(&mut node).await?;
    if supply != expected {
        bail!("the supply is {supply} after filling, expected {expected}");
    }
    let seconds = began.elapsed().as_secs_f64();
    let filling = Filling {
        holders: holders.total,
        senders: holders.senders.len(),
        seconds,
        holders_per_second: holders.total as f64 / seconds,
        cpu_us_per_holder: used_before
            .zip(processor_us(description))
            .map(|(before, after)| after.saturating_sub(before) as f64 / holders.total as f64),
        height: node.height().await?,
        footprints: description.nodes.iter().map(costs::footprint).collect(),
    };
    Ok((token, filling))
}

/// Processor time of all nodes so far.
fn processor_us(description: &Description) -> Option<u64> {
    description.nodes.iter().map(|node| processor_micros(node.pid?).ok()).sum()
}

async fn fill_receivers(description: &Description, work: &Arc<Work>) -> Result<()> {
    let mut fillers = JoinSet::new();
    for number in 0..FILLERS {
        let account = Account::derive(work.seed, FILLER_KEYS + number)?;
        let url = &description.nodes[number as usize % description.nodes.len()].rpc;
        fillers.spawn(one_filler(work.clone(), account, Node::new(url)?));
    }
    let mut next_report = REPORT_INTERVAL;
    loop {
        tokio::select! {
            ended = fillers.join_next() => match ended {
                None => return Ok(()),
                Some(outcome) => outcome??,
            },
            () = sleep(Duration::from_secs(1)) => {}
        }
        if work.began.elapsed() > next_report {
            next_report += REPORT_INTERVAL;
            let filled = work.filled.load(Ordering::Relaxed);
            let rate = filled as f64 / work.began.elapsed().as_secs_f64();
            eprintln!("  {filled} of {} holders, {rate:.0} per second", work.end);
        }
    }
}

async fn one_filler(work: Arc<Work>, account: Account, mut node: Node) -> Result<()> {
    let mut nonce = node.nonces(&[account.address]).await?[0];
    loop {
        let mut last = None;
        let mut holders = 0;
        for _ in 0..IN_FLIGHT {
            let Some((start, count)) = work.take() else { break };
            let signed = work.token.mint_range(&account, nonce, work.seed, start, count)?;
            submit(&mut node, &signed.raw).await?;
            nonce += 1;
            holders += count;
            last = Some(signed.hash);
        }
        let Some(hash) = last else { return Ok(()) };
        // nonces are in order: when the last one succeeded, the earlier ones are final too, and the
        // supply tells at the end whether each of them succeeded
        succeeded(&mut node, hash).await?;
        work.filled.fetch_add(holders, Ordering::Relaxed);
    }
}

/// Submits, again while the pool is full.
async fn submit(node: &mut Node, raw: &str) -> Result<()> {
    for _ in 0..RETRIES_MAX {
        match node.submit(&[raw]).await?.remove(0) {
            Ok(()) => return Ok(()),
            Err(refusal) if refusal.message.contains("full") => sleep(RETRY_PAUSE).await,
            Err(refusal) => bail!("refused: {} (code {})", refusal.message, refusal.code),
        }
    }
    bail!("the pool is full for too long")
}
