//! One measured phase: sign, send, count, drain, check the balances.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::U256;
use eyre::{Result, bail};
use serde::Serialize;
use tokio::{sync::Semaphore, time::sleep};

use crate::{
    accounts::Account,
    board::Board,
    costs::{self, Cost},
    distribution::Distribution,
    network::Description,
    plan::{self, Transfer},
    readers::{self, Reading},
    rpc::Node,
    senders::{self, Pace, Sending},
    token::Token,
};

const DRAIN_TIMEOUT: Duration = Duration::from_secs(60);
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// A token, its holders, and what each should hold.
pub struct Bench {
    /// Network under load.
    pub description: Description,
    /// Token.
    pub token: Token,
    /// Holders.
    pub accounts: Vec<Account>,
    /// Expected balance of each holder.
    pub expected: Vec<U256>,
    /// Seed of the run.
    pub seed: u64,
}

/// How a phase is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name in the report.
    pub name: String,
    /// Closed or open.
    pub pace: Pace,
    /// Transactions per request.
    pub batch: usize,
    /// Connections to each node.
    pub connections: usize,
    /// How long transactions are sent.
    pub window: Duration,
    /// Transfers signed beforehand (the most that can be sent).
    pub signed: usize,
    /// Pause of a receipt reader when there is no new block.
    pub poll: Duration,
}

/// What a phase showed.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Name of the phase.
    pub phase: String,
    /// Receipts with status 1 read within the window from another node.
    pub committed: usize,
    /// The same per second of the window.
    pub committed_per_second: f64,
    /// Sending to receipt on another node.
    pub finality: Distribution,
    /// Accepted, but without a receipt after the drain.
    pub lost: u64,
    /// Receipts with another status.
    pub failed: u64,
    /// Refusals and retries, with their text.
    pub refusals: BTreeMap<String, u64>,
    /// Whether each holder holds on every node what the receipts say.
    pub balances_agree: bool,
    /// Per node, the client last.
    pub costs: Vec<Cost>,
}

impl Outcome {
    /// Nothing lost, nothing failed, balances right, and something counted.
    pub const fn is_good(&self) -> bool {
        self.lost == 0 && self.failed == 0 && self.balances_agree && self.committed > 0
    }
}

impl Bench {
    /// Deploys the token and fills the accounts.
    ///
    /// # Errors
    /// Transport, refusal, or no finality.
    pub async fn prepare(description: Description, accounts: usize, seed: u64) -> Result<Self> {
        let minter = Account::derive(seed, u64::MAX)?;
        let accounts: Vec<Account> =
            (0..accounts as u64).map(|n| Account::derive(seed, n)).collect::<Result<_>>()?;
        let mut node = Node::new(&description.nodes[0].rpc)?;
        let token = Token::deploy(&mut node, &minter, &accounts).await?;
        let expected = vec![U256::from(crate::token::START_BALANCE); accounts.len()];
        Ok(Self { description, token, accounts, expected, seed })
    }

    fn urls(&self) -> Vec<String> {
        self.description.nodes.iter().map(|node| node.rpc.clone()).collect()
    }

    /// Signed transfers that continue the accounts' nonces.
    ///
    /// # Errors
    /// Transport or a refusal.
    pub async fn sign(&self, count: usize) -> Result<Vec<Transfer>> {
        let addresses: Vec<_> = self.accounts.iter().map(|account| account.address).collect();
        let nonces = Node::new(&self.description.nodes[0].rpc)?.nonces(&addresses).await?;
        let nodes = self.description.nodes.len();
        plan::sign(&self.token, &self.accounts, &nonces, nodes, count, self.seed)
    }

    /// Runs one phase.
    ///
    /// # Errors
    /// Transport while preparing or checking. What happens under load is in the outcome.
    pub async fn run(&mut self, settings: &Settings) -> Result<Outcome> {
        let transfers = Arc::new(self.sign(settings.signed).await?);
        let depth = match settings.pace {
            Pace::Closed { depth } => depth,
            Pace::Open { .. } => 0,
        };
        let permits = Arc::new(Semaphore::new(depth));
        let urls = self.urls();
        let before: Vec<_> = self.watched().iter().map(costs::snapshot).collect();
        let start = Instant::now();
        let board = Arc::new(Board::new(&transfers));
        let reading = Reading {
            transfers: transfers.clone(),
            board: board.clone(),
            pause: settings.poll,
            permits: permits.clone(),
        };
        let mut reading = readers::start(Arc::new(reading), &urls).await?;
        let sending = Sending {
            transfers: transfers.clone(),
            board: board.clone(),
            urls,
            pace: settings.pace,
            batch: settings.batch,
            connections: settings.connections,
            window: settings.window,
        };
        let mut sending = senders::start(Arc::new(sending), &permits)?;
        sleep(settings.window).await;
        permits.close();
        drain(&board).await;
        board.stop();
        while sending.join_next().await.is_some() {}
        while reading.join_next().await.is_some() {}
        let seconds = start.elapsed().as_secs_f64();
        let latencies = board.latencies();
        let nodes = self.watched();
        let costs = before
            .into_iter()
            .zip(&nodes)
            .map(|(before, node)| costs::since(before, node, latencies.len(), seconds))
            .collect();
        let balances_agree = self.settle(&transfers, &board).await?;
        let committed = board.seen_within(settings.window);
        Ok(Outcome {
            phase: settings.name.clone(),
            committed,
            committed_per_second: committed as f64 / settings.window.as_secs_f64(),
            finality: Distribution::of(latencies),
            lost: board.outstanding(),
            failed: board.failed(),
            refusals: board.refusals(),
            balances_agree,
            costs,
        })
    }

    /// The nodes, and this client as the last.
    fn watched(&self) -> Vec<crate::network::NodeEntry> {
        let mut all = self.description.nodes.clone();
        all.push(costs::client());
        all
    }

    /// Books what was seen and compares it with what every node says.
    async fn settle(&mut self, transfers: &[Transfer], board: &Board) -> Result<bool> {
        for (index, transfer) in transfers.iter().enumerate() {
            if board.is_seen(index) {
                self.expected[transfer.from] -= U256::from(1);
                self.expected[transfer.to] += U256::from(1);
            }
        }
        let sum: U256 = self.expected.iter().sum();
        let mut agree = true;
        for entry in &self.description.nodes {
            let mut node = Node::new(&entry.rpc)?;
            reach(&mut node, board.height()).await?;
            let held = self.token.balances(&mut node, &self.accounts).await?;
            agree &= held == self.expected && self.token.supply(&mut node).await? == sum;
        }
        Ok(agree)
    }
}

async fn drain(board: &Board) {
    let start = Instant::now();
    while board.outstanding() > 0 && start.elapsed() < DRAIN_TIMEOUT {
        sleep(PAUSE).await;
    }
}

async fn reach(node: &mut Node, height: u64) -> Result<()> {
    let start = Instant::now();
    while node.height().await? < height {
        if start.elapsed() > CATCH_UP_TIMEOUT {
            bail!("a node has not reached block {height} after {CATCH_UP_TIMEOUT:?}");
        }
        sleep(PAUSE).await;
    }
    Ok(())
}
