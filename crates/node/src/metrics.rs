//! The node's metrics. Gauges are filled when `/metrics` is read; the RPC server registers its own
//! families in the same registry. `docs/en/operations.md` has them all, and the shipped alarms in
//! `deploy/prometheus` use them.

use std::{
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::Instant,
};

use ledger_api::StandingState;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{family::Family, gauge::Gauge},
    registry::{Metric, Registry},
};

use crate::{
    blocks::BlockMetrics,
    config::PoolConfig,
    health::{Observation, Reason, StoreHealth},
    server::now_ms,
};

/// Content type of what [`NodeMetrics::render`] returns.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StoreLabel {
    store: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OrganisationLabel {
    org: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
    organisation: String,
}

type Seconds = Gauge<f64, AtomicU64>;

/// Families of the node itself.
#[derive(Clone, Debug, Default)]
pub struct NodeMetrics {
    node: NodeFamilies,
    chain: ChainFamilies,
    consensus: ConsensusFamilies,
    storage: StorageFamilies,
    pool: PoolFamilies,
    blocks: BlockMetrics,
    /// When this process began to run.
    started: Arc<OnceLock<Instant>>,
}

#[derive(Clone, Debug, Default)]
struct NodeFamilies {
    build: Family<BuildLabels, Gauge>,
    start_time: Seconds,
    ready: Gauge,
    connections: Arc<Gauge>,
    peers: Family<OrganisationLabel, Gauge>,
    peers_connected: Gauge,
}

#[derive(Clone, Debug, Default)]
struct ChainFamilies {
    height: Gauge,
    block_time: Seconds,
}

#[derive(Clone, Debug, Default)]
struct ConsensusFamilies {
    finalized: Gauge,
    epoch: Gauge,
    view: Gauge,
    voting: Gauge,
    abstaining: Gauge,
    quorum: Gauge,
    stalled: Gauge,
    evidence: Gauge,
    divergences: Gauge,
    validators: Family<StateLabel, Gauge>,
    standing: Family<StateLabel, Gauge>,
    leader: Family<OrganisationLabel, Gauge>,
    vote_age: Family<OrganisationLabel, Seconds>,
    ahead: Family<OrganisationLabel, Seconds>,
    others_ahead: Seconds,
}

#[derive(Clone, Debug, Default)]
struct StorageFamilies {
    disk_free: Gauge,
    disk_warning: Gauge,
    disk_reserve: Gauge,
    write_failed: Gauge,
    sets_given_up: Gauge,
    heights: Family<StoreLabel, Gauge>,
    lags: Family<StoreLabel, Gauge>,
}

#[derive(Clone, Debug, Default)]
struct PoolFamilies {
    transactions: Family<StateLabel, Gauge>,
    transactions_max: Gauge,
    bytes: Gauge,
    bytes_max: Gauge,
}

impl NodeMetrics {
    /// Registers every family.
    pub fn register(registry: &mut Registry, organisation: &str) -> Self {
        let metrics = Self::default();
        let label =
            BuildLabels { version: env!("CARGO_PKG_VERSION"), organisation: organisation.into() };
        metrics.node.build.get_or_create(&label).set(1);
        metrics.node.start_time.set(now_ms() as f64 / 1_000.0);
        let _ = metrics.started.set(Instant::now());
        metrics.node.register(registry);
        metrics.chain.register(registry);
        metrics.consensus.register(registry);
        metrics.storage.register(registry);
        metrics.pool.register(registry);
        metrics.blocks.register(registry);
        metrics
    }

    /// Open connections to the RPC port.
    pub fn connections(&self) -> Arc<Gauge> {
        self.node.connections.clone()
    }

    /// Families about blocks.
    pub fn blocks(&self) -> BlockMetrics {
        self.blocks.clone()
    }

    /// Limits that alarms compare with.
    pub fn set_limits(&self, pool: &PoolConfig) {
        self.pool.transactions_max.set(count(pool.transactions_max));
        self.pool.bytes_max.set(count(pool.bytes_max));
    }

