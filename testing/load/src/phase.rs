//! One measured phase: sign, send, count, drain, check.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use eyre::Result;
use serde::Serialize;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, sleep_until},
};

use crate::{
    bench::Bench,
    board::{BlockSeen, Board, Sample},
    costs::{self, Cost, Snapshot},
    disk::{self, Stores},
    distribution::Distribution,
    machine,
    network::NodeEntry,
    readers::{self, Reading},
    sampler::{self, Sampler},
    senders::{self, Pace, Sending},
    settle::Verdict,
    stages::{self, Counters, Stages},
    stock::{self, Recipe, Stock},
    timeline::{self, Slopes, Timeline},
    workload::Workload,
};

const DRAIN_TIMEOUT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);
/// Time for the yardstick before and after a phase.
const YARDSTICK: Duration = Duration::from_millis(200);
/// Width of the windows of a sustained run (s).
const MINUTE_S: u64 = 60;

/// How a phase is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name in the report.
    pub name: String,
    /// What the transactions do.
    pub workload: Workload,
    /// Closed or open.
    pub pace: Pace,
    /// Transactions per request.
    pub batch: usize,
    /// Connections to each node.
    pub connections: usize,
    /// How long transactions are sent.
    pub window: Duration,
    /// Transactions signed at most.
    pub signed: usize,
    /// Transactions signed before the clock starts; the others by a thread of its own, so many ahead.
    pub ahead: usize,
    /// Pause of a receipt reader when there is no new block.
    pub poll: Duration,
    /// Time between two readings of processor time and memory.
    pub sampling: Duration,
}

/// What a phase showed.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Name of the phase.
    pub phase: String,
    /// What the transactions did.
    pub workload: Workload,
    /// Length of the window in which they were sent (s): shorter than asked for where the signed ones
    /// did not suffice.
    pub seconds: f64,
    /// Transactions per second asked for; nothing in a closed loop.
    pub offered_per_second: Option<f64>,
    /// Receipts with status 1 read within the window from another node.
    pub committed: usize,
    /// The same per second of the window.
    pub committed_per_second: f64,
    /// Sending to receipt on another node.
    pub finality: Distribution,
    /// Accepted, but without a receipt after the drain.
    pub lost: u64,
    /// Receipts with another status.
    pub failed: u64,
    /// Refusals and retries, with their text.
    pub refusals: BTreeMap<String, u64>,
    /// Whether every node holds what the receipts say.
    pub balances_agree: bool,
    /// What was compared.
    pub checked: Verdict,
    /// Blocks within the window.
    pub blocks: usize,
    /// Mean transactions of those that held any.
    pub transactions_per_block: f64,
    /// Per node, the client last.
    pub costs: Vec<Cost>,
    /// Processor time of all nodes together per counted transaction (µs).
    pub cpu_us_per_tx: Option<f64>,
    /// Growth of each store of a node per counted transaction, mean of the nodes (bytes).
    pub disk_bytes_per_tx: BTreeMap<String, f64>,
    /// Where the nodes say that their time went.
    pub stages: Option<Stages>,
    /// Recovery of a signer on one core right before and right after the phase (µs).
    pub recover_us: [f64; 2],
    /// The phase over time.
    pub timeline: Timeline,
    /// The phase by the minute, for phases of at least three minutes.
    pub minutes: Option<Timeline>,
    /// Change of the figures over those minutes.
    pub slopes: Option<Slopes>,
}

impl Outcome {
    /// Nothing lost, nothing failed, balances right, and something counted.
    pub const fn is_good(&self) -> bool {
        self.lost == 0 && self.failed == 0 && self.balances_agree && self.committed > 0
    }

    /// Processor time per transaction in signature recoveries of this machine at that time.
    pub fn cpu_in_recoveries(&self) -> Option<f64> {
        Some(self.cpu_us_per_tx? / ((self.recover_us[0] + self.recover_us[1]) / 2.0))
    }
}

