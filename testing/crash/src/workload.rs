//! Load that survives the nodes: each account has one transfer under way, and sends it again
//! through another node until some node shows its receipt.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use eyre::Result;
use load::{accounts::Account, random::Random, rpc::Node, token::Token};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::witness::Witness;

const LOOK_PAUSE: Duration = Duration::from_millis(25);
const RESEND_AFTER: Duration = Duration::from_secs(3);
const SUBMIT_TIMEOUT: Duration = Duration::from_secs(2);

/// What all accounts share.
pub struct Workload {
    /// Token that is transferred.
    pub token: Token,
    /// Holders.
    pub accounts: Vec<Account>,
    /// Addresses of the nodes.
    pub urls: Vec<String>,
    /// Who sees the receipts.
    pub witness: Arc<Witness>,
    /// Least time between two transfers of an account.
    pub interval: Duration,
    /// Seed of the run.
    pub seed: u64,
}

/// One task per account; they end when the witness is stopped.
///
/// # Errors
/// An address is malformed.
pub fn start(workload: &Arc<Workload>) -> Result<JoinSet<Result<()>>> {
    let mut tasks = JoinSet::new();
    for index in 0..workload.accounts.len() {
        let nodes = workload.urls.iter().map(|url| Node::new(url)).collect::<Result<Vec<_>>>()?;
        let workload = workload.clone();
        tasks.spawn(async move { one_account(&workload, index, nodes).await });
    }
    Ok(tasks)
}

async fn one_account(workload: &Workload, index: usize, mut nodes: Vec<Node>) -> Result<()> {
    let mut random = Random::new(workload.seed ^ (index as u64) << 32);
    let account = &workload.accounts[index];
    sleep(workload.interval.mul_f64(index as f64 / workload.accounts.len() as f64)).await;
    for nonce in 0.. {
        let to = random.below(workload.accounts.len() as u64) as usize;
        let signed = workload.token.transfer(account, nonce, workload.accounts[to].address)?;
        let start = Instant::now();
        let mut last_sent: Option<Instant> = None;
        while workload.witness.place(&signed.hash).is_none() {
            if workload.witness.is_stopped() {
                return Ok(());
            }
            if last_sent.is_none_or(|sent| sent.elapsed() > RESEND_AFTER) {
                let node = &mut nodes[random.below(workload.urls.len() as u64) as usize];
                let answer = timeout(SUBMIT_TIMEOUT, node.submit(&[&signed.raw])).await;
                // a dead node or a full pool: the next attempt comes soon and elsewhere
                let accepted =
                    matches!(answer, Ok(Ok(answers)) if answers.iter().all(Result::is_ok));
                last_sent = accepted.then(Instant::now);
            }
            sleep(LOOK_PAUSE).await;
        }
        sleep(workload.interval.saturating_sub(start.elapsed())).await;
    }
    Ok(())
}
