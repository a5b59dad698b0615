//! One seed, from genesis to the last check.

mod driver;
mod ending;
mod faults;
mod seats;
mod sending;

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use commonware_runtime::deterministic;
use tempfile::TempDir;

use self::driver::Driver;
use crate::{
    byzantine::{Forged, Sets},
    invariants::{Violation, broken},
    machine::{Files, Refusal, listen_to_refusals},
    network::temporary_folder,
    random::Random,
    scenario::{Choice, Scenario},
    witness::Witness,
};

/// Simulated time after which a run counts as stuck.
const RUN_MAX: Duration = Duration::from_secs(1_800);
/// Name under which a run fails that did not do what every run must do.
pub const HARNESS: &str = "harness";

/// What a seed came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Validators of epoch 0.
    pub validators: u64,
    /// Final blocks.
    pub heights: u64,
    /// Final transactions.
    pub transactions: u64,
    /// Epochs that ended.
    pub epochs: u64,
    /// Epochs that ended with other validators than they had.
    pub set_changes: u64,
    /// Faults that struck, by kind.
    pub fired: BTreeMap<&'static str, u64>,
    /// Rules for which honest nodes refused forged blocks.
    pub rules: BTreeSet<String>,
    /// Honest nodes that hold evidence against a liar, by lie.
    pub accused: BTreeMap<&'static str, BTreeSet<u64>>,
    /// What happened when, in words.
    pub timeline: Vec<String>,
    /// The invariant that broke.
    pub violation: Option<Violation>,
    /// Digest of everything that happened: equal for equal runs.
    pub digest: String,
}

/// What outlives a power cut: everything but the machines.
pub(crate) struct Progress {
    pub(crate) witness: Witness,
    pub(crate) fired: BTreeMap<&'static str, u64>,
    pub(crate) timeline: Vec<String>,
    /// What nodes refused.
    pub(crate) refusals: Vec<Refusal>,
    /// Rules for which honest nodes refused forged blocks.
    pub(crate) rules: BTreeSet<String>,
    /// Honest nodes that hold evidence against a liar, by lie.
    pub(crate) accused: BTreeMap<&'static str, BTreeSet<u64>>,
    /// Position of the next event.
    pub(crate) next_event: usize,
    /// Next nonce of each account.
    pub(crate) next_nonce: BTreeMap<u64, u64>,
    /// What the admin sent, by nonce.
    pub(crate) admin: Vec<(alloy_primitives::Bytes, alloy_primitives::B256)>,
    pub(crate) random: Random,
    /// What is on the disks, but for the chain stores.
    pub(crate) files: Files,
    /// The validators of each epoch.
    pub(crate) sets: Sets,
    /// Blocks that liars forged.
    pub(crate) forged: Forged,
    /// Lives of each node so far.
    pub(crate) lives: BTreeMap<u64, u64>,
}

/// Why a life of the whole network ended.
pub(crate) enum Ending {
    Done,
    PowerCut,
    Failed(Violation),
}

/// Runs a seed.
pub fn run_seed(seed: u64, choice: &Choice) -> Outcome {
    listen_to_refusals();
    let scenario = Scenario::of(seed, choice);
    let mut progress = Progress {
        witness: Witness::default(),
        fired: BTreeMap::new(),
        timeline: vec![format!("{scenario:?}")],
        refusals: Vec::new(),
        rules: BTreeSet::new(),
        accused: BTreeMap::new(),
        next_event: 0,
        next_nonce: BTreeMap::new(),
        admin: Vec::new(),
        random: Random::new(seed.rotate_left(17) ^ 0x5151),
        files: Files::default(),
        sets: Sets::default(),
        forged: Forged::default(),
        lives: BTreeMap::new(),
    };
    let run = AssertUnwindSafe(|| run_lives(&scenario, &mut progress));
    let (ending, digest) = catch_unwind(run).unwrap_or_else(|reason| {
        let text = reason
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| reason.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default();
        (Ending::Failed(broken(HARNESS, format!("the run panicked: {text}"))), String::new())
    });
    let violation = match ending {
        Ending::Failed(violation) => Some(violation),
        Ending::Done | Ending::PowerCut => short_of(&scenario, &progress),
    };
    outcome(&scenario, progress, violation, digest)
}

/// Whether a run that broke nothing did enough to mean anything.
fn short_of(scenario: &Scenario, progress: &Progress) -> Option<Violation> {
    let fired: u64 = progress.fired.values().sum();
    let epochs = progress.witness.height() / scenario.parameters.epoch_blocks;
    let did = [
        ("faults struck", fired, scenario.fired_min),
        ("blocks became final", progress.witness.height(), scenario.heights),
        ("transactions became final", progress.witness.transactions(), scenario.transactions),
        ("epochs ended", epochs, 1),
    ];
    let (what, count, least) = did.into_iter().find(|(_, count, least)| count < least)?;
    Some(broken(HARNESS, format!("{count} {what}, {least} must")))
}

fn outcome(
    scenario: &Scenario,
    progress: Progress,
    violation: Option<Violation>,
    digest: String,
) -> Outcome {
    let witness = &progress.witness;
    let epoch_blocks = scenario.parameters.epoch_blocks;
    let sets: Vec<_> = witness
        .chain
        .iter()
        .filter(|canonical| (canonical.block.number() + 1).is_multiple_of(epoch_blocks))
        .map(|canonical| canonical.block.extension().next_validators_hash)
        .collect();
    let first = witness.chain.get(1).map(|block| block.block.extension().next_validators_hash);
    let before = first.into_iter().chain(sets.iter().copied());
    let set_changes = before.zip(&sets).filter(|(before, after)| before != *after).count();
    Outcome {
        seed: scenario.seed,
        validators: scenario.validators,
        heights: witness.height(),
        transactions: witness.transactions(),
        epochs: u64::try_from(sets.len()).unwrap_or(u64::MAX),
        set_changes: u64::try_from(set_changes).unwrap_or(u64::MAX),
        fired: progress.fired,
        rules: progress.rules,
        accused: progress.accused,
        timeline: progress.timeline,
        violation,
        digest,
    }
}

/// One life of the network after another, until the work is done or an invariant breaks.
fn run_lives(scenario: &Scenario, progress: &mut Progress) -> (Ending, String) {
    let folder = Arc::new(temporary_folder());
    let mut runner = deterministic::Runner::new(config(scenario));
    loop {
        let (life, folder) = (&mut *progress, Arc::clone(&folder));
        let ((ending, digest), checkpoint) =
            runner.start_and_recover(move |context| live(context, scenario, life, folder));
        match ending {
            Ending::PowerCut => {
                progress.files.tear(&mut progress.random);
                runner = deterministic::Runner::from(checkpoint);
            }
            ended => return (ended, format!("{digest}{:016x}", progress.files.digest())),
        }
    }
}

fn config(scenario: &Scenario) -> deterministic::Config {
    deterministic::Config::new()
        .with_seed(scenario.seed)
        .with_timeout(Some(RUN_MAX))
        .with_catch_panics(true)
}

async fn live(
    context: deterministic::Context,
    scenario: &Scenario,
    progress: &mut Progress,
    folder: Arc<TempDir>,
) -> (Ending, String) {
    let auditor = context.auditor();
    let mut driver = Driver::open(context, scenario, progress, folder).await;
    let ending = match driver.run().await {
        Ok(ending) => ending,
        Err(violation) => Ending::Failed(violation),
    };
    driver.stop().await;
    (ending, auditor.state())
}
