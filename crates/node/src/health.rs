//! Whether a node is ready, and why not. Pure: what was seen goes in, reasons come out.

use alloy_primitives::B256;
use ledger_api::{StandingState, StoreHeights};
use serde::Serialize;

use crate::disk::{DiskLevel, DiskLimits};

/// Blocks that this node may be behind what it knows to be final and still be ready.
pub const LAG_BLOCKS_MAX: u64 = 16;
/// Difference of clocks, milliseconds, above which operators are told. Connections tolerate 10 s;
/// from half of the default leader time-out on, views are lost.
pub const CLOCK_OFFSET_WARN_MS: i64 = 1_000;
/// Age of the head, in heartbeats, above which the ledger counts as standing still.
const STANDSTILL_HEARTBEATS: u64 = 4;

/// What is known of a running ledger at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// Newest block that all stores of this node hold.
    pub head_number: u64,
    /// Its time, milliseconds since the Unix epoch.
    pub head_time_ms: u64,
    /// Newest height that this node knows to be final.
    pub finalized_height: u64,
    /// Connected peers.
    pub peers: usize,
    /// Peers in the configuration.
    pub peers_configured: usize,
    /// Hash of block 0: nodes with another one refuse each other.
    pub genesis_hash: B256,
    /// Whether this node votes.
    pub voting: bool,
    /// Current epoch.
    pub epoch: u64,
    /// Current view in the epoch.
    pub view: u64,
    /// Validators: organisation, and whether connected (this node itself counts as connected).
    pub validators: Vec<(String, bool)>,
    /// Votes needed.
    pub quorum: usize,
    /// Why the ledger does not advance, where it does not.
    pub stalled: Option<String>,
    /// Transactions that can be executed next.
    pub pool_pending: usize,
    /// Transactions that wait for a lower nonce.
    pub pool_queued: usize,
    /// Encoded bytes of both.
    pub pool_bytes: usize,
    /// Organisation of the current view's leader.
    pub leader: Option<String>,
    /// What is known of each validator but this node itself.
    pub others: Vec<Other>,
    /// How far the clocks of the others are ahead of this node's, milliseconds: their median.
    pub others_ahead_ms: Option<i64>,
    /// How far each store is.
    pub heights: StoreHeights,
    /// Whether the ledger advances, and if not, why.
    pub standing: StandingState,
    /// Entries of evidence that this node keeps.
    pub evidence_count: usize,
    /// Divergence reports that this node keeps.
    pub divergence_count: usize,
    /// Epoch and view beyond which a block must be final before this validator votes again.
    pub abstaining_until: Option<(u64, u64)>,
    /// Sets of state and consensus stores given up since the folder was made.
    pub store_sets_given_up: u64,
}

/// Another validator, as this node sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Other {
    /// Its organisation.
    pub organisation: String,
    /// Age of its last vote, milliseconds; `None` if none was seen since start.
    pub last_vote_ms: Option<u64>,
    /// How far its clock seems ahead, milliseconds.
    pub ahead_ms: Option<i64>,
}

impl Observation {
    /// Validators that are connected.
    pub fn validators_connected(&self) -> usize {
        self.validators.iter().filter(|(_, connected)| *connected).count()
    }

    /// Organisations of the validators that are not connected.
    pub fn validators_missing(&self) -> impl Iterator<Item = &str> {
        let missing = self.validators.iter().filter(|(_, connected)| !connected);
        missing.map(|(organisation, _)| organisation.as_str())
    }

    /// Whether this node should have peers and has none.
    pub fn is_alone(&self) -> bool {
        self.peers == 0 && self.peers_configured > 0
    }
}

/// Where a node is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Opening stores.
    Starting,
    /// The ledger runs.
    Running,
    /// Asked to stop.
    Stopping,
}

/// What the store looked like when last tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreHealth {
    /// Bytes free, where known.
    pub free_bytes: Option<u64>,
    /// Why it could not be written.
    pub write_error: Option<String>,
    /// Bounds of the free space.
    pub limits: DiskLimits,
}

impl StoreHealth {
    /// How full the volume is.
    pub fn level(&self) -> DiskLevel {
        self.free_bytes.map_or(DiskLevel::Enough, |free_bytes| self.limits.level(free_bytes))
    }

    /// What is wrong with the disk, in words, if anything is.
    pub fn trouble(&self) -> Option<String> {
        if let Some(error) = &self.write_error {
            return Some(error.clone());
        }
        let free_bytes = self.free_bytes.filter(|_| self.level() != DiskLevel::Enough)?;
        Some(format!(
            "{} MiB free; the node stops below {} MiB",
            free_bytes >> 20,
            self.limits.reserve_bytes >> 20
        ))
    }
}

