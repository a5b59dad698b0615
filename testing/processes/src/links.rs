//! Real faults of network, clock and disk: four nodes, each in a network namespace, under a steady
//! load. Each fault lasts a minute; what it does and how long the network needs afterwards is
//! measured and printed, and nothing may be lost or decided twice.

mod faults;
mod nodes;
mod shim;
mod switch;
mod wires;

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use eyre::Result;
use load::distribution::Distribution;

use crate::{
    checks::{BAD_WORDS, Checks},
    clock::until,
    network::NAMES,
    program::Program,
    steady::Steady,
    story::{SETTLED_FOR, Story},
    watching::Watch,
};
use faults::{FAULTS, Fault, OBSERVER};
use nodes::Nodes;
use wires::{NODES, Wires};

/// Transactions per second through all nodes together.
const RATE_PER_SECOND: u32 = 50;
/// Time before a fault, for comparison.
const CALM_TIME: Duration = Duration::from_secs(15);
/// What the network gets to recover while the load goes on.
const AFTER_TIME: Duration = Duration::from_secs(45);
/// What is still under way when the load ends has to be final on all nodes within this.
const REST_TIME: Duration = Duration::from_secs(60);
/// After the start of a partition a block that was nearly final may still become final.
const UNDER_WAY_TIME: Duration = Duration::from_secs(3);

/// All checks of this group; each fault lasts `fault_time`.
///
/// # Errors
/// The nodes do not start or do not answer.
pub async fn run(program: &Program, fault_time: Duration, checks: &mut Checks) -> Result<()> {
    if let Some(reason) = wires::missing() {
        checks.not_run("faults of network, clock and disk", &reason);
        return Ok(());
    }
    let wires = match Wires::lay() {
        Ok(wires) => wires,
        Err(error) => {
            checks.not_run("faults of network, clock and disk", &format!("{error:#}"));
            return Ok(());
        }
    };
    let mut nodes = Nodes::start(program, wires).await?;
    let mut table = vec![heading()];
    for (number, fault) in FAULTS.iter().enumerate() {
        let seed = 100 + number as u64;
        table.push(suffer(&mut nodes, fault, fault_time, seed, checks).await?);
    }
    no_evidence(&nodes, checks).await?;
    let stopped = nodes.stop().await;
    checks.check("all nodes stop in good order", stopped == NODES, &format!("{stopped} of 4"));
    let total: usize = (0..NODES).map(|node| bad_words(&nodes.log(node))).sum();
    checks.check("no defect in the logs", total == 0, &format!("{total} lines"));
    print(&table);
    Ok(())
}

/// When a fault began and ended.
struct Times {
    calm: Range<Instant>,
    fault: Range<Instant>,
    end: Instant,
}

async fn suffer(
    nodes: &mut Nodes,
    fault: &Fault,
    fault_time: Duration,
    seed: u64,
    checks: &mut Checks,
) -> Result<Vec<String>> {
    println!(" {}", fault.name);
    let fired_before = (fault.fired)(nodes)?;
    let urls: Vec<(usize, String)> = (0..NODES).map(|node| (node, nodes.url(node))).collect();
    let mut watches = Vec::new();
    for (_, url) in &urls {
        watches.push(Watch::start(url).await?);
    }
    let load = Steady::start(&urls, RATE_PER_SECOND, seed);
    let start = Instant::now();
    tokio::time::sleep(CALM_TIME).await;
    let begin = Instant::now();
    (fault.begin)(nodes)?;
    tokio::time::sleep(fault_time).await;
    let warned = warnings(nodes).await;
    (fault.end)(nodes)?;
    let healed = Instant::now();
    tokio::time::sleep(AFTER_TIME).await;
    let times = Times { calm: start..begin, fault: begin..healed, end: Instant::now() };
    let fired = (fault.fired)(nodes)? - fired_before;
    checks.check("the fault was there", fired > 0, &format!("{fired} {}", fault.unit));
    let story = ended(load, watches).await?;
    safety(nodes, &story, checks);
    liveness(fault, &story, &times, checks);
    println!("        warnings during it: {warned}");
    Ok(row(fault, &story, &times))
}

/// Stops the load, waits for what is still under way, and puts everything together.
async fn ended(load: Steady, watches: Vec<Watch>) -> Result<Story> {
    let sendings = load.finish().await?;
    // A block is visible once it is final, so level heights at rest mean that all is read.
    let level = async || {
        let heights: Vec<u64> = watches.iter().map(Watch::height).collect();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let later: Vec<u64> = watches.iter().map(Watch::height).collect();
        (later == heights && heights.iter().all(|height| *height == heights[0])).then_some(())
    };
    // Where they are not level, the checks say what is missing.
    let _ = until(REST_TIME, level).await;
    let mut seen = Vec::new();
    for watch in watches {
        seen.push(watch.finish().await?);
    }
    Ok(Story::new(sendings, seen))
}

fn safety(nodes: &mut Nodes, story: &Story, checks: &mut Checks) {
    let forks = story.forks();
    let heights: Vec<u64> = story.seen.iter().map(|seen| newest(seen)).collect();
    let same = forks.is_empty() && heights.iter().all(|height| *height > 0);
    checks.check(
        "one chain: hash and roots of each block are the same on all nodes",
        same,
        &format!("up to {heights:?}, different at {forks:?}"),
    );
    let lost = story.missing();
    let failed: usize = story.seen.iter().flatten().map(|seen| seen.failed).sum();
    let count = story.sendings.accepted.len();
    checks.check(
        "every accepted transaction has a receipt on all nodes",
        count > 0 && failed == 0 && lost.iter().all(|lost| *lost == 0),
        &format!("{count} accepted, missing by node {lost:?}, failed {failed}"),
    );
    let running = (0..NODES).filter(|node| nodes.runs(*node)).count();
    checks.check("all nodes still run", running == NODES, &format!("{running} of 4"));
}

