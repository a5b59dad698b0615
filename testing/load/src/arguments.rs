//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use eyre::{Result, bail, ensure};
use serde::Serialize;

use crate::{
    absent::SETTLED_AFTER, holders::HOLDERS_MAX, phase::Settings, senders::Pace, workload::Workload,
};

/// Longest phase (s): a week.
const SECONDS_MAX: u64 = 7 * 24 * 3_600;
/// Most blocks of a long chain.
const BLOCKS_MAX: u64 = 10_000_000;
/// Most transactions signed before the clock starts: about 0.5 kB each in memory.
const SIGNED_MAX: usize = 10_000_000;
/// Signed ahead in phases that sign while they run (transactions).
const AHEAD: usize = 50_000;
/// Most senders: each has a key in memory and its nonce is compared after each phase.
const SENDERS_MAX: u64 = 100_000;
/// Signatures of one second, on all processors, for the estimate of the time (careful).
const SIGNATURES_PER_SECOND: f64 = 12_000.0;
/// Checks, drain and yardsticks around a phase (s).
const AROUND_PHASE_S: f64 = 8.0;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Closed loop, one transaction per request.
    Single,
    /// Closed loop, a batch per request.
    Batched,
    /// Open loop at a fixed rate, one transaction per request.
    Open,
    /// Open loop in which one node is killed.
    Absent,
    /// Open loop without and with readers beside it.
    Reads,
    /// One transaction after a time of rest.
    Idle,
    /// Open loop at a share of the measured peak, for a long time.
    Sustained,
    /// A long chain of small blocks.
    Long,
    /// What a node answers while nothing else happens: calls, blocks, logs, receipts.
    Questions,
}

/// Phases that run when none are named.
const STANDARD: [Phase; 6] =
    [Phase::Single, Phase::Batched, Phase::Open, Phase::Absent, Phase::Reads, Phase::Idle];
const QUICK: [Phase; 2] = [Phase::Single, Phase::Open];
/// Kinds of transactions when none are named; the first is that of phases that run once.
const WORKLOADS: [Workload; 4] =
    [Workload::Erc20, Workload::Native, Workload::Store2, Workload::Validators];

/// Load on a network through its JSON-RPC, and what it costs. See testing/load/README.md.
#[derive(Clone, Debug, Parser)]
#[command(name = "load")]
pub struct Arguments {
    /// Start a network with this heqi binary and take it down at the end.
    #[arg(long, conflicts_with = "rpc")]
    pub devnet: Option<PathBuf>,
    /// JSON-RPC addresses of a network that already runs.
    #[arg(long, value_delimiter = ',')]
    pub rpc: Vec<String>,
    /// Run anvil with 1 s blocks under the same client afterwards.
    #[arg(long)]
    pub anvil: Option<PathBuf>,
    /// Validators of the network; further numbers are networks that run single, batched and open.
    #[arg(long, value_delimiter = ',', default_values_t = [4])]
    pub validators: Vec<usize>,
    /// Least time between two blocks (ms), if not the default.
    #[arg(long)]
    pub interval_ms: Option<u64>,
    /// About a minute: two phases of 10 s, 1,000 holders.
    #[arg(long)]
    pub quick: bool,
    /// What to measure, in this order.
    #[arg(long, value_enum, value_delimiter = ',')]
    phases: Vec<Phase>,
    /// Kinds of transactions. Single runs with each of them, the other phases with the first.
    #[arg(long = "workload", value_enum, value_delimiter = ',')]
    workloads: Vec<Workload>,
    /// Length of each phase (s) [default: 60; quick: 10].
    #[arg(long)]
    seconds: Option<u64>,
    /// Token holders [default: 10000; quick: 1000].
    #[arg(long)]
    accounts: Option<u64>,
    /// How many of them send; the others only receive and have no keys [default: at most 10000].
    #[arg(long)]
    senders: Option<u64>,
    /// Most balances compared on each node after a phase.
    #[arg(long, default_value_t = 20_000)]
    pub check: usize,
    /// Transactions outstanding in the closed loop.
    #[arg(long, default_value_t = 2000)]
    pub depth: usize,
    /// The same for anvil, which is fastest at another depth than a network.
    #[arg(long, default_value_t = 2000)]
    pub anvil_depth: usize,
    /// Transactions per request in the batched phase.
    #[arg(long, default_value_t = 50)]
    pub batch: usize,
    /// Transactions per second in the open loop.
    #[arg(long, default_value_t = 1000.0)]
    pub rate: f64,
    /// Most transactions signed beforehand for a closed-loop phase, per second of its length
    /// [default: 6000; one validator: 15000].
    #[arg(long)]
    sign_rate: Option<usize>,
    /// Connections to each node.
    #[arg(long, default_value_t = 8)]
    pub connections: usize,
    /// Pause between looks for a new block (ms).
    #[arg(long, default_value_t = 5)]
    pub poll_ms: u64,
    /// Rounds of the idle phase.
    #[arg(long, default_value_t = 10)]
    pub idle_rounds: usize,
    /// Rest before each of them (s).
    #[arg(long, default_value_t = 30)]
    pub idle_seconds: u64,
    /// When the absent phase kills a node (s) [default: a third of the phase].
    #[arg(long)]
    kill_second: Option<u64>,
    /// Readers of the reads phase, each with one question at a time.
    #[arg(long, default_value_t = 4)]
    pub readers: usize,
    /// Length of the sustained phase (s).
    #[arg(long, default_value_t = 3600)]
    pub sustained_seconds: u64,
    /// Share of the peak that it sends.
    #[arg(long, default_value_t = 0.5)]
    pub share: f64,
    /// The peak (tx/s) [default: what single has shown before it].
    #[arg(long)]
    pub peak: Option<f64>,
    /// Blocks of the long phase, and those that the questions phase makes first.
    #[arg(long, default_value_t = 10_000)]
    pub blocks: u64,
    /// Transactions outstanding in the long phase.
    #[arg(long, default_value_t = 20)]
    pub long_depth: usize,
    /// Transactions sent at once for the full block of the questions phase.
    #[arg(long, default_value_t = 4_000)]
    pub crowd: usize,
    /// Repeats a run.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Write the figures as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Write pictures (SVG) into this folder.
    #[arg(long)]
    pub pictures: Option<PathBuf>,
}