/// Why a node is not ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Stable word for programs.
    pub reason: &'static str,
    /// For people.
    pub detail: String,
}

/// All reasons against being ready; empty means ready.
pub fn reasons(
    phase: Phase,
    store: &StoreHealth,
    observation: Option<&Observation>,
    now_ms: u64,
    heartbeat_ms: u64,
) -> Vec<Reason> {
    let mut found = Vec::new();
    let mut add = |reason, detail| found.push(Reason { reason, detail });
    match phase {
        Phase::Starting => add("starting", "the ledger is being opened".into()),
        Phase::Stopping => add("stopping", "the node was asked to stop".into()),
        Phase::Running => {}
    }
    if let Some(error) = &store.write_error {
        add("store_not_writable", error.clone());
    }
    if let Some(seen) = observation {
        progress(seen, now_ms, heartbeat_ms, &mut add);
        if seen.is_alone() {
            add(
                "no_peers",
                format!(
                    "no peer accepts this node: check genesis hash {}, clocks, addresses",
                    seen.genesis_hash
                ),
            );
        }
        let connected = seen.validators_connected();
        if connected < seen.quorum {
            let missing: Vec<&str> = seen.validators_missing().collect();
            add(
                "too_few_peers",
                format!(
                    "{connected} of {} validators connected, {} needed; missing: {}",
                    seen.validators.len(),
                    seen.quorum,
                    missing.join(", ")
                ),
            );
        }
    } else if phase == Phase::Running {
        add("no_answer", "the ledger does not answer".into());
    }
    found
}

/// What an operator should look at although the node is ready.
pub fn warnings(store: &StoreHealth, observation: Option<&Observation>) -> Vec<Reason> {
    let mut found = Vec::new();
    let mut add = |reason, detail| found.push(Reason { reason, detail });
    if store.level() != DiskLevel::Enough
        && let Some(trouble) = store.trouble()
    {
        add("disk_low", trouble);
    }
    let Some(seen) = observation else { return found };
    let missing: Vec<&str> = seen.validators_missing().collect();
    if !missing.is_empty() {
        add("validators_missing", format!("not connected: {}", missing.join(", ")));
    }
    if let Some(ahead_ms) = seen.others_ahead_ms.filter(|ms| ms.abs() > CLOCK_OFFSET_WARN_MS) {
        add(
            "own_clock",
            format!("the other validators' clocks are {ahead_ms} ms ahead of this one"),
        );
    } else {
        for other in &seen.others {
            let Some(ahead_ms) = other.ahead_ms.filter(|ms| ms.abs() > CLOCK_OFFSET_WARN_MS) else {
                continue;
            };
            add("clock_offset", format!("{} is {ahead_ms} ms ahead", other.organisation));
        }
    }
    if let Some((store, blocks)) = seen.heights.behind() {
        add("store_behind", format!("{store} is {blocks} blocks behind consensus"));
    }
    if seen.evidence_count > 0 {
        let count = seen.evidence_count;
        add("evidence", format!("{count} pairs of conflicting votes, see heqi_evidence"));
    }
    if let Some((epoch, view)) = seen.abstaining_until {
        let beyond = match view {
            u64::MAX => format!("epoch {epoch}"),
            view => format!("view {view} of epoch {epoch}"),
        };
        add("abstaining", format!("no vote until a block beyond {beyond} is final"));
    }
    if seen.divergence_count > 0 {
        let count = seen.divergence_count;
        add("divergence", format!("{count} reports in the data folder's reports, see heqi doctor"));
    }
    found
}

