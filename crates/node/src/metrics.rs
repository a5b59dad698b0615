//! The node's metrics. Gauges are filled when `/metrics` is read; the RPC server registers its own
//! families in the same registry.

use std::sync::{Arc, atomic::AtomicU64};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::health::{Observation, Reason, StoreHealth};

/// Content type of what [`NodeMetrics::render`] returns.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
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

/// Families of the node itself.
#[derive(Clone, Debug, Default)]
pub struct NodeMetrics {
    build: Family<BuildLabels, Gauge>,
    height: Gauge,
    block_time: Gauge<f64, AtomicU64>,
    finalized: Gauge,
    epoch: Gauge,
    view: Gauge,
    voting: Gauge,
    validators: Family<StateLabel, Gauge>,
    quorum: Gauge,
    pool: Family<StateLabel, Gauge>,
    peers: Family<OrganisationLabel, Gauge>,
    peers_connected: Gauge,
    disk_free: Gauge,
    ready: Gauge,
    connections: Arc<Gauge>,
}

impl NodeMetrics {
    /// Registers every family.
    pub fn register(registry: &mut Registry, organisation: &str) -> Self {
        let metrics = Self::default();
        metrics
            .build
            .get_or_create(&BuildLabels {
                version: env!("CARGO_PKG_VERSION"),
                organisation: organisation.into(),
            })
            .set(1);
        let mut gauge = |name: &str, help: &str, gauge: &Gauge| {
            registry.register(name, help, gauge.clone());
        };
        gauge("heqi_chain_height", "Newest block that all stores hold", &metrics.height);
        gauge("heqi_consensus_finalized_height", "Newest height known final", &metrics.finalized);
        gauge("heqi_consensus_epoch", "Current epoch", &metrics.epoch);
        gauge("heqi_consensus_round", "Current view in the epoch", &metrics.view);
        gauge("heqi_consensus_voting", "1 where this node votes", &metrics.voting);
        gauge("heqi_consensus_quorum", "Votes needed", &metrics.quorum);
        gauge("heqi_p2p_peers_connected", "Connected peers", &metrics.peers_connected);
        gauge("heqi_storage_disk_free_bytes", "Bytes free on the data volume", &metrics.disk_free);
        gauge("heqi_node_ready", "1 where /readyz answers 200", &metrics.ready);
        gauge("heqi_rpc_connections", "Open connections to the RPC port", &metrics.connections);
        registry.register(
            "heqi_chain_last_block_timestamp_seconds",
            "Time of the newest block, seconds since the Unix epoch",
            metrics.block_time.clone(),
        );
        registry.register("heqi_build_info", "Release and organisation", metrics.build.clone());
        registry.register(
            "heqi_consensus_validators",
            "Validators of the epoch by connection",
            metrics.validators.clone(),
        );
        registry.register(
            "heqi_txpool_transactions",
            "Transactions that wait, by state",
            metrics.pool.clone(),
        );
        registry.register(
            "heqi_p2p_peers",
            "1 where the organisation's validator is connected",
            metrics.peers.clone(),
        );
        metrics
    }

    /// Open connections to the RPC port.
    pub fn connections(&self) -> Arc<Gauge> {
        self.connections.clone()
    }

    /// Takes over what was seen.
    pub fn update(&self, seen: Option<&Observation>, store: &StoreHealth, reasons: &[Reason]) {
        self.ready.set(i64::from(reasons.is_empty()));
        self.disk_free.set(number(store.free_bytes.unwrap_or(0)));
        let Some(seen) = seen else { return };
        self.height.set(number(seen.head_number));
        self.block_time.set(seen.head_time_ms as f64 / 1000.0);
        self.finalized.set(number(seen.finalized_height));
        self.epoch.set(number(seen.epoch));
        self.view.set(number(seen.view));
        self.voting.set(i64::from(seen.voting));
        self.quorum.set(number(seen.quorum as u64));
        self.peers_connected.set(number(seen.peers as u64));
        let connected = seen.validators_connected();
        let absent = seen.validators.len() - connected;
        for (family, state, count) in [
            (&self.validators, "connected", connected),
            (&self.validators, "absent", absent),
            (&self.pool, "pending", seen.pool_pending),
            (&self.pool, "queued", seen.pool_queued),
        ] {
            family.get_or_create(&StateLabel { state }).set(number(count as u64));
        }
        // Organisations that left the set must not keep their last value.
        self.peers.clear();
        for (organisation, connected) in &seen.validators {
            let label = OrganisationLabel { org: organisation.clone() };
            self.peers.get_or_create(&label).inc_by(i64::from(*connected));
        }
    }

    /// The registry as text.
    pub fn render(registry: &Registry) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, registry);
        text
    }
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_as_documented() {
        let mut registry = Registry::default();
        let metrics = NodeMetrics::register(&mut registry, "Bank \"A\"");
        let seen = Observation {
            head_number: 7,
            head_time_ms: 1_500,
            validators: vec![("A".into(), true), ("B".into(), false)],
            pool_pending: 3,
            ..Observation::default()
        };
        let store = StoreHealth { free_bytes: Some(9), write_error: None };
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
            "organisation=\"Bank \\\"A\\\"\"} 1",
        ] {
            assert!(text.contains(line), "{line} not in\n{text}");
        }
        let left = Observation { validators: vec![("A".into(), true)], ..seen };
        metrics.update(Some(&left), &store, &[]);
        assert!(!NodeMetrics::render(&registry).contains("org=\"B\""));
    }
}