    /// Takes over what was seen.
    pub fn update(&self, seen: Option<&Observation>, store: &StoreHealth, reasons: &[Reason]) {
        self.node.ready.set(i64::from(reasons.is_empty()));
        self.storage.update_disk(store);
        let Some(seen) = seen else { return };
        self.node.update(seen);
        self.chain.height.set(number(seen.head_number));
        self.chain.block_time.set(seen.head_time_ms as f64 / 1_000.0);
        self.consensus.update(seen, self.age_ms());
        self.storage.update_stores(seen);
        self.pool.update(seen);
    }

    fn age_ms(&self) -> u64 {
        let age = self.started.get().map(Instant::elapsed).unwrap_or_default();
        u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
    }

    /// The registry as text.
    pub fn render(registry: &Registry) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, registry);
        text
    }
}

/// Registers a clone: clones share their values.
fn add(registry: &mut Registry, name: &str, help: &str, metric: &(impl Metric + Clone)) {
    registry.register(name, help, metric.clone());
}

impl NodeFamilies {
    fn register(&self, registry: &mut Registry) {
        add(registry, "heqi_build_info", "Release and organisation", &self.build);
        add(
            registry,
            "heqi_node_start_timestamp_seconds",
            "When this process began, seconds since the Unix epoch",
            &self.start_time,
        );
        add(registry, "heqi_node_ready", "1 where /readyz answers 200", &self.ready);
        let connections: &Gauge = &self.connections;
        add(registry, "heqi_rpc_connections", "Open connections to the RPC port", connections);
        add(
            registry,
            "heqi_p2p_peers",
            "1 where the organisation's validator is connected",
            &self.peers,
        );
        add(registry, "heqi_p2p_peers_connected", "Connected peers", &self.peers_connected);
    }

    fn update(&self, seen: &Observation) {
        self.peers_connected.set(count(seen.peers));
        // Organisations that left the set must not keep their last value.
        self.peers.clear();
        for (organisation, connected) in &seen.validators {
            self.peers.get_or_create(&org(organisation)).inc_by(i64::from(*connected));
        }
    }
}

impl ChainFamilies {
    fn register(&self, registry: &mut Registry) {
        add(registry, "heqi_chain_height", "Newest block that all stores hold", &self.height);
        add(
            registry,
            "heqi_chain_last_block_timestamp_seconds",
            "Time of the newest block, seconds since the Unix epoch",
            &self.block_time,
        );
    }
}

impl ConsensusFamilies {
    fn register(&self, registry: &mut Registry) {
        let mut gauge = |name: &str, help: &str, gauge: &Gauge| add(registry, name, help, gauge);
        gauge("heqi_consensus_finalized_height", "Newest height known final", &self.finalized);
        gauge("heqi_consensus_epoch", "Current epoch", &self.epoch);
        gauge("heqi_consensus_round", "Current view in the epoch", &self.view);
        gauge("heqi_consensus_voting", "1 where this node votes", &self.voting);
        gauge(
            "heqi_consensus_abstaining",
            "1 where this validator abstains, as it does not know what its key signed before",
            &self.abstaining,
        );
        gauge("heqi_consensus_quorum", "Votes needed", &self.quorum);
        gauge("heqi_consensus_stalled", "1 where no block came for too long", &self.stalled);
        gauge("heqi_consensus_evidence", "Pairs of conflicting votes kept", &self.evidence);
        gauge(
            "heqi_consensus_divergence_reports",
            "Reports about blocks whose execution here differed",
            &self.divergences,
        );
        let validators = &self.validators;
        add(registry, "heqi_consensus_validators", "Validators by connection", validators);
        add(
            registry,
            "heqi_consensus_standing",
            "1 for the word that says whether the ledger advances, and if not, why",
            &self.standing,
        );
        add(
            registry,
            "heqi_consensus_leader",
            "1 for the organisation that leads the current view",
            &self.leader,
        );
        add(
            registry,
            "heqi_consensus_vote_age_seconds",
            "Age of the validator's last vote; since this process began where none was seen",
            &self.vote_age,
        );
        add(
            registry,
            "heqi_consensus_clock_ahead_seconds",
            "Clock of the validator less the own one, less the delay of its blocks",
            &self.ahead,
        );
        add(
            registry,
            "heqi_consensus_others_ahead_seconds",
            "Median clock of the others less the own one, less the delay of their blocks",
            &self.others_ahead,
        );
    }

