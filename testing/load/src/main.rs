//! `load`: the bench of the ledger. See README.md.

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Parser, ValueEnum};
use eyre::{Result, bail};
use load::{
    idle::{self, Idle},
    network::{Anvil, Description, Devnet, from_addresses},
    phase::{Bench, Settings},
    random::seed_from_clock,
    report::{Figures, Report},
    senders::Pace,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Phase {
    /// Closed loop, one transaction per request.
    Single,
    /// Closed loop, a batch per request.
    Batched,
    /// Open loop at a fixed rate, one transaction per request.
    Open,
    /// One transaction after a time of rest.
    Idle,
}

/// ERC-20 transfers among many accounts through JSON-RPC to all nodes of a network.
#[derive(Debug, Parser)]
struct Arguments {
    /// Start a network of four with this heqi binary and take it down at the end.
    #[arg(long, conflicts_with = "rpc")]
    devnet: Option<PathBuf>,
    /// JSON-RPC addresses of a network that already runs.
    #[arg(long, value_delimiter = ',')]
    rpc: Vec<String>,
    /// Run anvil with 1 s blocks under the same client afterwards.
    #[arg(long)]
    anvil: Option<PathBuf>,
    /// What to measure, in this order.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Phase::Single, Phase::Batched, Phase::Open, Phase::Idle])]
    phases: Vec<Phase>,
    /// Length of each phase (s).
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Transactions outstanding in the closed loop.
    #[arg(long, default_value_t = 2000)]
    depth: usize,
    /// Transactions per request in the batched phase.
    #[arg(long, default_value_t = 50)]
    batch: usize,
    /// Transactions per second in the open loop.
    #[arg(long, default_value_t = 500.0)]
    rate: f64,
    /// Token holders.
    #[arg(long, default_value_t = 10_000)]
    accounts: usize,
    /// Most transactions signed beforehand for a closed-loop phase, per second of its length.
    #[arg(long, default_value_t = 4000)]
    sign_rate: usize,
    /// Connections to each node.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Pause between looks for a new block (ms).
    #[arg(long, default_value_t = 5)]
    poll_ms: u64,
    /// Rounds of the idle phase.
    #[arg(long, default_value_t = 10)]
    idle_rounds: usize,
    /// Rest before each of them (s).
    #[arg(long, default_value_t = 30)]
    idle_seconds: u64,
    /// Repeats a run.
    #[arg(long)]
    seed: Option<u64>,
    /// Write the figures as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

impl Arguments {
    fn check(&self) -> Result<()> {
        let positive = [self.depth, self.batch, self.accounts, self.sign_rate, self.connections];
        if positive.contains(&0) || self.seconds == 0 || !(self.rate.is_finite() && self.rate > 0.0)
        {
            bail!(
                "seconds, depth, batch, rate, accounts, sign rate and connections have to be above 0"
            );
        }
        if self.batch > self.depth {
            bail!("a batch of {} does not fit a depth of {}", self.batch, self.depth);
        }
        if self.devnet.is_none() && self.rpc.is_empty() && self.anvil.is_none() {
            bail!("name a network: --devnet PATH_TO_HEQI, --rpc URL[,URL…] or --anvil PATH");
        }
        Ok(())
    }

    fn settings(&self, phase: Phase) -> Settings {
        let closed = Pace::Closed { depth: self.depth };
        let (name, pace, batch) = match phase {
            Phase::Batched => ("closed, batched", closed, self.batch),
            Phase::Open => ("open, single", Pace::Open { rate: self.rate }, 1),
            Phase::Single | Phase::Idle => ("closed, single", closed, 1),
        };
        let seconds = self.seconds as f64;
        let signed = match pace {
            Pace::Closed { .. } => self.sign_rate * self.seconds as usize,
            Pace::Open { rate } => (rate * seconds).ceil() as usize,
        };
        Settings {
            name: name.to_owned(),
            pace,
            batch,
            connections: self.connections,
            window: Duration::from_secs(self.seconds),
            signed,
            poll: Duration::from_millis(self.poll_ms),
        }
    }
}

async fn measure(
    arguments: &Arguments,
    seed: u64,
    name: &str,
    description: Description,
) -> Result<Figures> {
    let nodes = description.nodes.len();
    eprintln!("{name}: filling {} accounts", arguments.accounts);
    let mut bench = Bench::prepare(description, arguments.accounts, seed).await?;
    let mut figures = Figures { network: name.to_owned(), nodes, ..Figures::default() };
    for phase in &arguments.phases {
        eprintln!("{name}: {phase:?}");
        if *phase == Phase::Idle {
            let rest = Duration::from_secs(arguments.idle_seconds);
            let poll = Duration::from_millis(arguments.poll_ms);
            let costs = idle::quiet_costs(&bench).await;
            let finality = idle::run(&mut bench, arguments.idle_rounds, rest, poll).await?;
            figures.idle = Some(Idle { finality, costs });
        } else {
            figures.phases.push(bench.run(&arguments.settings(*phase)).await?);
        }
    }
    Ok(figures)
}

async fn run(arguments: &Arguments) -> Result<Report> {
    let seed = arguments.seed.unwrap_or_else(seed_from_clock);
    let mut networks = Vec::new();
    if let Some(binary) = &arguments.devnet {
        let start = Instant::now();
        let (devnet, description) = Devnet::start(binary)?;
        let start_ms = start.elapsed().as_millis();
        let figures = measure(arguments, seed, "heqi", description).await?;
        networks.push(Figures { start_ms: Some(start_ms), ..figures });
        drop(devnet);
    } else if !arguments.rpc.is_empty() {
        let description = from_addresses(&arguments.rpc)?;
        networks.push(measure(arguments, seed, "network", description).await?);
    }
    if let Some(binary) = &arguments.anvil {
        let (anvil, description) = Anvil::start(binary).await?;
        networks.push(measure(arguments, seed, "anvil", description).await?);
        drop(anvil);
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Report { seed, processors, networks })
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    arguments.check()?;
    // dropping the run takes its networks down
    let report = tokio::select! {
        report = run(&arguments) => report?,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    };
    report.print();
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
