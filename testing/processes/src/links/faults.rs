//! The faults: what begins and ends them, and what a network owes its users meanwhile.

use std::time::Duration;

use eyre::Result;

use super::{nodes::Nodes, switch::Rules};

/// Clock that runs ahead, milliseconds.
const CLOCK_AHEAD_MS: i64 = 10_000;
/// What each sync of a slow disk takes more, milliseconds.
const SYNC_DELAY_MS: i64 = 200;
/// The node whose clock is wrong.
const WRONG_CLOCK: usize = 2;
/// The node whose disk is slow.
const SLOW_DISK: usize = 1;
/// The node where receipts and blocks are looked for; no fault cuts it off alone.
pub const OBSERVER: usize = 0;
/// The node that is cut off.
const ISOLATED: usize = 3;

/// One fault.
pub struct Fault {
    /// What it is.
    pub name: &'static str,
    /// Begins it.
    pub begin: fn(&Nodes) -> Result<()>,
    /// Ends it.
    pub end: fn(&Nodes) -> Result<()>,
    /// How often it has struck.
    pub fired: fn(&Nodes) -> Result<u64>,
    /// What is counted by it.
    pub unit: &'static str,
    /// Nodes whose transactions are measured: those that are not cut off.
    pub vias: &'static [usize],
    /// Whether nothing may become final meanwhile.
    pub stands: bool,
    /// Longest time without a block meanwhile.
    pub gap_max: Duration,
    /// Longest time until everything is as before.
    pub recovery_max: Duration,
}

/// All of them, in the order in which they are suffered.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "100 ms each way, 1 % loss, all links",
        begin: |nodes| links(nodes, 100),
        end: heal,
        fired: lost,
        unit: "frames lost",
        vias: &[0, 1, 2, 3],
        stands: false,
        gap_max: Duration::from_secs(5),
        recovery_max: Duration::from_secs(10),
    },
    Fault {
        name: "200 ms each way, 1 % loss, all links",
        begin: |nodes| links(nodes, 200),
        end: heal,
        fired: lost,
        unit: "frames lost",
        vias: &[0, 1, 2, 3],
        stands: false,
        gap_max: Duration::from_secs(8),
        recovery_max: Duration::from_secs(10),
    },
    Fault {
        name: "partition, two and two",
        begin: |nodes| islands(nodes, [0, 0, 1, 1]),
        end: heal,
        fired: cut,
        unit: "frames kept back",
        vias: &[0, 1, 2, 3],
        stands: true,
        gap_max: Duration::MAX,
        recovery_max: Duration::from_secs(30),
    },
    Fault {
        name: "one node cut off",
        begin: |nodes| islands(nodes, [0, 0, 0, ISOLATED as u8]),
        end: heal,
        fired: cut,
        unit: "frames kept back",
        vias: &[0, 1, 2],
        stands: false,
        gap_max: Duration::from_secs(5),
        recovery_max: Duration::from_secs(30),
    },
    Fault {
        name: "one clock 10 s ahead",
        begin: |nodes| nodes.control(WRONG_CLOCK).set_clock_ahead_ms(CLOCK_AHEAD_MS),
        end: |nodes| nodes.control(WRONG_CLOCK).set_clock_ahead_ms(0),
        fired: |nodes| nodes.control(WRONG_CLOCK).wrong_clock_reads(),
        unit: "wrong times read",
        vias: &[0, 1, 2, 3],
        stands: false,
        gap_max: Duration::from_secs(5),
        recovery_max: Duration::from_secs(30),
    },
    Fault {
        name: "one slow disk, 200 ms more per sync",
        begin: |nodes| nodes.control(SLOW_DISK).set_sync_delay_ms(SYNC_DELAY_MS),
        end: |nodes| nodes.control(SLOW_DISK).set_sync_delay_ms(0),
        fired: |nodes| nodes.control(SLOW_DISK).slow_syncs(),
        unit: "slow syncs",
        vias: &[0, 2, 3],
        stands: false,
        gap_max: Duration::from_secs(5),
        recovery_max: Duration::from_secs(30),
    },
];

fn links(nodes: &Nodes, delay_ms: u64) -> Result<()> {
    let delay = Duration::from_millis(delay_ms);
    nodes.wires.switch.set(Rules { delay, loss_per_mille: 10, ..Rules::default() });
    Ok(())
}

fn islands(nodes: &Nodes, islands: [u8; 4]) -> Result<()> {
    nodes.wires.switch.set(Rules { islands: islands.to_vec(), ..Rules::default() });
    Ok(())
}

fn heal(nodes: &Nodes) -> Result<()> {
    nodes.wires.switch.set(Rules::default());
    Ok(())
}

fn lost(nodes: &Nodes) -> Result<u64> {
    Ok(nodes.wires.switch.counts().lost)
}

fn cut(nodes: &Nodes) -> Result<u64> {
    Ok(nodes.wires.switch.counts().cut)
}