    fn update(&self, seen: &Observation, age_ms: u64) {
        self.finalized.set(number(seen.finalized_height));
        self.epoch.set(number(seen.epoch));
        self.view.set(number(seen.view));
        self.voting.set(i64::from(seen.voting));
        self.abstaining.set(i64::from(seen.abstaining_until.is_some()));
        self.quorum.set(count(seen.quorum));
        self.stalled.set(i64::from(seen.stalled.is_some()));
        self.evidence.set(count(seen.evidence_count));
        self.divergences.set(count(seen.divergence_count));
        let connected = seen.validators_connected();
        set_state(&self.validators, "connected", connected);
        set_state(&self.validators, "absent", seen.validators.len() - connected);
        for state in STANDINGS {
            set_state(&self.standing, state.name(), usize::from(state == seen.standing));
        }
        self.leader.clear();
        self.vote_age.clear();
        self.ahead.clear();
        for (organisation, _) in &seen.validators {
            let leads = seen.leader.as_ref() == Some(organisation);
            self.leader.get_or_create(&org(organisation)).set(i64::from(leads));
        }
        for other in &seen.others {
            let label = org(&other.organisation);
            let vote_ms = other.last_vote_ms.unwrap_or(age_ms);
            self.vote_age.get_or_create(&label).set(vote_ms as f64 / 1_000.0);
            if let Some(ahead_ms) = other.ahead_ms {
                self.ahead.get_or_create(&label).set(ahead_ms as f64 / 1_000.0);
            }
        }
        self.others_ahead.set(seen.others_ahead_ms.unwrap_or(0) as f64 / 1_000.0);
    }
}

/// Every word of `heqi_consensus_standing`.
const STANDINGS: [StandingState; 8] = [
    StandingState::Advancing,
    StandingState::Idle,
    StandingState::CatchingUp,
    StandingState::NoQuorum,
    StandingState::VotesMissing,
    StandingState::OwnClock,
    StandingState::Storage,
    StandingState::Unknown,
];

impl StorageFamilies {
    fn register(&self, registry: &mut Registry) {
        let mut gauge = |name: &str, help: &str, gauge: &Gauge| add(registry, name, help, gauge);
        gauge("heqi_storage_disk_free_bytes", "Bytes free on the data volume", &self.disk_free);
        gauge(
            "heqi_storage_disk_warning_bytes",
            "Free space below which the node warns",
            &self.disk_warning,
        );
        gauge(
            "heqi_storage_disk_reserve_bytes",
            "Free space below which the node stops",
            &self.disk_reserve,
        );
        gauge(
            "heqi_storage_write_failed",
            "1 where the last test write failed",
            &self.write_failed,
        );
        gauge(
            "heqi_storage_sets_given_up",
            "Sets of state and consensus stores given up, damaged or too old, since the folder was made",
            &self.sets_given_up,
        );
        add(registry, "heqi_storage_height", "Newest height in the store", &self.heights);
        add(
            registry,
            "heqi_storage_lag_blocks",
            "Blocks that the store is behind what consensus knows final",
            &self.lags,
        );
    }

    fn update_disk(&self, store: &StoreHealth) {
        self.disk_free.set(number(store.free_bytes.unwrap_or(0)));
        self.disk_warning.set(number(store.limits.warning_bytes));
        self.disk_reserve.set(number(store.limits.reserve_bytes));
        self.write_failed.set(i64::from(store.write_error.is_some()));
    }

    fn update_stores(&self, seen: &Observation) {
        self.sets_given_up.set(number(seen.store_sets_given_up));
        for (store, height, lag) in seen.heights.lags() {
            self.heights.get_or_create(&StoreLabel { store }).set(number(height));
            self.lags.get_or_create(&StoreLabel { store }).set(number(lag));
        }
    }
}

