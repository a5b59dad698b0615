//! Calm and attack in turns, and what each attack cost.

use std::{
    future::Future,
    ops::Range,
    time::{Duration, Instant},
};

use eyre::{Result, eyre};
use load::distribution::Distribution;
use tokio::runtime::Runtime;

use super::{
    VICTIM,
    memory::{MEMORY_BYTES_MAX, Memory},
};
use crate::{
    checks::Checks,
    network::{NAMES, Network},
    raw_http,
    story::Story,
};

/// Times that an attack is repeated, with calm before, between and after.
const ROUNDS: usize = 3;
/// Length of each calm and of each attack.
const PHASE_TIME: Duration = Duration::from_secs(8);
/// How often the attacked node's health is asked for.
const HEALTH_INTERVAL: Duration = Duration::from_millis(500);
/// Longest wait for an answer about health.
const HEALTH_TIME_MAX: Duration = Duration::from_secs(2);
/// Finality under attack, in terms of the calm times around it.
const SLOWER_MAX: f64 = 2.0;
/// Niceness of the attackers. They have machines of their own elsewhere; here they must not take the
/// processors from those who measure.
const ATTACKER_NICENESS: i32 = 19;
/// Below this a 99th percentile says more about the machine than about the node, milliseconds.
const P99_FLOOR_MS: f64 = 200.0;

/// The network under attack and what was measured so far.
pub struct Phases<'a> {
    /// The network.
    pub network: &'a Network<'a>,
    attacks: &'a str,
    memory: Memory,
    measured: Vec<Measured>,
    attackers: Option<Runtime>,
}

/// One attack.
pub struct Measured {
    name: String,
    calm: Vec<Range<Instant>>,
    attack: Vec<Range<Instant>>,
    memory: Vec<u64>,
    health: Health,
    detail: String,
}

/// Answers to `/livez` and `/readyz` of the attacked node.
#[derive(Default)]
struct Health {
    asked: usize,
    failed: usize,
    slowest: Duration,
}

impl<'a> Phases<'a> {
    /// Begins to watch the memory of all nodes; only attacks whose name contains `attacks` are
    /// carried out.
    ///
    /// # Errors
    /// A node does not run.
    pub fn start(network: &'a Network<'a>, attacks: &'a str) -> Result<Self> {
        let pid = |node| network.pid(node)?.ok_or_else(|| eyre!("no process"));
        let pids: Result<Vec<u32>> = (0..NAMES.len()).map(pid).collect();
        let memory = Memory::watch(pids?);
        let attackers = Some(attackers()?);
        Ok(Self { network, attacks, memory, measured: Vec::new(), attackers })
    }

    /// Repeats an attack that goes on until it is dropped, or ends early, with calm in between.
    /// What the last one answered is shown.
    ///
    /// # Errors
    /// The attack itself could not be carried out.
    pub async fn alternate<F: Future<Output = Result<String>> + Send + 'static>(
        &mut self,
        name: &str,
        mut attack: impl FnMut(Duration) -> F,
    ) -> Result<()> {
        if !name.contains(self.attacks) {
            return Ok(());
        }
        let (mut calms, mut attacks) = (Vec::new(), Vec::new());
        let (mut health, mut detail) = (Health::default(), String::new());
        self.memory.take();
        calms.push(calm().await);
        for _ in 0..ROUNDS {
            let begin = Instant::now();
            let attackers = self.attackers.as_ref().ok_or_else(|| eyre!("it is over"))?;
            let attacked = attackers.spawn(attack(PHASE_TIME));
            let attacking = async {
                let ended = attacked.await?;
                // One that is over sooner leaves the node busy with what it sent.
                tokio::time::sleep(PHASE_TIME.saturating_sub(begin.elapsed())).await;
                ended
            };
            tokio::pin!(attacking);
            detail = loop {
                tokio::select! {
                    ended = &mut attacking => break ended?,
                    () = health.ask(self.network.rpc_port(VICTIM)) => {}
                }
            };
            attacks.push(begin..Instant::now());
            calms.push(calm().await);
        }
        let memory = self.memory.take();
        println!("  {name}: {detail}");
        let name = name.to_string();
        self.measured.push(Measured { name, calm: calms, attack: attacks, memory, health, detail });
        Ok(())
    }

    /// All attacks so far.
    pub fn finish(mut self) -> Vec<Measured> {
        // A runtime cannot be dropped where others wait.
        if let Some(attackers) = self.attackers.take() {
            attackers.shutdown_background();
        }
        self.measured
    }
}

