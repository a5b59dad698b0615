//! `crash`: kill -9 under load on real processes, and whether anything final is lost. See README.md.

mod compare;
mod round;
mod victims;
mod witness;
mod workload;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use eyre::{Result, WrapErr};
use load::{
    accounts::Account,
    network::{Description, Devnet},
    random::{Random, seed_from_clock},
    rpc::Node,
    token::Token,
};

use crate::{round::Arena, victims::Plan, witness::Witness, workload::Workload};

/// Kills random nodes of a devnet with kill -9 while it is under load, starts them again, and
/// compares all nodes.
#[derive(Debug, Parser)]
struct Arguments {
    /// The heqi binary.
    #[arg(long)]
    devnet: PathBuf,
    /// Rounds of deaths.
    #[arg(long, default_value_t = 100)]
    rounds: usize,
    /// Accounts that transfer tokens all the time.
    #[arg(long, default_value_t = 64)]
    accounts: usize,
    /// Transfers per second of all of them together, at most.
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
    /// Longest recovery (s).
    #[arg(long, default_value_t = 60)]
    recovery_seconds: u64,
    /// Repeats the same deaths.
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.accounts == 0
        || arguments.rounds == 0
        || !(arguments.rate.is_finite() && arguments.rate > 0.0)
    {
        eyre::bail!("rounds, accounts and rate have to be above 0");
    }
    let seed = arguments.seed.unwrap_or_else(seed_from_clock);
    println!("seed {seed}");
    let (devnet, description) = Devnet::start(&arguments.devnet)?;
    let mut arena = Arena {
        devnet,
        binary: arguments.devnet.canonicalize()?,
        orgs: description.nodes.iter().map(|node| node.org.clone()).collect(),
        urls: description.nodes.iter().map(|node| node.rpc.clone()).collect(),
        witness: Arc::new(Witness::default()),
        recovery_limit: Duration::from_secs(arguments.recovery_seconds),
    };
    // dropping the arena takes the network down
    let (passed, failed) = tokio::select! {
        counts = run(&arguments, seed, &arena, &description) => counts?,
        _ = tokio::signal::ctrl_c() => eyre::bail!("interrupted"),
    };
    if failed > 0 {
        println!("data and logs are kept in {}", arena.devnet.keep_files().display());
    }
    println!("seed {seed}\n{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run(
    arguments: &Arguments,
    seed: u64,
    arena: &Arena,
    description: &Description,
) -> Result<(usize, usize)> {
    let minter = Account::derive(seed, u64::MAX)?;
    let accounts: Vec<Account> =
        (0..arguments.accounts as u64).map(|n| Account::derive(seed, n)).collect::<Result<_>>()?;
    let token =
        Token::deploy(&mut Node::new(&description.nodes[0].rpc)?, &minter, &accounts).await?;
    let workload = Arc::new(Workload {
        token,
        accounts,
        urls: arena.urls.clone(),
        witness: arena.witness.clone(),
        interval: Duration::from_secs_f64(arguments.accounts as f64 / arguments.rate),
        seed,
    });
    let mut readers = witness::read_all(&arena.witness, &arena.urls, 1)?;
    let mut senders = workload::start(&workload)?;
    let (mut passed, failed) = rounds(arguments, seed, arena).await;
    arena.witness.stop();
    while readers.join_next().await.is_some() {}
    while let Some(ended) = senders.join_next().await {
        ended.wrap_err("a sender panicked")??;
    }
    if failed > 0 {
        return Ok((passed, failed));
    }
    let failed = match finale(arena, &workload).await {
        Ok(text) => {
            println!("at the end: {text}");
            passed += 1;
            0
        }
        Err(error) => {
            println!("at the end: FAILED: {error:#}");
            1
        }
    };
    Ok((passed, failed))
}

/// Ends at the first failure: what follows would only repeat it.
async fn rounds(arguments: &Arguments, seed: u64, arena: &Arena) -> (usize, usize) {
    let mut random = Random::new(seed);
    let mut checked = 0;
    for number in 1..=arguments.rounds {
        let plan = Plan::draw(&mut random, arena.urls.len());
        let dead: Vec<&str> = plan.victims.iter().map(|v| arena.orgs[*v].as_str()).collect();
        let what = format!("round {number}: kill -9 {}, down {:?}", dead.join(" + "), plan.down);
        match arena.round(&plan, checked).await {
            Ok(passed) => {
                println!(
                    "{what}: blocks {} to {} equal, {} receipts on all nodes, level after {:.1} s",
                    checked + 1,
                    passed.height,
                    passed.receipts,
                    passed.recovery.as_secs_f64()
                );
                checked = passed.height;
            }
            Err(error) => {
                println!("{what}: FAILED: {error:#}");
                return (number - 1, 1);
            }
        }
    }
    (arguments.rounds, 0)
}

/// The whole chain once more on all nodes, and the tokens.
async fn finale(arena: &Arena, workload: &Workload) -> Result<String> {
    let (height, receipts, wrong) = compare::everything(&arena.urls, &arena.witness, 0).await?;
    eyre::ensure!(wrong.is_empty(), "{}", wrong.join("\n    "));
    for url in &arena.urls {
        let mut node = Node::new(url)?;
        let held = workload.token.balances(&mut node, &workload.accounts).await?;
        let supply = workload.token.supply(&mut node).await?;
        let sum: alloy_primitives::U256 = held.iter().sum();
        eyre::ensure!(sum == supply, "{url}: balances add up to {sum}, the supply is {supply}");
    }
    eyre::ensure!(receipts > 0, "no transaction became final");
    Ok(format!("blocks 1 to {height} equal, {receipts} receipts on all nodes, balances add up"))
}
