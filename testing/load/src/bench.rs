//! A network with its contracts and holders, and what each holder should hold.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use eyre::{Result, bail};

use tokio::time::sleep;

use crate::{
    accounts::Account,
    contracts,
    fill::{self, Filling},
    holders::Holders,
    network::Description,
    rpc::Node,
    stock::Recipe,
    workload::{Targets, Workload},
};

/// Number of the minter's key, away from those of holders.
const MINTER_KEY: u64 = u64::MAX;
const PAUSE: Duration = Duration::from_millis(20);

/// Everything that lasts from phase to phase.
pub struct Bench {
    /// Network under load.
    pub description: Description,
    /// Contracts.
    pub targets: Targets,
    /// Holders.
    pub holders: Arc<Holders>,
    /// What filling took.
    pub filling: Filling,
    /// Tokens that a holder has won or lost since the start.
    pub moved: BTreeMap<u64, i64>,
    /// Calls of the store by sender.
    pub stored: BTreeMap<u64, u64>,
    /// Most balances compared after a phase.
    pub sample_max: usize,
    seed: u64,
    phases: u64,
}

impl Bench {
    /// Deploys the contracts and fills the holders.
    ///
    /// # Errors
    /// Transport, refusal, or no finality.
    pub async fn prepare(
        description: Description,
        holders: Holders,
        sample_max: usize,
    ) -> Result<Self> {
        let seed = holders.seed;
        let minter = Account::derive(seed, MINTER_KEY)?;
        let mut node = Node::new(&description.nodes[0].rpc)?;
        let (token, filling) = fill::fill(&description, &minter, &holders).await?;
        let store =
            contracts::deploy(&mut node, &minter, include_str!("../contracts/Store.json")).await?;
        let targets = Targets { chain_id: node.chain_id().await?, token, store };
        Ok(Self {
            description,
            targets,
            holders: Arc::new(holders),
            filling,
            moved: BTreeMap::new(),
            stored: BTreeMap::new(),
            sample_max,
            seed,
            phases: 0,
        })
    }

    /// Transactions that continue the senders' nonces.
    ///
    /// # Errors
    /// Transport or a refusal.
    pub async fn recipe(&mut self, workload: Workload) -> Result<Recipe> {
        let senders: Vec<_> = self.holders.senders.iter().map(|account| account.address).collect();
        let first_nonces = Node::new(&self.description.nodes[0].rpc)?.nonces(&senders).await?;
        self.phases += 1;
        Ok(Recipe {
            workload,
            targets: self.targets,
            holders: self.holders.clone(),
            first_nonces,
            nodes: self.description.nodes.len(),
            // other recipients in each phase
            seed: self.seed ^ (self.phases << 40),
        })
    }
}

/// Waits until a node has a block.
///
/// # Errors
/// Transport, or the node is still behind after a time.
pub async fn reach(node: &mut Node, height: u64, within: Duration) -> Result<()> {
    let start = Instant::now();
    while node.height().await? < height {
        if start.elapsed() > within {
            bail!("a node has not reached block {height} after {within:?}");
        }
        sleep(PAUSE).await;
    }
    Ok(())
}