/// Counters before a phase.
struct Before {
    /// Of each node, this client as the last.
    snapshots: Vec<(NodeEntry, Snapshot)>,
    stores: Vec<Option<Stores>>,
    counters: Vec<Option<Counters>>,
    recover_us: f64,
}

/// Everything that was noted in a phase.
pub struct Details {
    /// Receipts.
    pub samples: Vec<Sample>,
    /// Blocks.
    pub blocks: Vec<BlockSeen>,
    /// Processor time and memory.
    pub readings: Vec<sampler::Reading>,
}

/// A phase under way.
pub struct Running {
    /// What was asked for.
    pub settings: Settings,
    /// What happens.
    pub board: Arc<Board>,
    /// The senders' side.
    pub sending: Arc<Sending>,
    recipe: Recipe,
    stock: Arc<Stock>,
    permits: Arc<Semaphore>,
    senders: JoinSet<()>,
    readers: JoinSet<()>,
    sampler: Sampler,
    before: Before,
    began: Instant,
}

impl Running {
    /// Waits until nothing more is sent.
    pub async fn window(&self) {
        sleep_until((self.began + self.settings.window).into()).await;
    }
}

/// Signs and starts a phase.
///
/// # Errors
/// Transport while preparing.
pub async fn begin(bench: &mut Bench, settings: Settings) -> Result<Running> {
    let recipe = bench.recipe(settings.workload).await?;
    let stock = if settings.ahead < settings.signed {
        stock::sign_ahead(recipe.clone(), settings.signed, settings.ahead)?
    } else {
        Arc::new(stock::sign_all(&recipe, settings.signed)?)
    };
    let depth = match settings.pace {
        Pace::Closed { depth } => depth,
        Pace::Open { .. } => 0,
    };
    let permits = Arc::new(Semaphore::new(depth));
    let nodes = &bench.description.nodes;
    let urls: Vec<String> = nodes.iter().map(|node| node.rpc.clone()).collect();
    let before = Before {
        recover_us: machine::recover_us(YARDSTICK)?,
        stores: stores(nodes),
        counters: stages::scrape(nodes).await,
        snapshots: watched(nodes)
            .into_iter()
            .map(|node| {
                let snapshot = costs::snapshot(&node);
                (node, snapshot)
            })
            .collect(),
    };
    let began = Instant::now();
    let board = Arc::new(Board::new());
    let sampler = Sampler::start(nodes.clone(), board.clone(), settings.sampling);
    let reading = Reading { board: board.clone(), pause: settings.poll, permits: permits.clone() };
    let readers = readers::start(Arc::new(reading), &urls).await?;
    let sending = Arc::new(Sending {
        stock: stock.clone(),
        board: board.clone(),
        routes: (0..urls.len()).map(AtomicUsize::new).collect(),
        urls,
        pace: settings.pace,
        batch: settings.batch,
        connections: settings.connections,
        window: settings.window,
    });
    let senders = senders::start(&sending, &permits)?;
    Ok(Running {
        settings,
        board,
        sending,
        recipe,
        stock,
        permits,
        senders,
        readers,
        sampler,
        before,
        began,
    })
}

