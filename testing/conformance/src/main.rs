//! Runs the outside suites: `conformance state-tests [--filter TEXT]`, `conformance import-chain`,
//! `conformance geth-tracers`, `conformance execution-apis [--filter TEXT]`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use conformance::{chain, execution_apis, state_tests, tracers, vectors};
use eyre::Result;

/// Failures printed in full; more are only counted.
const FAILURES_SHOWN_MAX: usize = 50;

/// Outside test suites against Heqi's execution.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    suite: Suite,
}

#[derive(Subcommand)]
enum Suite {
    /// Ethereum's general state tests to Cancun.
    StateTests {
        /// Run only files whose path contains this.
        #[arg(long, default_value = "")]
        filter: String,
    },
    /// Import the chain of ethereum/execution-apis and compare every block.
    ImportChain,
    /// geth's test data of its tracers.
    GethTracers,
    /// The cases of ethereum/execution-apis through JSON-RPC on the imported chain.
    ExecutionApis {
        /// Replay only cases whose name contains this.
        #[arg(long, default_value = "")]
        filter: String,
    },
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().suite {
        Suite::StateTests { filter } => run_state_tests(&filter),
        Suite::ImportChain => import_chain(),
        Suite::GethTracers => geth_tracers(),
        Suite::ExecutionApis { filter } => execution_apis(&filter),
    }
}

fn run_state_tests(filter: &str) -> Result<ExitCode> {
    let Some(folder) = vectors::find(vectors::STATE_TESTS)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let archive = state_tests::unpack(&folder)?;
    let summary = state_tests::run(&archive, filter)?;
    for failure in summary.failures.iter().take(FAILURES_SHOWN_MAX) {
        println!("FAILED {}: {}", failure.case, failure.reason);
    }
    let slowest = &summary.slowest;
    println!("slowest: {}, {:.1} s", slowest.section, slowest.time.as_secs_f64());
    println!("state tests, in {:.1} s:", summary.time.as_secs_f64());
    Ok(closing_line(summary.passed, summary.failures.len()))
}

fn import_chain() -> Result<ExitCode> {
    let Some(folder) = vectors::find(vectors::EXECUTION_APIS)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let started = std::time::Instant::now();
    let source = chain::Source::read(&folder.join("tests"))?;
    let blocks = source.blocks.len();
    let (chain, failure) = chain::import(source);
    let imported = chain.blocks.len() - 1;
    if let Some(failure) = failure {
        println!("FAILED block {}: {failure:#}", imported + 1);
    }
    println!("blocks imported, in {:.1} s:", started.elapsed().as_secs_f64());
    Ok(closing_line(imported, blocks - imported))
}

fn geth_tracers() -> Result<ExitCode> {
    let Some(folder) = vectors::find(vectors::GETH_TRACERS)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let summary = tracers::run(&folder)?;
    for failure in summary.failures.iter().take(FAILURES_SHOWN_MAX) {
        println!("FAILED {}: {}", failure.case, failure.reason);
    }
    for different in &summary.different {
        println!("different on purpose {}: {}", different.case, different.reason);
    }
    println!("traces of geth's test data, {} different on purpose:", summary.different.len());
    Ok(closing_line(summary.passed, summary.failures.len()))
}

fn execution_apis(filter: &str) -> Result<ExitCode> {
    let Some(folder) = vectors::find(vectors::EXECUTION_APIS)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let summary = runtime.block_on(execution_apis::run(&folder.join("tests"), filter))?;
    for (case, reason) in &summary.excluded {
        println!("excluded {case}: {reason}");
    }
    for failure in &summary.failures {
        println!("FAILED {}: {}", failure.case, failure.reason);
    }
    print!("{}", summary.table());
    let total = summary.total();
    println!("cases of execution-apis, {} excluded:", total.excluded);
    Ok(closing_line(total.passed, total.failed))
}

fn closing_line(passed: usize, failed: usize) -> ExitCode {
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
