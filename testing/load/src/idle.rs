//! A network at rest: what it costs, and one transaction after a time of rest, how long until
//! another node shows its receipt.

use std::time::{Duration, Instant};

use eyre::{Result, bail};
use serde::Serialize;
use tokio::time::sleep;

use crate::{
    bench::Bench,
    costs::{self, Cost},
    distribution::Distribution,
    phase::Settings,
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
    let since = |(before, node)| costs::since(before, node, None, 0, QUIET.as_secs_f64());
    before.into_iter().zip(nodes).map(since).collect()
}

/// Rests and sends, `rounds` times, each time through the next node.
///
/// # Errors
/// Transport, a refusal, a failed transaction, or no receipt within 30 s.
pub async fn run(
    bench: &mut Bench,
    settings: &Settings,
    rounds: usize,
    rest: Duration,
) -> Result<Distribution> {
    let recipe = bench.recipe(settings.workload).await?;
    let nodes = bench.description.nodes.clone();
    let mut latencies = Vec::with_capacity(rounds);
    for round in 0..rounds {
        let signed = recipe.sign(round)?.signed;
        let mut sender = Node::new(&nodes[round % nodes.len()].rpc)?;
        let mut reader = Node::new(&nodes[(round + 1) % nodes.len()].rpc)?;
        sleep(rest).await;
        let start = Instant::now();
        if let Err(refusal) = sender.submit(&[&signed.raw]).await?.remove(0) {
            bail!("refused: {}", refusal.message);
        }
        loop {
            if let Some(receipt) = reader.receipt(signed.hash).await? {
                if receipt.status.to::<u64>() != 1 {
                    bail!("transaction {} failed", signed.hash);
                }
                break;
            }
            if start.elapsed() > TIMEOUT {
                bail!("transaction {} has no receipt after {TIMEOUT:?}", signed.hash);
            }
            sleep(settings.poll).await;
        }
        latencies.push(start.elapsed());
        let (from, to) = recipe.parties(round);
        bench.book(settings.workload, from as u64, to);
    }
    Ok(Distribution::of(latencies))
}