/// Ends a phase: waits for what is under way, reads the counters, compares the nodes.
///
/// # Errors
/// Transport while checking. What happened under load is in the outcome.
pub async fn end(bench: &mut Bench, mut running: Running) -> Result<(Outcome, Details)> {
    let sent_for = running.board.elapsed().min(running.settings.window);
    // from then on the client would be measured and not the network
    let sent_for = running.board.dry_since().map_or(sent_for, |dry| dry.min(sent_for));
    let seconds = sent_for.as_secs_f64();
    running.permits.close();
    running.stock.stop();
    drain(&running.board).await;
    running.board.stop();
    while running.senders.join_next().await.is_some() {}
    while running.readers.join_next().await.is_some() {}
    let total_seconds = running.began.elapsed().as_secs_f64();
    let readings = running.sampler.stop();
    let samples = running.board.samples();
    let counted = samples.len();
    let nodes = bench.description.nodes.clone();
    let costs = costs(&running.before, &readings, counted, total_seconds);
    let of_nodes = &costs[..costs.len() - 1];
    let cpu_us_per_tx = of_nodes.iter().map(|cost| cost.cpu_us_per_tx).sum::<Option<f64>>();
    let counters = stages::scrape(&nodes).await;
    let growth = disk::growth_per_node(&running.before.stores, &stores(&nodes));
    let per_tx = |bytes: f64| if counted == 0 { 0.0 } else { bytes / counted as f64 };
    let recover_us = [running.before.recover_us, machine::recover_us(YARDSTICK)?];
    let checked = bench.settle(&running.recipe, &running.board, &samples).await?;
    let window_us = (seconds * 1e6) as u64;
    let committed = samples.iter().filter(|sample| sample.seen_us <= window_us).count();
    let all_blocks = running.board.blocks();
    let blocks: Vec<usize> = all_blocks
        .iter()
        .filter(|block| block.at_us <= window_us)
        .map(|block| block.transactions)
        .collect();
    let full = blocks.iter().filter(|transactions| **transactions > 0).count();
    let minutes = (seconds >= 3.0 * MINUTE_S as f64)
        .then(|| timeline::cut(&samples, &readings, seconds, MINUTE_S));
    let outcome = Outcome {
        phase: running.settings.name.clone(),
        workload: running.settings.workload,
        seconds,
        offered_per_second: match running.settings.pace {
            Pace::Open { rate } => Some(rate),
            Pace::Closed { .. } => None,
        },
        committed,
        committed_per_second: committed as f64 / seconds,
        finality: Distribution::of(samples.iter().map(|sample| sample.latency()).collect()),
        lost: running.board.outstanding(),
        failed: running.board.failed(),
        refusals: running.board.refusals(),
        balances_agree: checked.agrees(),
        checked,
        blocks: blocks.len(),
        transactions_per_block: blocks.iter().sum::<usize>() as f64 / full.max(1) as f64,
        stages: stages::between(&running.before.counters, &counters, cpu_us_per_tx, counted),
        costs,
        cpu_us_per_tx,
        disk_bytes_per_tx: growth.into_iter().map(|(store, b)| (store, per_tx(b))).collect(),
        recover_us,
        timeline: timeline::cut(&samples, &readings, seconds, timeline::picture_width(seconds)),
        slopes: minutes.as_ref().and_then(Timeline::slopes),
        minutes,
    };
    Ok((outcome, Details { samples, blocks: all_blocks, readings }))
}

/// Of each node, the client last.
fn costs(
    before: &Before,
    readings: &[sampler::Reading],
    counted: usize,
    seconds: f64,
) -> Vec<Cost> {
    let one = |(number, (node, before)): (usize, &(NodeEntry, Snapshot))| {
        let used_us = sampler::processor_used(readings, number);
        costs::since(*before, node, used_us, counted, seconds)
    };
    before.snapshots.iter().enumerate().map(one).collect()
}

/// Runs one phase for its window.
///
/// # Errors
/// See [`begin`] and [`end`].
pub async fn run(bench: &mut Bench, settings: Settings) -> Result<Outcome> {
    let running = begin(bench, settings).await?;
    running.window().await;
    Ok(end(bench, running).await?.0)
}

/// The nodes, and this client as the last.
fn watched(nodes: &[NodeEntry]) -> Vec<NodeEntry> {
    let mut all = nodes.to_vec();
    all.push(costs::client());
    all
}

fn stores(nodes: &[NodeEntry]) -> Vec<Option<Stores>> {
    nodes.iter().map(|node| node.data.as_deref().map(disk::stores)).collect()
}

async fn drain(board: &Board) {
    let start = Instant::now();
    while board.outstanding() > 0 && start.elapsed() < DRAIN_TIMEOUT {
        sleep(PAUSE).await;
    }
}