impl Arguments {
    /// Refuses what cannot be run, before anything is started.
    ///
    /// # Errors
    /// Says what is wrong with which option.
    pub fn check(&self) -> Result<()> {
        let within = |name: &str, value: u64, low: u64, high: u64| {
            ensure!(
                (low..=high).contains(&value),
                "--{name} is {value}, allowed are {low} to {high}"
            );
            Ok(())
        };
        within("seconds", self.seconds(), 1, SECONDS_MAX)?;
        within("sustained-seconds", self.sustained_seconds, 1, SECONDS_MAX)?;
        within("accounts", self.accounts(), 1, HOLDERS_MAX)?;
        within("senders", self.senders(), 1, SENDERS_MAX.min(self.accounts()))?;
        within("blocks", self.blocks, 100, BLOCKS_MAX)?;
        within("depth", self.depth as u64, 1, 1_000_000)?;
        within("anvil-depth", self.anvil_depth as u64, 1, 1_000_000)?;
        within("long-depth", self.long_depth as u64, 1, 1_000_000)?;
        within("batch", self.batch as u64, 1, self.depth as u64)?;
        within("connections", self.connections as u64, 1, 1_000)?;
        within("readers", self.readers as u64, 1, 1_000)?;
        if self.phases().contains(&Phase::Questions) {
            within("crowd", self.crowd as u64, 1, self.senders())?;
        }
        within("poll-ms", self.poll_ms, 1, 1_000)?;
        within("check", self.check as u64, 2, 1_000_000)?;
        for validators in &self.validators {
            within("validators", *validators as u64, 1, 16)?;
        }
        for (name, value) in
            [("rate", Some(self.rate)), ("share", Some(self.share)), ("peak", self.peak)]
        {
            if value.is_some_and(|value| !(value.is_finite() && value > 0.0)) {
                bail!("--{name} has to be above 0");
            }
        }
        self.check_phases()
    }

    fn check_phases(&self) -> Result<()> {
        if self.devnet.is_none() && self.rpc.is_empty() && self.anvil.is_none() {
            bail!("name a network: --devnet PATH_TO_HEQI, --rpc URL[,URL…] or --anvil PATH");
        }
        let asked = |phase| self.phases().contains(&phase);
        let first = self.validators.first().copied().unwrap_or(0);
        if !self.phases.is_empty() && asked(Phase::Absent) && (self.devnet.is_none() || first < 4) {
            bail!("absent needs --devnet with at least 4 validators");
        }
        if asked(Phase::Absent) && self.kill_at() + SETTLED_AFTER >= self.window() {
            bail!(
                "absent needs more than {SETTLED_AFTER:?} after the death at {:?}: raise --seconds",
                self.kill_at()
            );
        }
        if asked(Phase::Sustained) && self.peak.is_none() {
            let phases = self.phases();
            let single = phases.iter().position(|phase| *phase == Phase::Single);
            let sustained = phases.iter().position(|phase| *phase == Phase::Sustained);
            ensure!(
                single.is_some() && single < sustained,
                "sustained needs the phase single before it, or --peak"
            );
        }
        let most = self.sign_rate(1).saturating_mul(self.seconds() as usize);
        let closed = asked(Phase::Single) || asked(Phase::Batched);
        if closed && most > SIGNED_MAX {
            bail!(
                "{most} transactions signed beforehand are too many: lower --seconds or --sign-rate"
            );
        }
        Ok(())
    }

    /// Phases of the first network.
    pub fn phases(&self) -> Vec<Phase> {
        match (self.phases.is_empty(), self.quick) {
            (false, _) => self.phases.clone(),
            (true, true) => QUICK.to_vec(),
            // without a network of four of our own nobody can be killed
            (true, false) => {
                let killable = self.devnet.is_some() && self.validators.first() >= Some(&4);
                STANDARD.into_iter().filter(|phase| killable || *phase != Phase::Absent).collect()
            }
        }
    }

