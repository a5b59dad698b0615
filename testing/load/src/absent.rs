//! One of the nodes dies under load: how long nothing is final, how the others go on, and how long the
//! dead one takes to come back.

use std::time::{Duration, Instant};

use eyre::{Result, bail, ensure};
use serde::Serialize;
use serde_json::json;
use tokio::time::sleep;

use crate::{
    bench::{Bench, reach},
    board::Sample,
    distribution::Distribution,
    network::Devnet,
    phase::{self, Outcome, Running, Settings},
    process,
    rpc::{BlockSummary, Node},
    senders::is_accepted,
    settle::Verdict,
};

/// From so long after the death on the network counts as settled.
pub const SETTLED_AFTER: Duration = Duration::from_secs(10);
/// A time without receipts that nobody takes for the rhythm of blocks (ms).
pub const DISTURBANCE_MS: f64 = 500.0;
/// What was sent so shortly before the death may have been under way (µs).
const IN_FLIGHT_US: u64 = 1_000_000;
/// Fewest nodes of which one can be missed.
const NODES_MIN: usize = 4;
const RETURN_TIMEOUT: Duration = Duration::from_secs(120);
/// Transactions that are sent again in one request.
const RESEND_BATCH: usize = 100;

/// What the death of one node showed.
#[derive(Clone, Debug, Serialize)]
pub struct Absence {
    /// Organisation of the dead node.
    pub node: String,
    /// When it died, since the start of the phase (s).
    pub at_s: f64,
    /// Longest time between two receipts before that (ms).
    pub gap_before_ms: f64,
    /// Longest time between two receipts from the death until the network has settled (ms).
    pub gap_at_kill_ms: f64,
    /// Longest time between two receipts after that (ms).
    pub gap_settled_ms: f64,
    /// From the death until the last gap ended that was longer than [`DISTURBANCE_MS`] and than twice
    /// the longest before it (ms).
    pub disturbed_ms: f64,
    /// Transactions that only the dead node may have had, sent again through another.
    pub sent_again: usize,
    /// Finality of what was sent until 1 s before the death.
    pub finality_before: Distribution,
    /// Finality of what was sent from 10 s after it on.
    pub finality_settled: Distribution,
    /// From starting the node again until it had the block that the others had then (ms).
    pub return_ms: f64,
}

/// Runs a phase and kills the last node in it; starts it again after the window.
///
/// # Errors
/// Too few nodes, too short a window, or the node does not come back.
pub async fn run(
    bench: &mut Bench,
    devnet: &Devnet,
    settings: Settings,
    at: Duration,
) -> Result<(Outcome, Absence)> {
    let nodes = bench.description.nodes.clone();
    ensure!(nodes.len() >= NODES_MIN, "with {} nodes none may be missed", nodes.len());
    ensure!(
        at + SETTLED_AFTER < settings.window,
        "the phase has to last more than {SETTLED_AFTER:?} beyond the death at {at:?}"
    );
    let victim = nodes.len() - 1;
    let running = phase::begin(bench, settings).await?;
    sleep(at.saturating_sub(running.board.elapsed())).await;
    let Some(pid) = nodes[victim].pid else { bail!("the last node is not running") };
    process::kill(pid, devnet.directory())?;
    let killed = running.board.elapsed();
    let sent_again = fail_over(&running, victim).await?;
    running.window().await;
    let height = running.board.height();
    // the dead one is not asked for its state until it is back
    bench.description.nodes.truncate(victim);
    let (outcome, details) = phase::end(bench, running).await?;
    let (return_ms, agrees) = come_back(bench, devnet, &nodes[victim].org, height).await?;
    let absence = summary(&details.samples, killed, outcome.seconds);
    let checked =
        Verdict { values_agree: outcome.checked.values_agree && agrees, ..outcome.checked };
    let balances_agree = checked.agrees();
    let outcome = Outcome { checked, balances_agree, ..outcome };
    Ok((outcome, Absence { node: nodes[victim].org.clone(), sent_again, return_ms, ..absence }))
}

/// What every client of a dead node does: it goes to another one with all that has no receipt yet.
async fn fail_over(running: &Running, victim: usize) -> Result<usize> {
    let heir = victim - 1;
    running.sending.reroute(victim, heir);
    let raw = running.board.move_to(victim, heir);
    let mut node = Node::new(&running.sending.urls[heir])?;
    for part in raw.chunks(RESEND_BATCH) {
        let part: Vec<&str> = part.iter().map(AsRef::as_ref).collect();
        for answer in node.submit(&part).await? {
            if let Err(refusal) = answer
                && !is_accepted(&refusal.message)
            {
                running.board.note(&format!("sent again: {}", refusal.message));
            }
        }
    }
    Ok(raw.len())
}

