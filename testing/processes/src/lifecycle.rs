//! Starting, stopping and dying.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use eyre::{Result, WrapErr, eyre};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    checks::{BAD_WORDS, Checks, Expected, end_of},
    clock::until,
    network::{NAMES, Network},
    program::{Program, Running},
    traffic::{Promises, Trickle, broken_promises},
};

/// Longest graceful stop.
const STOP_TIME_MAX: Duration = Duration::from_secs(5);

/// All checks of this group.
///
/// # Errors
/// A network that must start does not.
pub async fn run(program: &Program, checks: &mut Checks) -> Result<()> {
    foreground(program, checks).await?;
    let network = Network::start(program, "life", 1).await?;
    two_networks(program, &network, checks).await?;
    signals(program, &network, checks).await?;
    kill_one(&network, checks).await?;
    quiet_log(&network, checks);
    reset(&network, checks).await
}

struct Foreground {
    parent: Running,
    pids: Vec<u32>,
}

/// `devnet up` in the foreground: how it ends decides what is left.
async fn foreground(program: &Program, checks: &mut Checks) -> Result<()> {
    let network = Network::place(program, "foreground", 0);
    let mut first = start_foreground(program, &network).await?;
    second_up(program, &network, checks)?;
    first.parent.signal(Signal::INT);
    ends(&mut first, checks, "Ctrl-C", Some(0)).await;
    let mut second = start_foreground(program, &network).await?;
    second.parent.signal(Signal::TERM);
    ends(&mut second, checks, "SIGTERM to the parent", Some(0)).await;
    let mut third = start_foreground(program, &network).await?;
    let height = network.client(0)?.height().await?;
    third.parent.signal(Signal::KILL);
    ends(&mut third, checks, "kill -9 of the parent", None).await;
    network.up().await?;
    let now = network.client(0)?.height().await?;
    checks.check(
        "the network continues after that",
        now >= height,
        &format!("block {height}, then {now}"),
    );
    Ok(())
}

async fn start_foreground(program: &Program, network: &Network<'_>) -> Result<Foreground> {
    let folder = network.folder.display().to_string();
    let base = network.rpc_port(0).to_string();
    let out = program.folder.join("foreground.json");
    let child = program
        .command(&["devnet", "up", "--dir", &folder, "--port-base", &base, "-o", "json"])
        .stdout(fs::File::create(&out)?)
        .stderr(Stdio::null())
        .spawn()?;
    let parent = Running { child };
    let described = until(Duration::from_secs(70), async || {
        serde_json::from_str::<Value>(&fs::read_to_string(&out).ok()?).ok()
    });
    let (described, _) = described.await.ok_or_else(|| eyre!("devnet up printed no JSON"))?;
    let nodes = described["nodes"].as_array().ok_or_else(|| eyre!("no nodes"))?;
    let pids = nodes.iter().filter_map(|node| u32::try_from(node["pid"].as_u64()?).ok()).collect();
    Ok(Foreground { parent, pids })
}

async fn ends(ended: &mut Foreground, checks: &mut Checks, how: &str, exit: Option<i32>) {
    let found = ended.parent.exit_within(Duration::from_secs(10)).await;
    let alive = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    };
    let gone =
        until(Duration::from_secs(6), async || (!ended.pids.iter().any(alive)).then_some(())).await;
    let holds =
        found.is_some_and(|(code, _)| code == exit) && gone.is_some() && ended.pids.len() == 4;
    checks.check(
        &format!("{how} leaves nothing running"),
        holds,
        &format!("exit {found:?}, nodes gone {gone:?}"),
    );
}

fn second_up(program: &Program, network: &Network<'_>, checks: &mut Checks) -> Result<()> {
    let folder = network.folder.display().to_string();
    let ended = program.run(&["devnet", "up", "--dir", &folder])?;
    let expected = Expected { exit: 2, code: "CLI-0005", words: &["running", "devnet down"] };
    checks.clear_error("devnet up twice in one folder", &ended, &expected);
    let other = program.folder.join("taken").display().to_string();
    let base = network.rpc_port(0).to_string();
    let ended = program.run(&["devnet", "up", "--dir", &other, "--port-base", &base])?;
    let expected = Expected { exit: 1, code: "CLI-0003", words: &[&base, "--port-base"] };
    checks.clear_error("ports of another network", &ended, &expected);
    Ok(())
}

async fn two_networks(program: &Program, first: &Network<'_>, checks: &mut Checks) -> Result<()> {
    let second = Network::start(program, "beside", 2).await?;
    let ids = (first.client(0)?.chain_id().await?, second.client(0)?.chain_id().await?);
    let trickles = [Trickle::start(first.url(0), 1), Trickle::start(second.url(0), 1)];
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut counts = Vec::new();
    for trickle in trickles {
        let promises = trickle.finish().await?;
        counts.push((promises.receipts.len(), promises.failures));
    }
    let holds = ids.0 != ids.1 && counts.iter().all(|(sent, failed)| *sent >= 3 && *failed == 0);
    checks.check(
        "two networks side by side",
        holds,
        &format!("chain ids {ids:?}, receipts and failures {counts:?}"),
    );
    Ok(())
}

