//! Measures the blocks as they become visible on this node.

use std::sync::Arc;

use ledger_api::{Head, Ledger};
use prometheus_client::{
    metrics::histogram::{Histogram, exponential_buckets},
    registry::Registry,
};

use crate::{server::now_ms, stop::StopSignal};

/// Blocks measured at one time. Where more became visible at once, the older ones are left out.
const BLOCKS_AT_ONCE_MAX: u64 = 64;

/// Families about blocks; clones share their values.
#[derive(Clone, Debug)]
pub struct BlockMetrics {
    interval: Histogram,
    finality: Histogram,
}

/// 10 ms to 82 s.
fn buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.01, 2.0, 14))
}

impl Default for BlockMetrics {
    fn default() -> Self {
        Self { interval: buckets(), finality: buckets() }
    }
}

impl BlockMetrics {
    /// Registers both families.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "heqi_chain_block_interval_seconds",
            "Time of a block less that of its parent",
            self.interval.clone(),
        );
        registry.register(
            "heqi_chain_finality_seconds",
            "Own clock when a block became visible here less the block's time",
            self.finality.clone(),
        );
    }

    /// A block became visible.
    fn observe(&self, parent_ms: Option<u64>, block_ms: u64, visible_ms: u64) {
        if let Some(parent_ms) = parent_ms {
            self.interval.observe(seconds(block_ms.saturating_sub(parent_ms)));
        }
        self.finality.observe(seconds(visible_ms.saturating_sub(block_ms)));
    }
}

fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1_000.0
}

/// Follows the head until the node stops.
pub async fn follow(ledger: Arc<dyn Ledger>, metrics: BlockMetrics, stop: StopSignal) {
    let mut last = ledger.head();
    loop {
        let head = tokio::select! {
            head = ledger.wait_beyond(last.number) => head,
            () = stop.stopped() => return,
        };
        measure(&*ledger, &metrics, last, head, now_ms());
        last = head;
    }
}

/// Measures the blocks above `last` up to `head`.
fn measure(ledger: &dyn Ledger, metrics: &BlockMetrics, last: Head, head: Head, visible_ms: u64) {
    let first = (last.number + 1).max(head.number.saturating_sub(BLOCKS_AT_ONCE_MAX - 1));
    // Block 0 has the time of the genesis file, which may be years ago.
    let mut parent_ms = (first == last.number + 1 && last.number > 0).then_some(last.time_ms);
    for number in first..head.number {
        // A store that fails shows elsewhere; here a block is left out.
        let Ok(Some((_, extension))) = ledger.chain().header(number) else {
            parent_ms = None;
            continue;
        };
        metrics.observe(parent_ms, extension.time_ms, visible_ms);
        parent_ms = Some(extension.time_ms);
    }
    metrics.observe(parent_ms, head.time_ms, visible_ms);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::NodeMetrics;

    #[test]
    fn both_histograms_have_what_was_seen() {
        let mut registry = Registry::default();
        let metrics = BlockMetrics::default();
        metrics.register(&mut registry);
        metrics.observe(Some(1_000), 1_100, 1_150);
        metrics.observe(None, 1_200, 1_150);
        let text = NodeMetrics::render(&registry);
        for line in [
            "heqi_chain_block_interval_seconds_count 1",
            "heqi_chain_block_interval_seconds_sum 0.1",
            "heqi_chain_finality_seconds_count 2",
            "heqi_chain_finality_seconds_sum 0.05",
            "heqi_chain_finality_seconds_bucket{le=\"0.01\"} 1",
        ] {
            assert!(text.contains(line), "{line} not in\n{text}");
        }
    }
}
