//! A validator that has turned hostile: the program `flood` takes the place and the key of one of
//! the four nodes and sends to the others whatever it likes.

use std::{path::PathBuf, process::Stdio, time::Duration};

use eyre::{Result, WrapErr, eyre};
use load::process::resident_bytes;
use tokio::process::Command;

use super::{memory::MEMORY_BYTES_MAX, memory::Memory, phases::Phases};
use crate::{
    checks::{BAD_WORDS, Checks},
    lifecycle::kept,
    network::{NAMES, Network},
    program::Program,
    traffic::Trickle,
};

/// The node whose key the hostile program has.
const TURNED: usize = 3;
/// Messages that a node cannot tell from honest ones before it has worked on them.
const KINDS: [&str; 5] = ["announcements", "requests", "pushes", "blocks", "history"];
/// What no honest node sends: kind, channel, name. The last channel is none that nodes know.
const LIES: [(&str, u64, &str); 10] = [
    ("garbage", 0, "garbage: votes"),
    ("garbage", 1, "garbage: certificates"),
    ("garbage", 2, "garbage: requests for certificates"),
    ("garbage", 3, "garbage: requests for blocks"),
    ("garbage", 4, "garbage: blocks"),
    ("garbage", 5, "garbage: state"),
    ("garbage", 7, "garbage: transactions"),
    ("garbage", 8, "garbage: history"),
    ("garbage", 99, "garbage: no channel"),
    ("bodies", 7, "transactions that nobody asked for"),
];
/// How long each lie is told.
const LIE_SECONDS: u64 = 5;
/// Log lines of a node about one kind of lie: whoever is shut out has a second's messages under way
/// (256), and each is told once.
const LOG_LINES_MAX: usize = 300;

/// Floods that look honest, in turns with calm. The turned node stays silent in the calm times.
///
/// # Errors
/// The program could not be run.
pub async fn attacks(phases: &mut Phases<'_>, checks: &mut Checks) -> Result<()> {
    let network = phases.network;
    let Some(program) = program(network.program(), checks) else { return Ok(()) };
    network.devnet("stop", &[NAMES[TURNED]])?;
    let config = network.node_folder(TURNED).join("node.toml");
    for kind in KINDS {
        let name = format!("flood of {kind} from a validator");
        let sent = |time: Duration| {
            let arguments = vec!["--kind".into(), kind.into()];
            flood(program.clone(), config.clone(), arguments, time.as_secs())
        };
        phases.alternate(&name, sent).await?;
    }
    network.devnet("start", &[NAMES[TURNED]])?;
    network.ready(TURNED).await?;
    Ok(())
}

/// The program stands beside the node's.
fn program(program: &Program, checks: &mut Checks) -> Option<PathBuf> {
    let path = program.beside("flood");
    if !path.exists() {
        let reason = format!("{} is missing: cargo build -p flood", path.display());
        checks.not_run("floods from a validator", &reason);
        return None;
    }
    Some(path)
}

async fn flood(
    program: PathBuf,
    config: PathBuf,
    arguments: Vec<String>,
    seconds: u64,
) -> Result<String> {
    let output = Command::new(program)
        .arg("--config")
        .arg(config)
        .args(arguments)
        .args(["--seconds", &seconds.to_string()])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .wrap_err("flood")?;
    let told = String::from_utf8_lossy(&output.stdout).trim().to_string();
    let cause = String::from_utf8_lossy(&output.stderr);
    match output.status.success() && !told.is_empty() {
        true => Ok(told),
        false => Err(eyre!("flood: {} {:.300}", output.status, cause)),
    }
}

/// Garbage on each channel and the like, each against nodes that never heard of the liar: most of it
/// shuts its sender out for an hour.
///
/// # Errors
/// The network does not start.
pub async fn lies(program_of: &Program, checks: &mut Checks) -> Result<()> {
    let Some(program) = program(program_of, checks) else { return Ok(()) };
    let network = Network::start(program_of, "flooded", 7).await?;
    let mut all = Vec::new();
    let config = network.node_folder(TURNED).join("node.toml");
    for (number, (kind, channel, name)) in (0..).zip(LIES) {
        network.devnet("stop", &[NAMES[TURNED]])?;
        let trickle = Trickle::start(network.url(1), 300 + number);
        let before: Vec<usize> = (0..TURNED).map(|node| network.log(node).len()).collect();
        let memory = Memory::watch(pids(&network)?);
        let arguments = ["--kind", kind, "--channel", &channel.to_string()];
        let arguments = arguments.map(str::to_string).to_vec();
        let told = flood(program.clone(), config.clone(), arguments, LIE_SECONDS).await?;
        let promises = trickle.finish().await?;
        let most = memory.take().into_iter().max().unwrap_or_default();
        let logs: Vec<String> =
            (0..TURNED).map(|node| network.log_after(node, before[node])).collect();
        let lines = logs.iter().map(|log| log.lines().count()).max().unwrap_or_default();
        let bad = logs.iter().any(|log| BAD_WORDS.iter().any(|bad| log.contains(bad)));
        let holds = promises.went_on() && most < MEMORY_BYTES_MAX && lines < LOG_LINES_MAX && !bad;
        checks.check(
            &format!("lies of a validator: {name}"),
            holds,
            &format!("{told}; {promises}; at most {} MiB, {lines} log lines", most >> 20),
        );
        all.push(promises);
        network.devnet("down", &[])?;
        network.up().await?;
    }
    let promised: Vec<_> = all.iter().collect();
    kept(&network, &promised, checks, "nothing final is lost under lies").await
}

fn pids(network: &Network<'_>) -> Result<Vec<u32>> {
    let pid = |node| network.pid(node)?.ok_or_else(|| eyre!("no process"));
    let pids: Result<Vec<u32>> = (0..TURNED).map(pid).collect();
    let pids = pids?;
    for pid in &pids {
        resident_bytes(*pid)?;
    }
    Ok(pids)
}
