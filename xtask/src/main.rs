//! The repository's commands: `cargo xtask <verb>`. Plain Rust instead of scripts, few
//! dependencies, so that the first command on a fresh machine starts at once.

mod bench;
mod check;
mod clients;
mod dispatch;
mod edges;
mod fuzz;
mod metadata;
mod process;
mod sim;
mod suite;
mod suites;
mod test;
mod tidy;

use std::process::ExitCode;

use eyre::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask <verb> [arguments]

  up           build the node in release and run `heqi devnet up` (arguments go to it)
  test         everything: format, tidy, edges, unit tests, outside vectors, clients, lints
  check        format, tidy, edges, lints
  tidy         the part of check that compiles nothing
  conformance  outside test vectors: state-tests [--filter TEXT] | import-chain | geth-tracers |
               execution-apis [--filter TEXT]
  docs         write the pages' tables that are made from the code
  clients      ethers, viem, cast and forge against a network (arguments go to run.mjs)
               --matrix: all clients in free, metered and dev mode
  fuzz         coverage-guided fuzzing of decoders: [--seconds N] [TARGET …]
  sim          simulated networks with faults: [--seeds N] [--first S] [--seed S] [--jobs J] | --planted
  crash        kill -9 of real processes under load: [--rounds N] [--seed S]
  processes    bad input, full disks and signals on real processes
               --only links: faults of network, clock and disk; --only hostile: attacks
  bench        load through JSON-RPC, figures and pictures: [--quick] or options of testing/load";

fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let verb = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    match verb.as_str() {
        "up" => dispatch::up(&rest),
        "test" => test::run(),
        "check" => check::run(),
        "tidy" => check::run_quick(),
        "conformance" => dispatch::package(&verb, &rest),
        "docs" => dispatch::docs(),
        "crash" | "processes" => dispatch::on_node(&verb, &rest),
        "bench" => bench::run(&rest),
        "sim" => sim::run(&rest),
        "fuzz" => fuzz::run(&rest),
        "clients" => clients::run_alone(&rest),
        "" | "help" | "-h" | "--help" => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        unknown => bail!("no verb `{unknown}`\n\n{USAGE}"),
    }
}
