//! The figures as a table and as JSON.

use serde::Serialize;

use crate::{costs::Cost, idle::Idle, phase::Outcome};

/// All figures of one network.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// `heqi` or `anvil`.
    pub network: String,
    /// Nodes.
    pub nodes: usize,
    /// Phases in the order they ran.
    pub phases: Vec<Outcome>,
    /// From the start of the command until block 1 was final (ms), where this run started it.
    pub start_ms: Option<u128>,
    /// The network at rest.
    pub idle: Option<Idle>,
}

/// Everything of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Repeats the run.
    pub seed: u64,
    /// Processors of the machine, shared by the nodes and this client.
    pub processors: usize,
    /// One entry per network.
    pub networks: Vec<Figures>,
}

impl Report {
    /// Whether every phase is good.
    pub fn is_good(&self) -> bool {
        self.networks.iter().flat_map(|network| &network.phases).all(Outcome::is_good)
    }

    /// The table.
    pub fn print(&self) {
        println!("\nseed {}, {} processors", self.seed, self.processors);
        for network in &self.networks {
            println!("\n{} ({} nodes)", network.network, network.nodes);
            if let Some(start_ms) = network.start_ms {
                println!("  block 1 final after {start_ms} ms");
            }
            println!(
                "  {:<16} {:>10} {:>9} {:>9} {:>9} {:>6} {:>6} {:>9}",
                "phase", "tx/s", "p50 ms", "p99 ms", "max ms", "lost", "failed", "balances"
            );
            for phase in &network.phases {
                print_phase(phase);
            }
            if let Some(idle) = network.idle.as_ref().map(|idle| &idle.finality) {
                println!(
                    "  {:<16} {:>10} {:>9.1} {:>9.1} {:>9.1}   ({} rounds)",
                    "after rest", "", idle.p50_ms, idle.p99_ms, idle.max_ms, idle.count
                );
            }
            for phase in &network.phases {
                print_costs(&phase.phase, &phase.costs);
            }
            if let Some(idle) = &network.idle {
                print_costs("at rest", &idle.costs);
            }
        }
    }
}

fn print_phase(phase: &Outcome) {
    let finality = &phase.finality;
    println!(
        "  {:<16} {:>10.1} {:>9.1} {:>9.1} {:>9.1} {:>6} {:>6} {:>9}",
        phase.phase,
        phase.committed_per_second,
        finality.p50_ms,
        finality.p99_ms,
        finality.max_ms,
        phase.lost,
        phase.failed,
        if phase.balances_agree { "agree" } else { "DIFFER" }
    );
    for (reason, count) in &phase.refusals {
        println!("      {count} × {reason}");
    }
}

fn print_costs(phase: &str, costs: &[Cost]) {
    println!(
        "\n  {:<16} {:>12} {:>8} {:>9} {:>12}",
        phase, "CPU µs/tx", "core %", "RSS MB", "disk B/tx"
    );
    for cost in costs {
        let show = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
        };
        println!(
            "    {:<14} {:>12} {:>8} {:>9} {:>12}",
            cost.name,
            show(cost.cpu_us_per_tx, 1),
            show(cost.core_percent, 1),
            show(cost.rss_bytes.map(|bytes| bytes as f64 / 1e6), 1),
            show(cost.disk_bytes_per_tx, 0)
        );
    }
}