    /// Phases of networks that are there for comparison.
    pub fn compared_phases(&self) -> Vec<Phase> {
        let compared = [Phase::Single, Phase::Batched, Phase::Open, Phase::Questions];
        self.phases().into_iter().filter(|phase| compared.contains(phase)).collect()
    }

    /// Kinds of transactions.
    pub fn workloads(&self) -> Vec<Workload> {
        match (self.workloads.is_empty(), self.quick) {
            (false, _) => self.workloads.clone(),
            (true, true) => vec![Workload::Erc20],
            (true, false) => WORKLOADS.to_vec(),
        }
    }

    fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 10 } else { 60 })
    }

    /// Length of a phase.
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.seconds())
    }

    /// Token holders.
    pub fn accounts(&self) -> u64 {
        self.accounts.unwrap_or(if self.quick { 1_000 } else { 10_000 })
    }

    /// Holders who send.
    pub fn senders(&self) -> u64 {
        self.senders.unwrap_or_else(|| self.accounts().min(10_000))
    }

    /// When the absent phase kills.
    pub fn kill_at(&self) -> Duration {
        Duration::from_secs(self.kill_second.unwrap_or(self.seconds() / 3))
    }

    fn sign_rate(&self, nodes: usize) -> usize {
        self.sign_rate.unwrap_or(if nodes == 1 { 15_000 } else { 6_000 })
    }

    /// Settings of a phase; `peak` is what single has shown.
    pub fn settings(
        &self,
        phase: Phase,
        workload: Workload,
        nodes: usize,
        peak: Option<f64>,
    ) -> Settings {
        let closed = Pace::Closed { depth: self.depth };
        let mut window = self.window();
        let mut sampling = Duration::from_millis(500);
        let (name, pace, batch) = match phase {
            Phase::Single | Phase::Idle => ("closed, single", closed, 1),
            Phase::Batched => ("closed, batched", closed, self.batch),
            Phase::Open | Phase::Reads => ("open", Pace::Open { rate: self.rate }, 1),
            Phase::Absent => ("open, one absent", Pace::Open { rate: self.rate }, 1),
            Phase::Sustained => {
                window = Duration::from_secs(self.sustained_seconds);
                let peak = self.peak.or(peak).unwrap_or(self.rate);
                ("sustained", Pace::Open { rate: peak * self.share }, 1)
            }
            Phase::Long | Phase::Questions => {
                window = Duration::from_secs(SECONDS_MAX);
                sampling = Duration::from_millis(200);
                ("long chain", Pace::Closed { depth: self.long_depth }, 1)
            }
        };
        let seconds = window.as_secs_f64();
        let signed = match (phase, pace) {
            (Phase::Long | Phase::Questions, _) => usize::MAX,
            (_, Pace::Closed { .. }) => self.sign_rate(nodes) * seconds as usize,
            (_, Pace::Open { rate }) => (rate * seconds).ceil() as usize,
        };
        let ahead = match phase {
            Phase::Long | Phase::Questions | Phase::Sustained => AHEAD,
            _ => signed,
        };
        Settings {
            name: name.to_owned(),
            workload,
            pace,
            batch,
            connections: self.connections,
            window,
            signed,
            ahead,
            poll: Duration::from_millis(self.poll_ms),
            sampling,
        }
    }

    /// About how long the run takes (s), without phases whose length nobody knows.
    pub fn estimate_s(&self) -> f64 {
        let first = self.validators.first().copied().unwrap_or(1);
        let mut total = 6.0;
        if self.devnet.is_some() || !self.rpc.is_empty() {
            total += self.estimate_network(&self.phases(), first, &self.workloads());
        }
        for nodes in self.validators.iter().skip(1).filter(|_| self.devnet.is_some()) {
            total += self.estimate_network(&self.compared_phases(), *nodes, &self.workloads());
        }
        if self.anvil.is_some() {
            let mut plain = self.workloads();
            plain.retain(|workload| workload.is_plain_ethereum());
            total += self.estimate_network(&self.compared_phases(), 4, &plain);
        }
        total
    }

    fn estimate_network(&self, phases: &[Phase], nodes: usize, workloads: &[Workload]) -> f64 {
        let seconds = self.seconds() as f64;
        let signing = |count: f64| count / SIGNATURES_PER_SECOND;
        let closed = seconds + AROUND_PHASE_S + signing(self.sign_rate(nodes) as f64 * seconds);
        let open = seconds + AROUND_PHASE_S + signing(self.rate * seconds);
        let of = |phase: &Phase| match phase {
            Phase::Single => closed * workloads.len() as f64,
            Phase::Batched => closed,
            Phase::Open => open,
            Phase::Absent => open + 10.0,
            Phase::Reads => 2.0 * open,
            Phase::Idle => 14.0 + self.idle_rounds as f64 * self.idle_seconds as f64,
            Phase::Sustained => self.sustained_seconds as f64 + AROUND_PHASE_S,
            Phase::Long | Phase::Questions => 0.0,
        };
        8.0 + self.accounts() as f64 / 10_000.0 + phases.iter().map(of).sum::<f64>()
    }
}

#[cfg(test)]
#[path = "arguments/tests.rs"]
mod tests;