/// Starts a node again: how long until it has a block (ms), and whether that is the others' block.
async fn come_back(
    bench: &mut Bench,
    devnet: &Devnet,
    org: &str,
    height: u64,
) -> Result<(f64, bool)> {
    let start = Instant::now();
    devnet.start_node(org)?;
    bench.description = devnet.status()?;
    let entry = bench.description.nodes.iter().find(|node| node.org == org);
    let Some(entry) = entry else { bail!("{org} is not in the network any more") };
    let mut returned = Node::new(&entry.rpc)?;
    reach(&mut returned, height, RETURN_TIMEOUT).await?;
    let return_ms = start.elapsed().as_secs_f64() * 1000.0;
    let block = json!([format!("{height:#x}"), false]);
    let mut other = Node::new(&bench.description.nodes[0].rpc)?;
    let here: BlockSummary = returned.call("eth_getBlockByNumber", block.clone()).await?;
    let there: BlockSummary = other.call("eth_getBlockByNumber", block).await?;
    Ok((return_ms, here == there))
}

fn summary(samples: &[Sample], killed: Duration, window_s: f64) -> Absence {
    let killed_us = killed.as_micros() as u64;
    let settled_us = killed_us + SETTLED_AFTER.as_micros() as u64;
    let end_us = (window_s * 1e6) as u64;
    let sent = |range: std::ops::Range<u64>| {
        let inside = samples.iter().filter(|sample| range.contains(&sample.sent_us));
        Distribution::of(inside.map(Sample::latency).collect())
    };
    let gap_before_ms = gap_ms(samples, 0, killed_us);
    let long_us = 1000.0 * DISTURBANCE_MS.max(2.0 * gap_before_ms);
    let mut gaps = gaps(samples, killed_us, end_us);
    gaps.retain(|(_, gap_us)| *gap_us as f64 > long_us);
    let disturbed_us = gaps.last().map_or(0, |(end_us, _)| end_us - killed_us);
    Absence {
        node: String::new(),
        at_s: killed.as_secs_f64(),
        gap_before_ms,
        disturbed_ms: disturbed_us as f64 / 1000.0,
        gap_at_kill_ms: gap_ms(samples, killed_us, settled_us),
        gap_settled_ms: gap_ms(samples, settled_us, end_us),
        sent_again: 0,
        finality_before: sent(0..killed_us.saturating_sub(IN_FLIGHT_US)),
        finality_settled: sent(settled_us..end_us.max(settled_us)),
        return_ms: 0.0,
    }
}

/// Times between two receipts of which the second was seen in a span: when it was, and how long.
fn gaps(samples: &[Sample], from_us: u64, to_us: u64) -> Vec<(u64, u64)> {
    let mut seen: Vec<u64> = samples.iter().map(|sample| sample.seen_us).collect();
    seen.sort_unstable();
    let inside = seen.windows(2).filter(|pair| (from_us..to_us).contains(&pair[1]));
    inside.map(|pair| (pair[1], pair[1] - pair[0])).collect()
}

/// The longest of them (ms).
fn gap_ms(samples: &[Sample], from_us: u64, to_us: u64) -> f64 {
    let longest = gaps(samples, from_us, to_us).into_iter().map(|(_, gap_us)| gap_us).max();
    longest.unwrap_or(0) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{gap_ms, summary};
    use crate::board::Sample;

    /// One receipt every 100 ms but for two seconds from 5 s on, each 50 ms after it was sent.
    fn samples() -> Vec<Sample> {
        (1..300_u64)
            .filter(|tenth| !(50..70).contains(tenth))
            .map(|tenth| Sample {
                index: tenth as usize,
                sent_us: tenth * 100_000 - 50_000,
                seen_us: tenth * 100_000,
            })
            .collect()
    }

    #[test]
    fn the_gap_is_found_where_it_is() {
        let found = summary(&samples(), Duration::from_secs(5), 30.0);
        assert_eq!(found.gap_before_ms, 100.0);
        assert_eq!(found.gap_at_kill_ms, 2_100.0);
        assert_eq!(found.gap_settled_ms, 100.0);
        assert_eq!(found.disturbed_ms, 2_000.0);
        assert_eq!(found.finality_settled.p50_ms, 50.0);
        assert!(found.finality_settled.count > 100);
        assert_eq!(found.finality_before.count, 40);
    }

    #[test]
    fn no_receipts_have_no_gap() {
        assert_eq!(gap_ms(&[], 0, 10), 0.0);
        assert_eq!(summary(&[], Duration::from_secs(5), 30.0).disturbed_ms, 0.0);
    }
}
