//! `processes`: real `heqi` processes under mistakes and attacks. See README.md.

mod checks;
mod clock;
mod computation;
mod configuration;
mod hostile;
mod lifecycle;
mod links;
mod network;
mod openrpc;
mod peers;
mod program;
mod raw_http;
mod requests;
mod retention;
mod snapshots;
mod steady;
mod storage;
mod story;
mod traffic;
mod watching;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};
use eyre::{Result, WrapErr};

use crate::{checks::Checks, program::Program};

/// Runs real nodes under mistakes and attacks and counts what holds.
#[derive(Debug, Parser)]
struct Arguments {
    /// The heqi binary.
    #[arg(long)]
    heqi: PathBuf,
    /// First port; 900 ports from here on must be free.
    #[arg(long, default_value_t = 20_000)]
    port_base: u16,
    /// Run this group only; may be given more than once. `links`, `hostile`, `openrpc`,
    /// `retention` and `snapshots` run only when they are named.
    #[arg(long)]
    only: Vec<Group>,
    /// How long each fault of `links` lasts, seconds.
    #[arg(long, default_value_t = 60)]
    fault_seconds: u64,
    /// Requests of `openrpc`.
    #[arg(long, default_value_t = 1_000_000)]
    requests: u64,
    /// Repeats the requests of `openrpc`.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Windows of `retention`.
    #[arg(long, default_value_t = 8)]
    windows: u64,
    /// Only attacks of `hostile` whose name contains this.
    #[arg(long, default_value = "")]
    attacks: String,
}

/// Checks that share networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Group {
    Computation,
    Configuration,
    Hostile,
    Lifecycle,
    Links,
    Openrpc,
    Peers,
    Requests,
    Retention,
    Snapshots,
    Storage,
}

impl Group {
    /// Whether the group takes too long to run unasked.
    fn only_by_name(self) -> bool {
        matches!(
            self,
            Self::Hostile | Self::Links | Self::Openrpc | Self::Retention | Self::Snapshots
        )
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let heqi = arguments.heqi.canonicalize().wrap_err("--heqi")?;
    let folder = tempfile::Builder::new().prefix("proc-").tempdir()?;
    let program = Program::new(heqi, folder.path().to_path_buf(), arguments.port_base);
    let mut checks = Checks::default();
    for group in Group::value_variants() {
        let chosen = match arguments.only.is_empty() {
            true => !group.only_by_name(),
            false => arguments.only.contains(group),
        };
        if !chosen {
            continue;
        }
        // Dropping a network takes it down, also where the group is interrupted.
        tokio::select! {
            ended = run(*group, &program, &arguments, &mut checks) => {
                if let Err(error) = ended {
                    checks.fail(&format!("{group:?} broke off"), &format!("{error:#}"));
                }
            }
            _ = tokio::signal::ctrl_c() => eyre::bail!("interrupted"),
        }
    }
    if checks.failed() > 0 {
        println!("files are kept in {}", folder.keep().display());
    }
    println!("{}", checks.summary());
    Ok(if checks.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run(
    group: Group,
    program: &Program,
    arguments: &Arguments,
    checks: &mut Checks,
) -> Result<()> {
    println!("{group:?}");
    match group {
        Group::Computation => computation::run(program, checks).await,
        Group::Configuration => configuration::run(program, checks).await,
        Group::Hostile => hostile::run(program, &arguments.attacks, checks).await,
        Group::Lifecycle => lifecycle::run(program, checks).await,
        Group::Links => {
            let fault_time = Duration::from_secs(arguments.fault_seconds);
            links::run(program, fault_time, checks).await
        }
        Group::Openrpc => openrpc::run(program, arguments.requests, arguments.seed, checks).await,
        Group::Peers => peers::run(program, checks).await,
        Group::Requests => requests::run(program, checks).await,
        Group::Retention => retention::run(program, arguments.windows, checks).await,
        Group::Snapshots => snapshots::run(program, checks).await,
        Group::Storage => storage::run(program, checks).await,
    }
}