fn newest(seen: &[crate::watching::Seen]) -> u64 {
    seen.last().map_or(0, |seen| seen.block.number.to())
}

fn liveness(fault: &Fault, story: &Story, times: &Times, checks: &mut Checks) {
    let fault_name = fault.name;
    let healed = times.fault.end;
    if fault.stands {
        let settled = times.fault.start + UNDER_WAY_TIME..healed;
        let blocks: usize = (0..NODES).map(|node| story.blocks(&settled, node)).sum();
        checks.check("no half decides alone", blocks == 0, &format!("{blocks} blocks"));
    } else {
        let gap = story.longest_gap(&times.fault, OBSERVER);
        checks.check(
            &format!("the network goes on: no gap above {:?}", fault.gap_max),
            gap <= fault.gap_max,
            &format!("longest {gap:.1?}"),
        );
    }
    let settled = story.settled(healed);
    checks.check(
        &format!("finality as before within {:?} after it", fault.recovery_max),
        settled.is_some_and(|time| time <= fault.recovery_max),
        &format!("{} ({fault_name})", shown(settled)),
    );
    let level: Vec<Option<Duration>> = (0..NODES).map(|node| story.level(healed, node)).collect();
    checks.check(
        &format!("all nodes are level within {:?} after it", fault.recovery_max),
        level.iter().all(|time| time.is_some_and(|time| time <= fault.recovery_max)),
        &level.iter().map(|time| shown(*time)).collect::<Vec<_>>().join(", "),
    );
}

fn shown(time: Option<Duration>) -> String {
    match time {
        Some(time) => format!("{:.1} s", time.as_secs_f64()),
        None => format!("not within {} s", (AFTER_TIME - SETTLED_FOR).as_secs()),
    }
}

/// What `/readyz?verbose` of each node says besides `ready`.
async fn warnings(nodes: &Nodes) -> String {
    let mut all = Vec::new();
    for (node, name) in NAMES.iter().enumerate() {
        let seen = nodes.readiness(node).await.unwrap_or_default();
        let of = |key: &str| {
            let list = seen[key].as_array().cloned().unwrap_or_default();
            let texts = list.iter().map(|one| one["reason"].as_str().unwrap_or("?").to_string());
            texts.collect::<Vec<_>>()
        };
        let found = [of("reasons"), of("warnings")].concat();
        if !found.is_empty() {
            all.push(format!("{name}: {}", found.join(", ")));
        }
    }
    if all.is_empty() { "none".into() } else { all.join("; ") }
}

/// Faults are no lies: no honest node may look like a liar.
async fn no_evidence(nodes: &Nodes, checks: &mut Checks) -> Result<()> {
    let mut pairs = 0;
    for node in 0..NODES {
        let answer: serde_json::Value =
            nodes.client(node)?.call("heqi_evidence", serde_json::json!([])).await?;
        pairs += answer["evidence"].as_array().or(answer.as_array()).map_or(0, Vec::len);
    }
    checks.check("no node is accused of anything", pairs == 0, &format!("{pairs} pairs of votes"));
    Ok(())
}

fn bad_words(log: &str) -> usize {
    let bad = |line: &&str| {
        BAD_WORDS.iter().any(|bad| line.contains(bad)) || line.contains("\"level\":\"error\"")
    };
    log.lines().filter(bad).inspect(|line| println!("        {line}")).count()
}

fn heading() -> Vec<String> {
    let columns = [
        "fault",
        "before p50",
        "p99",
        "during p50",
        "p99",
        "longest gap",
        "next block",
        "settled",
        "level",
        "accepted",
        "refused",
    ];
    columns.map(str::to_string).to_vec()
}

fn row(fault: &Fault, story: &Story, times: &Times) -> Vec<String> {
    let of = |window: &Range<Instant>| story.latencies(window, fault.vias, OBSERVER);
    let (calm, during) = (of(&times.calm), of(&times.fault));
    let healed = times.fault.end;
    let milliseconds = |value: f64| format!("{value:.0} ms");
    let during = match fault.stands {
        true => Distribution::default(),
        false => during,
    };
    let measured = |value: f64| match during.count {
        0 => "–".to_string(),
        _ => milliseconds(value),
    };
    let slowest = (0..NODES).map(|node| story.level(healed, node)).max_by_key(|time| match time {
        Some(time) => *time,
        None => Duration::MAX,
    });
    let gap = story.longest_gap(&times.fault, OBSERVER);
    let next = story.next_block(healed, OBSERVER);
    let (refused, most) = story.refused();
    if refused > 0 {
        println!("        refusals: {most}");
    }
    let after = story.latencies(&(healed..times.end), fault.vias, OBSERVER);
    println!("        after it: p50 {:.0} ms, p99 {:.0} ms", after.p50_ms, after.p99_ms);
    vec![
        fault.name.to_string(),
        milliseconds(calm.p50_ms),
        milliseconds(calm.p99_ms),
        measured(during.p50_ms),
        measured(during.p99_ms),
        format!("{:.1} s", gap.as_secs_f64()),
        shown(next),
        shown(story.settled(healed)),
        shown(slowest.flatten()),
        story.sendings.accepted.len().to_string(),
        refused.to_string(),
    ]
}

fn print(table: &[Vec<String>]) {
    println!("\n  {RATE_PER_SECOND} transactions per second; latency from due to final elsewhere");
    for line in table {
        println!("  | {} |", line.join(" | "));
    }
    println!();
}