/// Threads of the attackers; what they start has their niceness.
fn attackers() -> Result<Runtime> {
    let give_way = || {
        let _ = rustix::process::setpriority_process(None, ATTACKER_NICENESS);
    };
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    Ok(threads.worker_threads(2).on_thread_start(give_way).enable_all().build()?)
}

async fn calm() -> Range<Instant> {
    let begin = Instant::now();
    tokio::time::sleep(PHASE_TIME).await;
    begin..Instant::now()
}

impl Health {
    async fn ask(&mut self, port: u16) {
        tokio::time::sleep(HEALTH_INTERVAL).await;
        for path in ["/livez", "/readyz"] {
            let begin = Instant::now();
            let answer = tokio::time::timeout(HEALTH_TIME_MAX, raw_http::get(port, path)).await;
            self.asked += 1;
            self.slowest = self.slowest.max(begin.elapsed());
            let good = matches!(answer, Ok(Ok(answer)) if answer.status == 200);
            self.failed += usize::from(!good);
        }
    }
}

impl Measured {
    /// Compares attack and calm of this attack.
    pub fn judge(&self, story: &Story, (via, witness): (usize, usize), checks: &mut Checks) {
        let of = |windows: &[Range<Instant>]| {
            let each = windows.iter().flat_map(|window| story.times(window, &[via], witness));
            Distribution::of(each.collect())
        };
        let (calm, attack) = (of(&self.calm), of(&self.attack));
        let limit = SLOWER_MAX * calm.p99_ms.max(P99_FLOOR_MS / SLOWER_MAX);
        checks.check(
            &format!("{}: finality p99 below {SLOWER_MAX} × calm", self.name),
            attack.count > 0 && attack.p99_ms < limit,
            &format!(
                "p50 {:.0} ms, p99 {:.0} ms in {} samples; calm {:.0} ms, {:.0} ms in {}; longest \
                 gaps {}; calm {}",
                attack.p50_ms,
                attack.p99_ms,
                attack.count,
                calm.p50_ms,
                calm.p99_ms,
                calm.count,
                gaps(story, &self.attack, witness),
                gaps(story, &self.calm, witness)
            ),
        );
        let most = self.memory.iter().max().copied().unwrap_or_default();
        let memory: Vec<u64> = self.memory.iter().map(|bytes| bytes >> 20).collect();
        checks.check(
            &format!("{}: memory below {} MiB", self.name, MEMORY_BYTES_MAX >> 20),
            most > 0 && most < MEMORY_BYTES_MAX,
            &format!("at most {memory:?} MiB by node"),
        );
        let Health { asked, failed, slowest } = &self.health;
        checks.check(
            &format!("{}: the node tells its health", self.name),
            *asked > 0 && *failed == 0,
            &format!("{failed} of {asked} unanswered, slowest {slowest:.1?}; {}", self.detail),
        );
    }
}

/// Longest time without a block in each of these times: tells one stumble from a slow node.
fn gaps(story: &Story, windows: &[Range<Instant>], witness: usize) -> String {
    let gaps = windows.iter().map(|window| story.longest_gap(window, witness).as_secs_f64());
    gaps.map(|seconds| format!("{seconds:.1}")).collect::<Vec<_>>().join(" ") + " s"
}
