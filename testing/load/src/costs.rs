//! Processor, memory and disk of the nodes and of this client, before and after a phase.

use serde::Serialize;

use crate::{
    disk::{Stores, stores},
    network::NodeEntry,
    process::{disk_bytes, processor_micros, resident_bytes},
};

/// A node's counters at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    processor_us: Option<u64>,
    disk_bytes: Option<u64>,
}

/// What one phase cost one node.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Organisation, or `client`.
    pub name: String,
    /// Processor time per counted transaction (µs).
    pub cpu_us_per_tx: Option<f64>,
    /// Share of one core during the phase (percent).
    pub core_percent: Option<f64>,
    /// Resident memory at the end (bytes).
    pub rss_bytes: Option<u64>,
    /// Growth of the data folder per counted transaction (bytes).
    pub disk_bytes_per_tx: Option<f64>,
}

/// Memory and disk of a node at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Footprint {
    /// Organisation.
    pub name: String,
    /// Resident memory (bytes).
    pub rss_bytes: Option<u64>,
    /// Disk by store (bytes).
    pub stores: Option<Stores>,
}

/// Memory and disk of a node now.
pub fn footprint(node: &NodeEntry) -> Footprint {
    Footprint {
        name: node.org.clone(),
        rss_bytes: node.pid.and_then(|pid| resident_bytes(pid).ok()),
        stores: node.data.as_deref().map(stores),
    }
}

/// The counters of a node now.
pub fn snapshot(node: &NodeEntry) -> Snapshot {
    Snapshot {
        processor_us: node.pid.and_then(|pid| processor_micros(pid).ok()),
        disk_bytes: node.data.as_deref().map(disk_bytes),
    }
}

/// This process as if it were a node.
pub fn client() -> NodeEntry {
    NodeEntry {
        org: "client".to_owned(),
        rpc: String::new(),
        pid: Some(std::process::id()),
        data: None,
    }
}

/// What happened since a snapshot, per counted transaction. `used_us` is the processor time to count
/// for a node that has died since.
pub fn since(
    before: Snapshot,
    node: &NodeEntry,
    used_us: Option<f64>,
    counted: usize,
    seconds: f64,
) -> Cost {
    let after = snapshot(node);
    let grown = |from: Option<u64>, to: Option<u64>| Some(to?.saturating_sub(from?) as f64);
    let per_tx = |amount: Option<f64>| amount.filter(|_| counted > 0).map(|a| a / counted as f64);
    let processor = grown(before.processor_us, after.processor_us).or(used_us);
    Cost {
        name: node.org.clone(),
        cpu_us_per_tx: per_tx(processor),
        core_percent: processor.map(|us| us / 10_000.0 / seconds),
        rss_bytes: node.pid.and_then(|pid| resident_bytes(pid).ok()),
        disk_bytes_per_tx: per_tx(grown(before.disk_bytes, after.disk_bytes)),
    }
}
