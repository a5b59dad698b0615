//! Hostile traffic against one node while transactions go through a second and are read from a
//! third: calm and attack take turns, so that the machine's own noise shows in both.

mod floods;
mod http;
pub mod memory;
mod peers;
mod phases;
mod websocket;

use eyre::{Result, eyre};
use load::process::resident_bytes;

use crate::{
    checks::{BAD_WORDS, Checks},
    network::{NAMES, Network},
    program::Program,
    steady::Steady,
    story::Story,
    watching::Watch,
};
use memory::MEMORY_BYTES_MAX;
use phases::Phases;

/// Transactions per second, all through one node.
pub const RATE_PER_SECOND: u32 = 200;
/// The attacked node.
pub const VICTIM: usize = 0;
/// The node that takes the transactions.
const SENDER: usize = 1;
/// The node on which they are looked for.
const WITNESS: usize = 2;

/// All checks of this group, of attacks whose name contains `attacks`.
///
/// # Errors
/// The network does not start or does not answer.
pub async fn run(program: &Program, attacks: &str, checks: &mut Checks) -> Result<()> {
    raise_open_files();
    let network = Network::start(program, "hostile", 6).await?;
    let mut watches = Vec::new();
    for node in 0..NAMES.len() {
        watches.push(Watch::start(&network.url(node)).await?);
    }
    let load = Steady::start(&[(SENDER, network.url(SENDER))], RATE_PER_SECOND, 200);
    let mut phases = Phases::start(&network, attacks)?;
    http::attacks(&mut phases).await?;
    websocket::attacks(&mut phases).await?;
    peers::attacks(&mut phases).await?;
    floods::attacks(&mut phases, checks).await?;
    let measured = phases.finish();
    let sendings = load.finish().await?;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let mut seen = Vec::new();
    for watch in watches {
        seen.push(watch.finish().await?);
    }
    let story = Story::new(sendings, seen);
    println!("\n  {RATE_PER_SECOND} transactions per second through another node");
    measured.iter().for_each(|attack| attack.judge(&story, (SENDER, WITNESS), checks));
    println!();
    afterwards(&network, &story, checks).await?;
    // The last check needs a network that forgets whom it has shut out.
    drop(network);
    match "lies of a validator".contains(attacks) {
        true => floods::lies(program, checks).await,
        false => Ok(()),
    }
}

async fn afterwards(network: &Network<'_>, story: &Story, checks: &mut Checks) -> Result<()> {
    let forks = story.forks();
    checks.check("one chain on all nodes", forks.is_empty(), &format!("{forks:?}"));
    let (missing, count) = (story.missing(), story.sendings.accepted.len());
    let (refused, most) = story.refused();
    checks.check(
        "every accepted transaction has a receipt on all nodes",
        count > 0 && missing.iter().all(|missing| *missing == 0),
        &format!("{count} accepted, missing by node {missing:?}, {refused} refused {most}"),
    );
    for (node, name) in NAMES.iter().enumerate() {
        let pid = network.pid(node)?.ok_or_else(|| eyre!("{name} does not run"))?;
        let bytes = resident_bytes(pid)?;
        let log = network.log(node);
        let bad = BAD_WORDS.iter().find(|bad| log.contains(**bad));
        network.ready(node).await?;
        checks.check(
            &format!("{name} is ready, small and without a defect afterwards"),
            bytes < MEMORY_BYTES_MAX && bad.is_none(),
            &format!("{} MiB, {} log lines, {bad:?}", bytes >> 20, log.lines().count()),
        );
    }
    Ok(())
}

/// Ten thousand connections need as many files of this process.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, the attack has fewer connections and says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
