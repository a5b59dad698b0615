//! One round: load, death, restart, recovery, comparison.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use eyre::{Result, bail, eyre};
use load::{network::Devnet, rpc::Node};
use tokio::time::sleep;

use crate::{
    compare,
    victims::{self, Plan},
    witness::Witness,
};

/// New blocks that a recovery has to bring.
const PROGRESS_BLOCKS: u64 = 2;
const SURVIVORS_TIMEOUT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// What all rounds share.
pub struct Arena {
    /// The network.
    pub devnet: Devnet,
    /// Its binary, links resolved.
    pub binary: PathBuf,
    /// Organisations in the order of the nodes.
    pub orgs: Vec<String>,
    /// Addresses in the same order.
    pub urls: Vec<String>,
    /// Receipts seen.
    pub witness: Arc<Witness>,
    /// Longest time from the restart until all nodes are level and go on.
    pub recovery_limit: Duration,
}

/// What a round that passed shows.
pub struct Passed {
    /// Common height now.
    pub height: u64,
    /// Receipts looked up on every node.
    pub receipts: usize,
    /// From the last start until all nodes were level.
    pub recovery: Duration,
}

impl Arena {
    /// Runs one round; blocks up to `checked` were compared before.
    ///
    /// # Errors
    /// Anything that must not happen, in words.
    pub async fn round(&self, plan: &Plan, checked: u64) -> Result<Passed> {
        sleep(plan.before).await;
        let fault_tolerated = plan.victims.len() <= (self.urls.len() - 1) / 3;
        let witnessed = self.kill(plan).await?;
        let head = self.witness.highest();
        if fault_tolerated {
            self.survivors_go_on(plan, head).await?;
        }
        sleep(plan.down).await;
        for position in &plan.starts {
            self.devnet.start_node(&self.orgs[plan.victims[*position]])?;
        }
        let target = head.max(witnessed) + PROGRESS_BLOCKS;
        let recovery = compare::recovered(&self.urls, target, self.recovery_limit).await?;
        let (height, receipts, wrong) =
            compare::everything(&self.urls, &self.witness, checked).await?;
        if !wrong.is_empty() {
            bail!("{}", wrong.join("\n    "));
        }
        Ok(Passed { height, receipts, recovery })
    }

    /// Kills the victims; the highest block with a receipt at that moment.
    async fn kill(&self, plan: &Plan) -> Result<u64> {
        let nodes = self.devnet.status()?.nodes;
        for (position, victim) in plan.victims.iter().enumerate() {
            if position > 0 {
                sleep(plan.stagger).await;
            }
            let org = &self.orgs[*victim];
            let entry = nodes.iter().find(|node| node.org == *org);
            let pid =
                entry.and_then(|node| node.pid).ok_or_else(|| eyre!("{org} has no process"))?;
            victims::kill(pid, &self.binary)?;
        }
        Ok(self.witness.highest())
    }

    /// With no more deaths than the protocol tolerates, the others have to go on.
    async fn survivors_go_on(&self, plan: &Plan, head: u64) -> Result<()> {
        let start = Instant::now();
        let survivors: Vec<&String> = (0..self.urls.len())
            .filter(|index| !plan.victims.contains(index))
            .map(|index| &self.urls[index])
            .collect();
        for url in survivors {
            while Node::new(url)?.height().await? < head + PROGRESS_BLOCKS {
                if start.elapsed() > SURVIVORS_TIMEOUT {
                    bail!(
                        "{url} makes no blocks within {SURVIVORS_TIMEOUT:?} while a minority is dead"
                    );
                }
                sleep(PAUSE).await;
            }
        }
        Ok(())
    }
}
