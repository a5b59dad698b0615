//! A network at rest: what it costs, and one transaction after a time of rest, how long until
//! another node shows its receipt.

use std::time::{Duration, Instant};

use alloy_primitives::U256;
use eyre::{Result, bail};
use serde::Serialize;
use tokio::time::sleep;

use crate::{
    costs::{self, Cost},
    distribution::Distribution,
    phase::Bench,
    rpc::Node,
};

const TIMEOUT: Duration = Duration::from_secs(30);
/// After the last transaction, until the empty blocks that follow it are over.
const SETTLE: Duration = Duration::from_secs(6);
/// Ends before the next heartbeat block (15 s after the last block by default).
const QUIET: Duration = Duration::from_secs(8);

/// What a network at rest shows.
#[derive(Clone, Debug, Serialize)]
pub struct Idle {
    /// Sending to receipt on another node.
    pub finality: Distribution,
    /// Per node, between two heartbeats.
    pub costs: Vec<Cost>,
}

/// Processor and memory of each node while nothing happens.
pub async fn quiet_costs(bench: &Bench) -> Vec<Cost> {
    sleep(SETTLE).await;
    let nodes = &bench.description.nodes;
    let before: Vec<_> = nodes.iter().map(costs::snapshot).collect();
    sleep(QUIET).await;
    let since = |(before, node)| costs::since(before, node, 0, QUIET.as_secs_f64());
    before.into_iter().zip(nodes).map(since).collect()
}

/// Rests and sends, `rounds` times, each time through the next node.
///
/// # Errors
/// Transport, a refusal, a failed transaction, or no receipt within 30 s.
pub async fn run(
    bench: &mut Bench,
    rounds: usize,
    rest: Duration,
    poll: Duration,
) -> Result<Distribution> {
    let transfers = bench.sign(rounds).await?;
    let nodes = bench.description.nodes.clone();
    let mut latencies = Vec::with_capacity(rounds);
    for (round, transfer) in transfers.iter().enumerate() {
        let mut sender = Node::new(&nodes[round % nodes.len()].rpc)?;
        let mut reader = Node::new(&nodes[(round + 1) % nodes.len()].rpc)?;
        sleep(rest).await;
        let start = Instant::now();
        if let Err(refusal) = sender.submit(&[&transfer.signed.raw]).await?.remove(0) {
            bail!("refused: {}", refusal.message);
        }
        loop {
            if let Some(receipt) = reader.receipt(transfer.signed.hash).await? {
                if receipt.status.to::<u64>() != 1 {
                    bail!("transaction {} failed", transfer.signed.hash);
                }
                break;
            }
            if start.elapsed() > TIMEOUT {
                bail!("transaction {} has no receipt after {TIMEOUT:?}", transfer.signed.hash);
            }
            sleep(poll).await;
        }
        latencies.push(start.elapsed());
        bench.expected[transfer.from] -= U256::from(1);
        bench.expected[transfer.to] += U256::from(1);
    }
    Ok(Distribution::of(latencies))
}