/// SIGTERM and SIGINT to a node while transactions flow through another and through itself.
async fn signals(program: &Program, network: &Network<'_>, checks: &mut Checks) -> Result<()> {
    let victim = 1;
    network.devnet("stop", &[NAMES[victim]])?;
    let config = network.node_folder(victim).join("node.toml");
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT")] {
        let log = program.folder.join(format!("{name}.log"));
        let mut node = program.node(&config, &log)?;
        network.ready(victim).await?;
        let through = [Trickle::start(network.url(0), 2), Trickle::start(network.url(victim), 3)];
        tokio::time::sleep(Duration::from_secs(2)).await;
        node.signal(signal);
        let exit = node.exit_within(Duration::from_secs(8)).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let [other, own] = through;
        let (other, own) = (other.finish().await?, own.finish().await?);
        let text = fs::read_to_string(&log)?;
        let clean = !BAD_WORDS.iter().any(|bad| text.contains(bad)) && text.contains("\"stopped\"");
        let holds =
            exit.is_some_and(|(code, time)| code == Some(0) && time <= STOP_TIME_MAX) && clean;
        let seen = match holds {
            true => format!("exit {exit:?}"),
            false => format!("exit {exit:?}, the log's end:\n{}", end_of(&text)),
        };
        checks.check(&format!("{name} under traffic"), holds, &seen);
        let on = other.to_string();
        checks.check("the others go on", other.went_on(), &on);
        // A log of its own: that of a failure must not be lost.
        let mut again = program.node(&config, &log.with_extension("again.log"))?;
        network.ready(victim).await?;
        kept(network, &[&other, &own], checks, &format!("nothing final is lost after {name}"))
            .await?;
        again.signal(Signal::TERM);
        again.exit_within(STOP_TIME_MAX).await.ok_or_else(|| eyre!("no stop"))?;
    }
    network.devnet("start", &[NAMES[victim]])?;
    network.ready(victim).await.map(|_| ())
}

/// All promised receipts on all nodes.
///
/// # Errors
/// A node does not answer.
pub async fn kept(
    network: &Network<'_>,
    promises: &[&Promises],
    checks: &mut Checks,
    name: &str,
) -> Result<()> {
    let (mut broken, mut count) = (Vec::new(), 0);
    for promised in promises {
        count += promised.receipts.len();
        for (number, name) in NAMES.iter().enumerate() {
            let url = network.url(number);
            let found = until(Duration::from_secs(20), async || {
                broken_promises(&url, promised).await.ok().filter(Vec::is_empty)
            });
            if found.await.is_none() {
                broken.push(format!("{}: {:?}", name, broken_promises(&url, promised).await));
            }
        }
    }
    checks.check(
        name,
        broken.is_empty() && count > 0,
        &format!("{count} receipts on all nodes {}", broken.join("; ")),
    );
    Ok(())
}

async fn kill_one(network: &Network<'_>, checks: &mut Checks) -> Result<()> {
    let victim = 2;
    let trickle = Trickle::start(network.url(0), 4);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let pid = network.pid(victim)?.ok_or_else(|| eyre!("no process"))?;
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.ok_or_else(|| eyre!("no process id"))?, Signal::KILL)?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let begin = Instant::now();
    network.devnet("start", &[NAMES[victim]])?;
    network.ready(victim).await?;
    let back = begin.elapsed();
    let promises = trickle.finish().await?;
    let seen = format!("ready after {back:.1?}; {promises}");
    checks.check("kill -9 of one node under traffic", promises.went_on(), &seen);
    kept(network, &[&promises], checks, "nothing final is lost after kill -9").await
}

/// Logs tell an operator something and nothing of the libraries' insides.
fn quiet_log(network: &Network<'_>, checks: &mut Checks) {
    let log = network.log(0);
    let lines: Vec<Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of_library = |line: &&Value| {
        let target = line["target"].as_str().unwrap_or_default();
        line["level"] == "info"
            && ["commonware", "fjall", "lsm_tree", "log"]
                .iter()
                .any(|name| target.starts_with(name))
    };
    let noise = lines.iter().filter(of_library).count();
    let whole = lines.len() == log.lines().count() && !lines.is_empty();
    checks.check(
        "logs are JSON lines without the libraries' insides",
        whole && noise == 0,
        &format!("{} lines, {noise} of libraries", lines.len()),
    );
}

async fn reset(network: &Network<'_>, checks: &mut Checks) -> Result<()> {
    let before = network.client(0)?.chain_id().await?;
    let hash = network
        .client(0)?
        .call::<Value>("eth_getBlockByNumber", serde_json::json!(["0x0", false]))
        .await?;
    network.devnet("reset", &[])?;
    network.up().await.wrap_err("after reset")?;
    let after = network.client(0)?.chain_id().await?;
    let now = network
        .client(0)?
        .call::<Value>("eth_getBlockByNumber", serde_json::json!(["0x0", false]))
        .await?;
    let holds = before != after && hash["hash"] != now["hash"];
    checks.check(
        "devnet reset makes a new chain",
        holds,
        &format!("chain id {before}, then {after}"),
    );
    Ok(())
}