impl PoolFamilies {
    fn register(&self, registry: &mut Registry) {
        add(
            registry,
            "heqi_txpool_transactions",
            "Transactions that wait, by state",
            &self.transactions,
        );
        let mut gauge = |name: &str, help: &str, gauge: &Gauge| add(registry, name, help, gauge);
        gauge("heqi_txpool_transactions_max", "Transactions that may wait", &self.transactions_max);
        gauge("heqi_txpool_bytes", "Encoded bytes of what waits", &self.bytes);
        gauge("heqi_txpool_bytes_max", "Encoded bytes that may wait", &self.bytes_max);
    }

    fn update(&self, seen: &Observation) {
        set_state(&self.transactions, "pending", seen.pool_pending);
        set_state(&self.transactions, "queued", seen.pool_queued);
        self.bytes.set(count(seen.pool_bytes));
    }
}

fn set_state(family: &Family<StateLabel, Gauge>, state: &'static str, value: usize) {
    family.get_or_create(&StateLabel { state }).set(count(value));
}

fn org(organisation: &str) -> OrganisationLabel {
    OrganisationLabel { org: organisation.into() }
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn count(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use ledger_api::StoreHeights;

    use super::*;
    use crate::health::Other;

    #[test]
    fn names_and_values_are_as_documented() {
        let mut registry = Registry::default();
        let metrics = NodeMetrics::register(&mut registry, "Bank \"A\"");
        let seen = Observation {
            head_number: 7,
            head_time_ms: 1_500,
            validators: vec![("A".into(), true), ("B".into(), false)],
            pool_pending: 3,
            leader: Some("B".into()),
            others: vec![
                Other { organisation: "B".into(), last_vote_ms: Some(2_500), ahead_ms: Some(-40) },
                Other { organisation: "C".into(), ..Other::default() },
            ],
            heights: StoreHeights { consensus: 9, chain: 7, ..StoreHeights::default() },
            standing: StandingState::NoQuorum,
            evidence_count: 2,
            divergence_count: 3,
            abstaining_until: Some((1, 2)),
            store_sets_given_up: 4,
            ..Observation::default()
        };
        let store = StoreHealth { free_bytes: Some(9), ..StoreHealth::default() };
        metrics.update(Some(&seen), &store, &[]);
        let text = NodeMetrics::render(&registry);
        for line in [
            "heqi_chain_height 7",
            "heqi_chain_last_block_timestamp_seconds 1.5",
            "heqi_txpool_transactions{state=\"pending\"} 3",
            "heqi_p2p_peers{org=\"A\"} 1",
            "heqi_p2p_peers{org=\"B\"} 0",
            "heqi_consensus_validators{state=\"absent\"} 1",
            "heqi_storage_disk_free_bytes 9",
            "heqi_node_ready 1",
            "heqi_storage_disk_reserve_bytes 134217728",
            "heqi_consensus_leader{org=\"A\"} 0",
            "heqi_consensus_leader{org=\"B\"} 1",
            "heqi_consensus_vote_age_seconds{org=\"B\"} 2.5",
            "heqi_consensus_vote_age_seconds{org=\"C\"} 0.",
            "heqi_consensus_clock_ahead_seconds{org=\"B\"} -0.04",
            "heqi_consensus_standing{state=\"no_quorum\"} 1",
            "heqi_consensus_standing{state=\"idle\"} 0",
            "heqi_consensus_evidence 2",
            "heqi_consensus_divergence_reports 3",
            "heqi_consensus_abstaining 1",
            "heqi_storage_sets_given_up 4",
            "heqi_storage_lag_blocks{store=\"chain\"} 2",
            "heqi_storage_height{store=\"chain\"} 7",
            "organisation=\"Bank \\\"A\\\"\"} 1",
        ] {
            assert!(text.contains(line), "{line} not in\n{text}");
        }
        assert!(!text.contains("heqi_consensus_clock_ahead_seconds{org=\"C\"}"), "{text}");
        let validators = vec![("A".into(), true)];
        let left = Observation { validators, others: Vec::new(), ..seen };
        metrics.update(Some(&left), &store, &[]);
        assert!(!NodeMetrics::render(&registry).contains("org=\"B\""));
    }
}
