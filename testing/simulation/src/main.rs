//! `simulation`: many seeds, each a network with faults held against the invariants. See README.md.

mod workers;

use std::{path::PathBuf, process::ExitCode, time::Instant};

use clap::Parser;
use eyre::{Result, WrapErr as _, ensure};
use simulation::{
    byzantine::Lie,
    campaign::{Outcome, run_seed},
    machine::refusal_layer,
    report::Summary,
    scenario::Choice,
};
use tracing_subscriber::{
    EnvFilter, Layer as _, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// As the node's: a run allocates much and frees it soon.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Simulated networks of whole ledgers with faults; the same seed gives the same run.
#[derive(Clone, Debug, Parser)]
struct Arguments {
    /// Seeds to run.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Runs this seed alone, and tells what happened when.
    #[arg(long)]
    seed: Option<u64>,
    /// Processes at a time; as many as there are processors unless given.
    #[arg(long)]
    jobs: Option<u64>,
    /// Every seed has this one liar; `nobody` for none.
    #[arg(long)]
    liar: Option<String>,
    /// Every seed has so many validators.
    #[arg(long)]
    validators: Option<u64>,
    /// Stops at the first seed that breaks an invariant.
    #[arg(long)]
    until_failure: bool,
    /// Writes the summary to this file as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Tells what happened when, and the nodes' own warnings.
    #[arg(short, long)]
    verbose: bool,
    /// Runs every n-th seed in this process and tells outcomes as JSON lines.
    #[arg(long, hide = true)]
    worker: Option<u64>,
}

impl Arguments {
    fn choice(&self) -> Result<Choice> {
        let liar = match self.liar.as_deref() {
            None => None,
            Some("nobody") => Some(None),
            Some(name) => {
                let names: Vec<&str> = Lie::ALL.iter().map(|lie| lie.name()).collect();
                let lie = Lie::named(name);
                ensure!(lie.is_some(), "no liar `{name}`; there are: {}, nobody", names.join(", "));
                Some(lie)
            }
        };
        if let Some(validators) = self.validators {
            ensure!((4..=10).contains(&validators), "a network has 4 to 10 validators");
        }
        Ok(Choice { validators: self.validators, liar, ..Choice::default() })
    }

    /// The command that runs one seed of this run again.
    fn replay(&self, seed: u64) -> String {
        let liar = self.liar.as_ref().map(|name| format!(" --liar '{name}'")).unwrap_or_default();
        let size = self.validators.map(|count| format!(" --validators {count}"));
        format!("cargo xtask sim --seed {seed}{liar}{} -v", size.unwrap_or_default())
    }
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let choice = arguments.choice()?;
    ensure!(arguments.seeds > 0, "there must be a seed to run");
    if let Some(step) = arguments.worker {
        return workers::work(&arguments, &choice, step);
    }
    let begun = Instant::now();
    let mut summary = Summary::default();
    match arguments.seed {
        Some(seed) => alone(&arguments, &choice, seed, &mut summary),
        None => workers::run(&arguments, &mut summary)?,
    }
    let wall = begun.elapsed();
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&summary.json(wall))?;
        std::fs::write(path, text).wrap_err_with(|| format!("cannot write {}", path.display()))?;
    }
    println!("{}", summary.text(wall));
    Ok(if summary.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One seed in this process, told in full.
fn alone(arguments: &Arguments, choice: &Choice, seed: u64, summary: &mut Summary) {
    if arguments.verbose {
        let level = std::env::var("RUST_LOG").unwrap_or_else(|_| "warn".into());
        let told = fmt::layer().with_writer(std::io::stderr).with_filter(EnvFilter::new(level));
        tracing_subscriber::registry().with(refusal_layer()).with(told).init();
    } else {
        workers::silence_panics();
    }
    let (outcome, cpu) = workers::timed(|| run_seed(seed, choice));
    tell(arguments, &outcome);
    summary.add(&simulation::report::line(&outcome, cpu));
}

fn tell(arguments: &Arguments, outcome: &Outcome) {
    outcome.timeline.iter().for_each(|line| println!("{line}"));
    println!("digest {}", outcome.digest);
    if let Some(violation) = &outcome.violation {
        println!("seed {} failed: {}: {}", outcome.seed, violation.invariant, violation.detail);
        println!("again: {}", arguments.replay(outcome.seed));
    }
}