fn progress(
    seen: &Observation,
    now_ms: u64,
    heartbeat_ms: u64,
    add: &mut impl FnMut(&'static str, String),
) {
    if let Some(cause) = &seen.stalled {
        add("stalled", cause.clone());
    }
    if seen.head_number == 0 {
        return add("syncing", "block 1 is not final on this node yet".into());
    }
    let behind = seen.finalized_height.saturating_sub(seen.head_number);
    if behind > LAG_BLOCKS_MAX {
        return add("syncing", format!("{behind} blocks behind, at block {}", seen.head_number));
    }
    let age_ms = now_ms.saturating_sub(seen.head_time_ms);
    if age_ms > heartbeat_ms.saturating_mul(STANDSTILL_HEARTBEATS) {
        add("syncing", format!("block {} is {} s old", seen.head_number, age_ms / 1000));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healthy() -> Observation {
        Observation {
            head_number: 20,
            head_time_ms: 1_000_000,
            finalized_height: 20,
            peers: 3,
            peers_configured: 3,
            quorum: 3,
            validators: (0..4).map(|n| (format!("Org {n}"), true)).collect(),
            ..Observation::default()
        }
    }

    fn words(observation: Option<&Observation>, now_ms: u64) -> Vec<&'static str> {
        let found = reasons(Phase::Running, &StoreHealth::default(), observation, now_ms, 15_000);
        found.into_iter().map(|reason| reason.reason).collect()
    }

    #[test]
    fn a_healthy_node_is_ready() {
        assert!(words(Some(&healthy()), 1_015_000).is_empty());
        let slightly_behind = Observation { finalized_height: 36, ..healthy() };
        assert!(words(Some(&slightly_behind), 1_000_000).is_empty());
    }

    #[test]
    fn each_reason_is_named() {
        assert_eq!(words(None, 0), ["no_answer"]);
        let at_genesis = Observation { head_number: 0, ..healthy() };
        assert_eq!(words(Some(&at_genesis), 1_000_000), ["syncing"]);
        let behind = Observation { finalized_height: 37, ..healthy() };
        assert_eq!(words(Some(&behind), 1_000_000), ["syncing"]);
        assert_eq!(words(Some(&healthy()), 1_060_001), ["syncing"]);
        let stalled = Observation { stalled: Some("no quorum".into()), ..healthy() };
        assert_eq!(words(Some(&stalled), 1_000_000), ["stalled"]);
        let alone = Observation { peers: 0, ..healthy() };
        assert_eq!(words(Some(&alone), 1_000_000), ["no_peers"]);
        let single = Observation { peers: 0, peers_configured: 0, ..healthy() };
        assert!(words(Some(&single), 1_000_000).is_empty(), "a network of one has no peers");
        for (phase, word) in [(Phase::Starting, "starting"), (Phase::Stopping, "stopping")] {
            let found = reasons(phase, &StoreHealth::default(), None, 0, 15_000);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].reason, word);
        }
        let store = StoreHealth { write_error: Some("read-only".into()), ..StoreHealth::default() };
        let found = reasons(Phase::Running, &store, Some(&healthy()), 1_000_000, 15_000);
        assert_eq!(found[0].reason, "store_not_writable");
    }

    #[test]
    fn a_ready_node_warns_of_what_will_hurt() {
        let store = StoreHealth { free_bytes: Some(1 << 40), ..StoreHealth::default() };
        assert!(warnings(&store, Some(&healthy())).is_empty());
        let low = StoreHealth { free_bytes: Some(300 << 20), ..StoreHealth::default() };
        let mut seen = healthy();
        seen.validators[2].1 = false;
        seen.others = vec![
            Other { organisation: "Org 1".into(), ahead_ms: Some(-40), ..Other::default() },
            Other { organisation: "Org 3".into(), ahead_ms: Some(2_500), ..Other::default() },
        ];
        seen.heights = StoreHeights { consensus: 99, chain: 20, history: 99, ..Default::default() };
        seen.heights.state = 99;
        seen.evidence_count = 2;
        seen.abstaining_until = Some((3, 128));
        seen.divergence_count = 1;
        let found = warnings(&low, Some(&seen));
        let words: Vec<&str> = found.iter().map(|warning| warning.reason).collect();
        let expected = [
            "disk_low",
            "validators_missing",
            "clock_offset",
            "store_behind",
            "evidence",
            "abstaining",
            "divergence",
        ];
        assert_eq!(words, expected);
        assert_eq!(found[0].detail, "300 MiB free; the node stops below 128 MiB");
        assert!(found[2].detail.contains("Org 3 is 2500 ms"), "{}", found[2].detail);
        assert!(found[3].detail.contains("chain is 79 blocks"), "{}", found[3].detail);
        assert!(found[5].detail.contains("beyond view 128 of epoch 3"), "{}", found[5].detail);
        let whole_epoch = Observation { abstaining_until: Some((4, u64::MAX)), ..healthy() };
        let found = warnings(&store, Some(&whole_epoch));
        assert_eq!(found[0].detail, "no vote until a block beyond epoch 4 is final");
        // Where most differ, it is this node that is wrong.
        let wrong = Observation { others_ahead_ms: Some(2_500), ..seen };
        assert_eq!(warnings(&store, Some(&wrong))[1].reason, "own_clock");
    }

    #[test]
    fn missing_organisations_are_named() {
        let mut seen = healthy();
        seen.validators[1].1 = false;
        assert!(words(Some(&seen), 1_000_000).is_empty(), "3 of 4 suffice");
        seen.validators[3].1 = false;
        let found =
            reasons(Phase::Running, &StoreHealth::default(), Some(&seen), 1_000_000, 15_000);
        assert_eq!(found[0].reason, "too_few_peers");
        assert!(found[0].detail.ends_with("missing: Org 1, Org 3"), "{}", found[0].detail);
    }
}
