//! Years in minutes: a network that keeps a window of blocks, under load for several windows, while
//! nodes are killed, restarted and added. Its disk must not grow with the chain.

use std::{fs, path::Path, time::Duration};

use alloy_primitives::U64;
use eyre::{Result, ensure, eyre};
use load::{process::disk_bytes, rpc::Node};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    checks::{BAD_WORDS, Checks},
    clock::until,
    network::{NAMES, Network},
    program::Program,
    steady::Steady,
};

/// Blocks that keep bodies and receipts, and blocks that keep old state: the least that is allowed.
const WINDOW_BLOCKS: u64 = 1_000;
/// Windows before the disk is compared: everything that is kept for a window fills up first.
const WARM_UP_WINDOWS: u64 = 2;
/// Transactions per second.
const RATE: u32 = 300;
/// Data of each, bytes: a window must hold several times what a store's journal holds (64 MiB).
const DATA_BYTES: usize = 2_000;
/// Largest disk of a node per transaction kept in terms of its smallest, percent, over the compared
/// windows.
const GROWTH_PERCENT_MAX: u64 = 10;
/// Time for a window.
const WINDOW_TIME: Duration = Duration::from_secs(1_200);
/// Looks at the disk at the end of a window; the mean counts, because stores are tidied in steps.
const LOOKS: u64 = 10;
const LOOK_PAUSE: Duration = Duration::from_secs(3);
/// Code of what was deleted.
const PRUNED: i64 = 4444;
/// Transactions whose receipts are looked for on all nodes, the newest ones.
const KEPT_MAX: usize = 2_000;

/// All checks.
///
/// # Errors
/// The network does not start, or stands still.
pub async fn run(program: &Program, windows: u64, checks: &mut Checks) -> Result<()> {
    ensure!(windows > WARM_UP_WINDOWS + 1, "--windows must be above {}", WARM_UP_WINDOWS + 1);
    let network = Network::start(program, "retention", 6).await?;
    shorten(&network).await?;
    let urls: Vec<_> = (0..NAMES.len()).map(|number| (number, network.url(number))).collect();
    let load = Steady::carrying(&urls, RATE, 31, DATA_BYTES);
    let mut client = network.client(0)?;
    let mut disks: Vec<Vec<u64>> = Vec::new();
    for window in 1..=windows {
        let height = client.height().await? / WINDOW_BLOCKS * WINDOW_BLOCKS + WINDOW_BLOCKS;
        happen(&network, window, checks).await?;
        reach(&mut client, height).await?;
        let disk = disk(&network).await;
        let kept = kept(&mut client).await?;
        let shown = megabytes(&disk);
        println!("  window {window}, block {height}: {shown} MB, {kept} transactions kept");
        disks.push(disk.into_iter().map(|bytes| bytes / kept.max(1)).collect());
    }
    let sent = load.finish().await?;
    checks.check(
        "transactions went on",
        sent.accepted.len() > 10_000,
        &sent.accepted.len().to_string(),
    );
    flat(&disks[usize::try_from(WARM_UP_WINDOWS)?..], checks);
    let newest = &sent.accepted[sent.accepted.len().saturating_sub(KEPT_MAX)..];
    let hashes: Vec<Value> = newest.iter().map(|sent| json!([sent.hash])).collect();
    for (number, name) in NAMES.iter().enumerate() {
        let missing = missing(&network.url(number), &hashes).await?;
        let seen = format!("{missing} of {} missing on {name}", hashes.len());
        checks.check("accepted transactions have receipts", missing == 0, &seen);
        old(&mut network.client(number)?, name, checks).await?;
        let log = network.log(number);
        let bad = BAD_WORDS.iter().any(|bad| log.contains(bad));
        checks.check("no defect in the log", !bad, name);
    }
    Ok(())
}

/// Restarts all nodes with short windows.
async fn shorten(network: &Network<'_>) -> Result<()> {
    network.devnet("down", &[])?;
    for number in 0..NAMES.len() {
        shorten_file(&network.node_folder(number).join("node.toml"))?;
    }
    network.up().await
}

fn shorten_file(path: &Path) -> Result<()> {
    let text = fs::read_to_string(path)?;
    let kept = text
        .lines()
        .filter(|line| !line.starts_with("history_blocks") && !line.starts_with("retained_blocks"));
    let windows = format!("history_blocks = {WINDOW_BLOCKS}\nretained_blocks = {WINDOW_BLOCKS}\n");
    let rest: String = kept.flat_map(|line| [line, "\n"]).collect();
    Ok(fs::write(path, windows + &rest)?)
}

