//! A long chain of small blocks, as fast as they come: does a chain slow down as it grows?

use std::time::{Duration, Instant};

use eyre::{Result, bail};
use serde::Serialize;
use tokio::time::sleep;

use crate::{
    bench::Bench,
    board::BlockSeen,
    phase::{self, Details, Outcome, Settings},
    sampler::processor_at,
};

/// Where the chain is looked at (blocks since the start of the phase).
const MARKS: [u64; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];
/// Blocks of a window: half of the chain so far, within these bounds.
const WINDOW_BLOCKS: std::ops::RangeInclusive<u64> = 50..=1_000;
const PAUSE: Duration = Duration::from_millis(50);
/// A chain that stands still for so long is not waited for.
const STANDSTILL_TIMEOUT: Duration = Duration::from_secs(60);
const REPORT_INTERVAL: Duration = Duration::from_secs(30);

/// The chain at one length: means over the blocks before it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mark {
    /// Blocks since the start of the phase.
    pub blocks: u64,
    /// Height.
    pub height: u64,
    /// Blocks that the means are of.
    pub window_blocks: u64,
    /// Blocks per second.
    pub blocks_per_second: f64,
    /// Transactions per block.
    pub transactions_per_block: f64,
    /// Processor time of all nodes per block (µs).
    pub cpu_us_per_block: Option<f64>,
    /// The same per transaction.
    pub cpu_us_per_tx: Option<f64>,
    /// Blocks per second in terms of those at the first mark.
    pub speed_ratio: f64,
    /// Processor time per block in terms of that at the first mark.
    pub cpu_ratio: Option<f64>,
}

/// Runs a phase until so many blocks have been seen.
///
/// # Errors
/// See [`phase::begin`] and [`phase::end`]; a chain that stands still.
pub async fn run(
    bench: &mut Bench,
    settings: Settings,
    blocks: u64,
) -> Result<(Outcome, Vec<Mark>)> {
    let running = phase::begin(bench, settings).await?;
    let mut last = (0, Instant::now());
    let mut next_report = REPORT_INTERVAL;
    loop {
        let count = running.board.block_count() as u64;
        if count >= blocks {
            break;
        }
        if count > last.0 {
            last = (count, Instant::now());
        }
        if last.1.elapsed() > STANDSTILL_TIMEOUT {
            bail!("no block for {STANDSTILL_TIMEOUT:?} after {count} blocks");
        }
        if running.board.elapsed() > next_report {
            next_report += REPORT_INTERVAL;
            eprintln!("  {count} of {blocks} blocks");
        }
        sleep(PAUSE).await;
    }
    let (outcome, details) = phase::end(bench, running).await?;
    let nodes = bench.description.nodes.len();
    Ok((outcome, marks(&details, nodes, blocks)))
}

fn marks(details: &Details, nodes: usize, target: u64) -> Vec<Mark> {
    let lengths = MARKS.into_iter().filter(|mark| *mark < target).chain([target]);
    let mut marks: Vec<Mark> = lengths.filter_map(|length| mark(details, nodes, length)).collect();
    if let Some(first) = marks.first().cloned() {
        for mark in &mut marks {
            mark.speed_ratio = mark.blocks_per_second / first.blocks_per_second;
            mark.cpu_ratio = mark.cpu_us_per_block.zip(first.cpu_us_per_block).map(|(a, b)| a / b);
        }
    }
    marks
}

fn mark(details: &Details, nodes: usize, length: u64) -> Option<Mark> {
    let window = (length / 2).clamp(*WINDOW_BLOCKS.start(), *WINDOW_BLOCKS.end());
    let last = usize::try_from(length).ok()?.checked_sub(1)?;
    let first = last.checked_sub(usize::try_from(window).ok()?)?;
    let blocks: &[BlockSeen] = details.blocks.get(first..=last)?;
    let (from, to) = (blocks.first()?, blocks.last()?);
    // the first block only tells where the window begins
    let transactions: usize = blocks[1..].iter().map(|block| block.transactions).sum();
    let seconds = to.at_us.saturating_sub(from.at_us).max(1) as f64 / 1e6;
    let used = |node| {
        let used = processor_at(&details.readings, node, to.at_us)?
            - processor_at(&details.readings, node, from.at_us)?;
        (used >= 0.0).then_some(used)
    };
    let used: Option<f64> = (0..nodes).map(used).sum();
    Some(Mark {
        blocks: length,
        height: to.height,
        window_blocks: window,
        blocks_per_second: window as f64 / seconds,
        transactions_per_block: transactions as f64 / window as f64,
        cpu_us_per_block: used.map(|used| used / window as f64),
        cpu_us_per_tx: used.filter(|_| transactions > 0).map(|used| used / transactions as f64),
        speed_ratio: 1.0,
        cpu_ratio: None,
    })
}

#[cfg(test)]
mod tests {
    use super::marks;
    use crate::{board::BlockSeen, phase::Details, sampler::Reading};

    /// Two transactions in each block, 10 ms per block up to the 500th, 20 ms after that; one node
    /// that always uses half of a core.
    fn details(blocks: u64) -> Details {
        let at_us = |number: u64| 10_000 * number + 10_000 * number.saturating_sub(500);
        let blocks = (1..=blocks)
            .map(|number| BlockSeen { height: 40 + number, at_us: at_us(number), transactions: 2 })
            .collect();
        let reading = |second: u64| Reading {
            at_us: second * 1_000_000,
            processor_us: vec![Some(second * 500_000)],
            resident_bytes: vec![],
        };
        Details { samples: vec![], blocks, readings: (0..60).map(reading).collect() }
    }

    #[test]
    fn a_chain_that_slows_down_shows_it() {
        let found = marks(&details(2_000), 1, 2_000);
        assert_eq!(found.iter().map(|mark| mark.blocks).collect::<Vec<_>>(), [100, 1_000, 2_000]);
        assert_eq!((found[0].height, found[0].window_blocks), (140, 50));
        assert!((found[0].blocks_per_second - 100.0).abs() < 1e-6);
        assert!((found[1].blocks_per_second - 50.0).abs() < 1e-6);
        assert!((found[2].speed_ratio - 0.5).abs() < 1e-6);
        assert!(found[2].cpu_ratio.is_some_and(|ratio| (ratio - 2.0).abs() < 1e-6));
        assert!(found[0].cpu_us_per_tx.is_some_and(|us| (us - 2_500.0).abs() < 1e-6));
    }

    #[test]
    fn a_chain_that_is_too_short_has_no_marks() {
        assert!(marks(&details(20), 1, 20).is_empty());
    }
}
