//! The p2p port under garbage, and a node that belongs to another network.

use std::{fs, time::Duration};

use eyre::{Result, eyre};
use load::process::resident_bytes;
use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    checks::{BAD_WORDS, Checks, Expected},
    clock::until,
    lifecycle::kept,
    network::{NAMES, Network},
    program::Program,
    traffic::Trickle,
};

/// Memory that an attack on the p2p port may cost for good, bytes.
const GROWTH_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Lines that an attack of some hundred connections may write.
const LOG_LINES_MAX: usize = 100;
/// Connections that say nothing.
const HALF_OPEN: usize = 200;

/// All checks of this group.
///
/// # Errors
/// The network does not start.
pub async fn run(program: &Program, checks: &mut Checks) -> Result<()> {
    let network = Network::start(program, "peers", 3).await?;
    garbage(&network, checks).await?;
    other_genesis(program, &network, checks).await
}

async fn garbage(network: &Network<'_>, checks: &mut Checks) -> Result<()> {
    let victim = 0;
    let pid = network.pid(victim)?.ok_or_else(|| eyre!("no process"))?;
    let (before, log_start) = (resident_bytes(pid)?, network.log(victim).len());
    let trickle = Trickle::start(network.url(1), 5);
    attack(network.p2p_port(victim)).await;
    let promises = trickle.finish().await?;
    let seen = promises.to_string();
    let holds = promises.went_on() && promises.slowest < Duration::from_secs(5);
    checks.check("the network goes on under garbage on the p2p port", holds, &seen);
    checks.memory_bounded(before, resident_bytes(pid)?, GROWTH_BYTES_MAX);
    let log = network.log_after(victim, log_start);
    let bad = BAD_WORDS.iter().any(|bad| log.contains(bad)) || log.contains("\"level\":\"error\"");
    checks.check(
        "the log stays short and sensible",
        !bad && log.lines().count() < LOG_LINES_MAX,
        &format!("{} lines", log.lines().count()),
    );
    network.devnet("stop", &[NAMES[victim]])?;
    network.devnet("start", &[NAMES[victim]])?;
    let time = network.ready(victim).await?;
    network.all_ready().await?;
    checks.check("a node comes back after the attack", true, &format!("ready after {time:?}"));
    kept(network, &[&promises], checks, "nothing final is lost after the attack").await
}

/// Random bytes, a TLS hello, HTTP, a huge length, silence, and bytes that come one by one.
async fn attack(port: u16) {
    let mut random = load::random::Random::new(7);
    let noise: Vec<u8> = (0..65_536).map(|_| random.below(256) as u8).collect();
    let tls = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &noise[..508]].concat();
    let huge = [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &noise].concat();
    for bytes in [&noise[..], &tls, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", &huge, b"", &[0; 4096]] {
        for _ in 0..30 {
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await {
                // The node closes whenever it has seen enough.
                let _ = stream.write_all(bytes).await;
                let mut answer = [0; 64];
                let _ = timeout(Duration::from_millis(20), stream.read(&mut answer)).await;
            }
        }
    }
    let mut silent = Vec::new();
    for _ in 0..HALF_OPEN {
        silent.extend(TcpStream::connect(("127.0.0.1", port)).await);
    }
    for byte in noise.iter().take(50) {
        for stream in silent.iter_mut().take(50) {
            let _ = stream.write_all(&[*byte]).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A validator starts with a genesis file of another chain id: both sides must say what to check.
async fn other_genesis(
    program: &Program,
    network: &Network<'_>,
    checks: &mut Checks,
) -> Result<()> {
    let stranger = 3;
    network.devnet("stop", &[NAMES[stranger]])?;
    let folder = program.folder.join("stranger");
    fs::create_dir_all(&folder)?;
    let genesis = fs::read_to_string(network.folder.join("genesis.json"))?;
    let mut genesis: serde_json::Value = serde_json::from_str(&genesis)?;
    let chain_id = genesis["chain_id"].as_u64().ok_or_else(|| eyre!("no chain id"))?;
    genesis["chain_id"] = (chain_id + 1).into();
    fs::write(folder.join("genesis.json"), genesis.to_string())?;
    fs::copy(network.node_folder(stranger).join("node-key.pem"), folder.join("node-key.pem"))?;
    let config = fs::read_to_string(network.node_folder(stranger).join("node.toml"))?;
    fs::write(folder.join("node.toml"), config.replace("../genesis.json", "genesis.json"))?;
    let (log, log_start) = (folder.join("node.log"), network.log(0).len());
    let mut node = program.node(&folder.join("node.toml"), &log)?;
    let trickle = Trickle::start(network.url(0), 6);
    let told = until(Duration::from_secs(20), async || {
        fs::read_to_string(&log).ok().filter(|text| text.contains("NOD-0021"))
    });
    let told = told.await;
    let text = told.as_ref().map(|(text, _)| text.clone()).unwrap_or_default();
    let expected = Expected {
        exit: 0,
        code: "NOD-0021",
        words: &["no peer accepts this node", "genesis hash", "clocks"],
    };
    checks.clear_log("a node of another genesis says what to check", &text, &expected);
    let time = told.map(|(_, time)| time);
    checks.check("within 20 s", time.is_some(), &format!("{time:?}"));
    let reasons = network.readiness(stranger).await.unwrap_or_default().to_string();
    let holds = reasons.contains("no_peers") && reasons.contains("check genesis hash 0x");
    checks.check("/readyz?verbose says it", holds, &reasons);
    let known = until(Duration::from_secs(25), async || {
        Some(network.log_after(0, log_start)).filter(|text| text.contains("NOD-0022"))
    });
    let text = known.await.map(|(text, _)| text).unwrap_or_default();
    let expected =
        Expected { exit: 0, code: "NOD-0022", words: &[NAMES[stranger], "genesis hash"] };
    checks.clear_log("the other side names the missing validator", &text, &expected);
    let promises = trickle.finish().await?;
    let seen = promises.to_string();
    checks.check("the network goes on", promises.went_on(), &seen);
    node.signal(Signal::TERM);
    let exit = node.exit_within(Duration::from_secs(6)).await;
    checks.check(
        "it stops with exit code 0",
        matches!(exit, Some((Some(0), _))),
        &format!("{exit:?}"),
    );
    network.devnet("start", &[NAMES[stranger]])?;
    network.ready(stranger).await?;
    kept(network, &[&promises], checks, "its own genesis brings it back to the same chain").await
}
