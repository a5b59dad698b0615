//! What a seed means: the network, the work, the liars and the faults.

use std::time::Duration;

use commonware_p2p::simulated::Link;
use commonware_utils::probability;
use types::Parameters;

use crate::{byzantine::Lie, machine::DiskOperation, random::Random, wires::Quality};

/// Heights that every seed reaches.
pub const HEIGHTS_MIN: u64 = 200;
/// Transactions that every seed makes final.
pub const TRANSACTIONS_MIN: u64 = 2_000;
/// Faults that must really have struck in every seed.
pub const FIRED_MIN: u64 = 3;
/// Accounts that send.
pub const ACCOUNTS: u64 = 40;
/// Sizes of networks, each as often as it is drawn: large ones cost more and show little that small
/// ones do not.
const SIZES: [u64; 20] = [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 7, 7, 7, 10];
/// Number of the first account that sends.
pub const FIRST_ACCOUNT: u64 = 100;

/// A fault, with how long it lasts in simulated milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nodes die and come back.
    Crash { count: usize, down_ms: u64 },
    /// All nodes die and come back.
    CrashAll { down_ms: u64 },
    /// The whole data centre loses power: what was not synced is lost or torn.
    PowerCut,
    /// Some nodes hear nobody and nobody hears them.
    Isolation { count: usize, lasts_ms: u64 },
    /// Two halves, neither with a quorum.
    Halves { lasts_ms: u64 },
    /// Some nodes hear, but are not heard.
    Mute { count: usize, lasts_ms: u64 },
    /// Messages are lost, doubled and overtaken.
    Wires { quality: Quality, lasts_ms: u64 },
    /// All links are slow and uneven.
    Delay { latency_ms: u64, jitter_ms: u64, lasts_ms: u64 },
    /// Disks fail, once each.
    Disk { count: usize, operation: DiskOperation, after: u64, lasts_ms: u64 },
    /// Disks are slow.
    SlowDisk { count: usize, sync_ms: u64, lasts_ms: u64 },
    /// Clocks are wrong.
    Clock { count: usize, offset_ms: i64, lasts_ms: u64 },
}

impl Fault {
    /// Its name in summaries.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::CrashAll { .. } => "crash of all",
            Self::PowerCut => "power cut",
            Self::Isolation { .. } => "isolation",
            Self::Halves { .. } => "halves",
            Self::Mute { .. } => "mute",
            Self::Wires { .. } => "bad wires",
            Self::Delay { .. } => "delay",
            Self::Disk { .. } => "disk failure",
            Self::SlowDisk { .. } => "slow disk",
            Self::Clock { .. } => "wrong clock",
        }
    }

    /// How long it lasts.
    pub const fn lasts(&self) -> Duration {
        Duration::from_millis(match self {
            Self::Crash { down_ms, .. } | Self::CrashAll { down_ms } => *down_ms,
            Self::PowerCut => 0,
            Self::Isolation { lasts_ms, .. }
            | Self::Halves { lasts_ms }
            | Self::Mute { lasts_ms, .. }
            | Self::Wires { lasts_ms, .. }
            | Self::Delay { lasts_ms, .. }
            | Self::Disk { lasts_ms, .. }
            | Self::SlowDisk { lasts_ms, .. }
            | Self::Clock { lasts_ms, .. } => *lasts_ms,
        })
    }
}

/// A change of the validators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A spare node takes a validator's place.
    Replace,
    /// A spare node joins the validators.
    Add,
    /// A validator leaves.
    Remove,
}

/// Something that happens when the chain reaches a height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A fault begins.
    Fault(Fault),
    /// The admin asks for other validators.
    Validators(Change),
}

/// Everything that a seed fixes.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The seed.
    pub seed: u64,
    /// Validators of epoch 0: nodes 0 to `validators - 1`.
    pub validators: u64,
    /// Nodes that only follow at first, after the validators.
    pub spares: u64,
    /// Rhythm and epochs.
    pub parameters: Parameters,
    /// Latency and jitter of links without faults, milliseconds.
    pub link_ms: (u64, u64),
    /// Validators that lie from the start.
    pub liars: Vec<(u64, Lie)>,
    /// By height, ascending.
    pub events: Vec<(u64, Event)>,
    /// Blocks that must become final.
    pub heights: u64,
    /// Transactions to send, all of which must become final.
    pub transactions: u64,
    /// Faults that must really strike.
    pub fired_min: u64,
    /// Transactions of one account under way at a time.
    pub window: u64,
}

/// What may be fixed in place of what the seed draws.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice {
    /// Validators of epoch 0.
    pub validators: Option<u64>,
    /// A single liar; `Some(None)` is nobody.
    pub liar: Option<Option<Lie>>,
    /// Whether the power is cut.
    pub power_cut: Option<bool>,
    /// A fifth of the work, for tests of one thing: it need not do what every seed must.
    pub short: bool,
}

/// Faulty validators that a set of `validators` tolerates.
pub const fn tolerated(validators: usize) -> usize {
    (validators - 1) / 3
}