/// What happens in each window, one after the other.
async fn happen(network: &Network<'_>, window: u64, checks: &mut Checks) -> Result<()> {
    let number = usize::try_from(window)? % NAMES.len();
    match window % 3 {
        1 => {
            let pid = network.pid(number)?.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
            kill_process(pid.ok_or_else(|| eyre!("no process"))?, Signal::KILL)?;
            network.devnet("start", &[NAMES[number]])?;
            let back = network.ready(number).await?;
            checks.check(
                "a killed node comes back",
                true,
                &format!("{} after {back:.1?}", NAMES[number]),
            );
        }
        2 => {
            network.devnet("join", &["--validator"])?;
            checks.check("a validator joins", true, &format!("in window {window}"));
        }
        _ => {
            network.devnet("stop", &[NAMES[number]])?;
            network.devnet("start", &[NAMES[number]])?;
            let back = network.ready(number).await?;
            checks.check("a node restarts", true, &format!("{} after {back:.1?}", NAMES[number]));
        }
    }
    Ok(())
}

async fn reach(client: &mut Node, height: u64) -> Result<()> {
    let reached =
        until(WINDOW_TIME, async || client.height().await.ok().filter(|found| *found >= height));
    reached
        .await
        .map(|_| ())
        .ok_or_else(|| eyre!("block {height} is not there after {WINDOW_TIME:?}"))
}

/// Bytes of each node's data folder, mean of some looks.
async fn disk(network: &Network<'_>) -> Vec<u64> {
    let mut sums = vec![0; NAMES.len()];
    for _ in 0..LOOKS {
        for (number, sum) in sums.iter_mut().enumerate() {
            *sum += disk_bytes(&network.node_folder(number).join("data"));
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    sums.into_iter().map(|sum| sum / LOOKS).collect()
}

/// Transactions of the newest window: blocks are as full as the machine is slow, and the disk holds
/// transactions.
async fn kept(client: &mut Node) -> Result<u64> {
    let height = client.height().await?;
    let heights: Vec<Value> = (height.saturating_sub(WINDOW_BLOCKS) + 1..=height)
        .map(|height| json!([U64::from(height)]))
        .collect();
    let counts: Vec<U64> = client.batch("eth_getBlockTransactionCountByNumber", &heights).await?;
    Ok(counts.iter().map(|count| count.to::<u64>()).sum())
}

fn megabytes(disk: &[u64]) -> String {
    let parts: Vec<String> =
        disk.iter().map(|bytes| format!("{:.1}", *bytes as f64 / 1e6)).collect();
    parts.join(", ")
}

fn flat(disks: &[Vec<u64>], checks: &mut Checks) {
    for (number, name) in NAMES.iter().enumerate() {
        let of = || disks.iter().map(|disk| disk[number]);
        let (least, most) = (of().min().unwrap_or(1).max(1), of().max().unwrap_or(0));
        let percent = most.saturating_sub(least) * 100 / least;
        let seen = format!(
            "{name}: {} windows within {percent} %, {least} to {most} B per transaction kept",
            disks.len()
        );
        checks.check("the disk is flat", percent <= GROWTH_PERCENT_MAX, &seen);
    }
}

async fn missing(url: &str, hashes: &[Value]) -> Result<usize> {
    let mut node = Node::new(url)?;
    let mut missing = 0;
    for part in hashes.chunks(500) {
        let receipts: Vec<Value> = node.batch("eth_getTransactionReceipt", part).await?;
        missing += receipts.iter().filter(|receipt| receipt.is_null()).count();
    }
    Ok(missing)
}

/// Old blocks are told from unknown ones, and their headers stay.
async fn old(client: &mut Node, name: &str, checks: &mut Checks) -> Result<()> {
    let one = U64::from(2);
    let header: Value = client.call("eth_getHeaderByNumber", json!([one])).await?;
    let pruned = client.try_call::<Value>("eth_getBlockReceipts", json!([one])).await?;
    let beyond =
        client.try_call::<Value>("eth_getBlockReceipts", json!([U64::from(1 << 40)])).await?;
    let code = pruned.as_ref().err().map(|refusal| refusal.code);
    let holds = header["number"] == "0x2"
        && code == Some(PRUNED)
        && beyond.is_ok_and(|answer| answer.is_null());
    let seen = format!("{name}: header {}, receipts {pruned:?}", header["number"]);
    checks.check("what was deleted is told from what never was", holds, &seen);
    Ok(())
}