impl Scenario {
    /// What `seed` means.
    pub fn of(seed: u64, choice: &Choice) -> Self {
        let mut random = Random::new(seed ^ 0x5eed_fa17);
        let random = &mut random;
        let drawn = *random.pick(&SIZES);
        let validators = choice.validators.unwrap_or(drawn);
        let parameters = Parameters {
            epoch_blocks: if choice.short { 12 } else { *random.pick(&[30, 50, 80]) },
            interval_min_ms: *random.pick(&[5, 20, 60]),
            interval_idle_ms: 60,
            trailing_blocks: 1_000,
            heartbeat_ms: 1_000,
            leader_timeout_ms: *random.pick(&[400, 600]),
            ..Parameters::default()
        };
        let link_ms = (random.between(1, 12), random.between(0, 3));
        let liars = liars(random, seed, validators, choice.liar);
        let shortened = if choice.short { 5 } else { 1 };
        let heights = HEIGHTS_MIN / shortened;
        let mut events = events(random, validators, choice.power_cut);
        events.iter_mut().for_each(|(height, _)| *height /= shortened);
        Self {
            seed,
            validators,
            spares: if random.chance(25) { 2 } else { 1 },
            parameters,
            link_ms,
            liars,
            events,
            heights,
            transactions: (TRANSACTIONS_MIN + random.between(20, 120)) / shortened,
            fired_min: if choice.short { 1 } else { FIRED_MIN },
            window: random.between(2, 6),
        }
    }
}

/// A link that loses nothing.
pub fn link((latency_ms, jitter_ms): (u64, u64)) -> Link {
    Link {
        latency: Duration::from_millis(latency_ms),
        jitter: Duration::from_millis(jitter_ms),
        success_rate: probability!(1.0),
    }
}

/// Every other seed has liars; the first of them takes the next lie in turn, so that so many seeds
/// in a row as there are lies, twice, have all of them.
fn liars(
    random: &mut Random,
    seed: u64,
    validators: u64,
    choice: Option<Option<Lie>>,
) -> Vec<(u64, Lie)> {
    let most = tolerated(usize::try_from(validators).expect("few"));
    let count = match choice {
        Some(None) => 0,
        Some(Some(_)) => 1,
        None if seed.is_multiple_of(2) => 1 + random.index(most),
        None => 0,
    };
    let numbers: Vec<u64> = (0..validators).collect();
    let chosen = random.sample(&numbers, count);
    let turn = usize::try_from(seed / 2 % Lie::ALL.len() as u64).expect("few");
    let mut lies = Vec::new();
    for number in chosen {
        let drawn = if lies.is_empty() { Lie::ALL[turn] } else { *random.pick(&Lie::ALL) };
        lies.push((number, choice.flatten().unwrap_or(drawn)));
    }
    lies
}

fn events(random: &mut Random, validators: u64, power_cut: Option<bool>) -> Vec<(u64, Event)> {
    let most = tolerated(usize::try_from(validators).expect("few"));
    let faults = random.between(4, 6);
    let step = (HEIGHTS_MIN - 30) / faults;
    let mut events: Vec<(u64, Event)> = (0..faults)
        .map(|index| {
            let height = 6 + index * step + random.between(0, step / 2);
            (height, Event::Fault(fault(random, most)))
        })
        .collect();
    for _ in 0..random.between(1, 2) {
        let change = *random.pick(&[Change::Replace, Change::Add, Change::Remove]);
        events.push((random.between(5, HEIGHTS_MIN - 80), Event::Validators(change)));
    }
    if power_cut.unwrap_or_else(|| random.chance(15)) {
        events.push((random.between(30, 170), Event::Fault(Fault::PowerCut)));
    }
    events.sort_by_key(|(height, _)| *height);
    events
}

fn fault(random: &mut Random, most: usize) -> Fault {
    let count = 1 + random.index(most);
    let lasts_ms = random.between(400, 3_000);
    match random.index(12) {
        0 | 1 => Fault::Crash { count, down_ms: lasts_ms },
        2 => Fault::CrashAll { down_ms: random.between(50, 1_000) },
        3 => Fault::Isolation { count, lasts_ms },
        4 => Fault::Halves { lasts_ms },
        5 => Fault::Mute { count, lasts_ms },
        6 | 7 => Fault::Wires { quality: quality(random), lasts_ms },
        8 => Fault::Delay {
            latency_ms: random.between(30, 200),
            jitter_ms: random.between(5, 60),
            lasts_ms,
        },
        9 => {
            use DiskOperation::{Read, Sync, Write};
            let operation = *random.pick(&[Read, Write, Write, Sync, Sync]);
            Fault::Disk { count, operation, after: random.between(0, 40), lasts_ms: 4_000 }
        }
        10 => Fault::SlowDisk { count, sync_ms: random.between(20, 300), lasts_ms },
        _ => {
            let size = *random.pick(&[30, 300, 3_000, 30_000]);
            let offset_ms = if random.chance(50) { size } else { -size };
            Fault::Clock { count, offset_ms, lasts_ms }
        }
    }
}

fn quality(random: &mut Random) -> Quality {
    Quality {
        loss_percent: random.between(0, 15),
        duplicate_percent: random.between(0, 15),
        reorder_percent: random.between(2, 15),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_means_one_scenario_and_seeds_cover_everything() {
        let mut names = BTreeSet::new();
        let mut sizes = BTreeSet::new();
        for seed in 0..400 {
            let scenario = Scenario::of(seed, &Choice::default());
            let again = Scenario::of(seed, &Choice::default());
            assert_eq!(format!("{scenario:?}"), format!("{again:?}"));
            sizes.insert(scenario.validators);
            let most = tolerated(usize::try_from(scenario.validators).unwrap());
            assert!(scenario.liars.len() <= most);
            names.extend(scenario.liars.iter().map(|(_, lie)| lie.name()));
            for (height, event) in &scenario.events {
                assert!(*height < HEIGHTS_MIN);
                if let Event::Fault(fault) = event {
                    names.insert(fault.name());
                }
            }
        }
        assert_eq!(sizes, [4, 7, 10].into());
        assert_eq!(names.len(), Lie::ALL.len() + 11, "{names:?}");
    }
}
