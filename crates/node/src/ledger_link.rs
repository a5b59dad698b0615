//! The only place of this crate that starts a ledger and knows its handle.

use std::{
    net::{SocketAddr, ToSocketAddrs as _},
    num::NonZeroUsize,
    path::PathBuf,
    sync::Arc,
};

use alloy_primitives::B256;
use commonware_codec::DecodeExt as _;
use commonware_cryptography::ed25519::PrivateKey;
use crypto::NodeKey;
use futures::future::BoxFuture;
use ledger_api::Ledger;
use types::{Genesis, ValidatorKey};

use crate::{
    chain_list,
    config::{History, Join, PeerAddress, PoolConfig, RpcConfig},
    error::NodeError,
    health::{Observation, Other},
    server::{NodeState, Observe, Serving},
    stages,
    verification::{OfLedger, Verification},
};

/// Everything that a ledger needs to start. The runtime's own storage folder holds consensus and
/// state.
pub struct LedgerSettings {
    /// The genesis file.
    pub genesis: Genesis,
    /// Hash of block 0.
    pub genesis_hash: B256,
    /// This node's identity.
    pub node_key: NodeKey,
    /// Address that other nodes connect to.
    pub listen: SocketAddr,
    /// Where the other nodes are.
    pub peers: Vec<(ValidatorKey, PeerAddress)>,
    /// Folder of receipts and indexes.
    pub chain_folder: PathBuf,
    /// Folder of divergence reports.
    pub report_folder: PathBuf,
    /// How a node with an empty folder comes to the present.
    pub join: Join,
    /// How far back old state is kept.
    pub history: History,
    /// How many blocks keep body and receipts, `None` for all.
    pub retained_blocks: Option<u64>,
    /// Limits of the pool.
    pub pool: PoolConfig,
    /// Threads that execute, hash and check signatures.
    pub worker_threads: usize,
    /// Page cache, bytes.
    pub cache_bytes: usize,
}

/// A started ledger.
pub struct RunningLedger {
    /// What RPC, health and metrics see.
    pub ledger: Arc<dyn Ledger>,
    /// Resolves with the cause when a part of the ledger ends, whether asked to or not.
    pub ended: BoxFuture<'static, NodeError>,
    /// Metrics of the consensus library, OpenMetrics text.
    pub library_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Processor time by stage.
    pub stages: engine::StageTimes,
}

/// Start of the names of the ledger's partitions in the runtime's storage.
pub(crate) const PARTITION_PREFIX: &str = "ledger";
/// Of how many small pieces of work one is measured. A look at the clock of a thread takes half a
/// microsecond, and a transaction passes through some dozens of pieces on all nodes.
const STAGE_SAMPLE: u32 = 8;
/// Bytes of one page of the engine's cache.
const PAGE_BYTES: usize = 4_096;

/// Starts the ledger on the consensus runtime. It runs until `context` is stopped.
///
/// # Errors
/// A store cannot be opened, or a part refuses its settings.
pub async fn start(
    context: commonware_runtime::tokio::Context,
    settings: LedgerSettings,
) -> Result<RunningLedger, NodeError> {
    let config = engine_config(settings)?;
    let stages = config.stages.clone();
    let running = engine::start(context, config).await.map_err(not_started)?;
    let consensus = running.consensus;
    let ended = Box::pin(async move {
        match consensus.await {
            Ok(Ok(())) => NodeError::LedgerEnded("the consensus runtime was stopped".to_owned()),
            Ok(Err(reason)) => stopped(reason),
            Err(error) => NodeError::LedgerEnded(error.to_string()),
        }
    });
    Ok(RunningLedger { ledger: running.ledger, ended, library_metrics: running.metrics, stages })
}

fn not_started(error: engine::StartError) -> NodeError {
    match error {
        engine::StartError::UnknownActivation(_) => NodeError::UnknownActivation(error.to_string()),
        error => NodeError::LedgerStart(error.to_string()),
    }
}

/// Why the ledger cannot go on, as its operator sees it.
fn stopped(reason: engine::Stopped) -> NodeError {
    match reason {
        engine::Stopped::Diverged { .. } => NodeError::Diverged(reason.to_string()),
        engine::Stopped::UnknownActivation(_) => NodeError::UnknownActivation(reason.to_string()),
        engine::Stopped::NoThread { cause, .. } => {
            NodeError::SystemResource { action: "start a thread to execute a final block", cause }
        }
        reason => NodeError::LedgerEnded(reason.to_string()),
    }
}

fn engine_config(settings: LedgerSettings) -> Result<engine::Config, NodeError> {
    let mut peers = Vec::with_capacity(settings.peers.len());
    for (key, address) in &settings.peers {
        peers.push(engine::Peer { key: *key, address: resolve(address)? });
    }
    let seed = settings.node_key.secret();
    let identity = PrivateKey::decode(bytes::Bytes::copy_from_slice(&seed.expose()[..]))
        .map_err(|error| NodeError::LedgerStart(format!("node key: {error}")))?;
    Ok(engine::Config {
        genesis: settings.genesis,
        identity,
        listen: settings.listen,
        peers,
        storage_folder: Some(settings.chain_folder.with_file_name("consensus")),
        windows: engine::Windows::default(),
        chain_folder: settings.chain_folder,
        report_folder: settings.report_folder,
        chain_options: chain::ChainOptions {
            history_blocks: match settings.history {
                History::Blocks(blocks) => Some(blocks),
                History::Archive => None,
            },
            retained_blocks: settings.retained_blocks,
        },
        partition_prefix: PARTITION_PREFIX.into(),
        pool: pool::PoolConfig {
            transactions_max: settings.pool.transactions_max,
            bytes_max: settings.pool.bytes_max,
            lane_transactions_max: settings.pool.lane_transactions_max,
            nonce_gap_max: settings.pool.nonce_gap_max,
            ..pool::PoolConfig::default()
        },
        worker_threads: NonZeroUsize::new(settings.worker_threads).unwrap_or(NonZeroUsize::MIN),
        cache_pages: NonZeroUsize::new(settings.cache_bytes / PAGE_BYTES)
            .unwrap_or(NonZeroUsize::MIN),
        join: match settings.join {
            Join::Auto => engine::Join::Auto,
            Join::Replay => engine::Join::Replay,
            Join::StateSync => engine::Join::StateSync,
        },
        stages: engine::StageTimes::sampled(stages::thread_time, STAGE_SAMPLE),
        // Consortium nodes mostly speak over private networks; who may connect is decided by key.
        allow_private_addresses: true,
    })
}

/// The address to dial. Names are looked up once, at start.
fn resolve(address: &PeerAddress) -> Result<SocketAddr, NodeError> {
    match address {
        PeerAddress::Socket(address) => Ok(*address),
        PeerAddress::Name { host, port } => {
            let refused =
                |cause: String| NodeError::PeerName { host: host.clone(), port: *port, cause };
            let mut found = (host.as_str(), *port)
                .to_socket_addrs()
                .map_err(|error| refused(error.to_string()))?;
            found.next().ok_or_else(|| refused("the name has no address".into()))
        }
    }
}

/// Health and metrics of a running ledger.
struct LedgerObserver {
    ledger: Arc<dyn Ledger>,
    peers_configured: usize,
}

impl Observe for LedgerObserver {
    fn report_storage(&self, trouble: Option<String>) {
        self.ledger.report_storage(trouble);
    }

    fn observe(&self) -> BoxFuture<'_, Observation> {
        Box::pin(async {
            let head = self.ledger.head();
            let status = self.ledger.consensus_status().await;
            let pool = self.ledger.pool().status();
            let leader = status.leader.map(|key| self.ledger.validator_info(key).organisation);
            let others = others(&status);
            Observation {
                head_number: head.number,
                head_time_ms: head.time_ms,
                finalized_height: status.finalized_height,
                peers: self.ledger.peer_count(),
                peers_configured: self.peers_configured,
                genesis_hash: self.ledger.genesis_hash(),
                voting: status.voting,
                epoch: status.epoch,
                view: status.view,
                validators: status
                    .validators
                    .into_iter()
                    .map(|found| (found.validator.organisation, found.connected))
                    .collect(),
                quorum: status.quorum,
                stalled: status.stalled,
                pool_pending: pool.executable,
                pool_queued: pool.queued,
                pool_bytes: pool.bytes,
                leader,
                others,
                others_ahead_ms: status.others_ahead_ms,
                heights: status.heights,
                standing: status.standing.state,
                evidence_count: status.evidence_count,
                divergence_count: status.divergence_count,
                abstaining_until: status.abstaining_until,
                store_sets_given_up: status.store_sets_given_up,
            }
        })
    }
}

/// What is known of the validators but this node itself.
fn others(status: &ledger_api::ConsensusStatus) -> Vec<Other> {
    let others = status.validators.iter();
    let others = others.filter(|found| Some(found.validator.key) != status.own_key);
    others
        .map(|found| Other {
            organisation: found.validator.organisation.clone(),
            last_vote_ms: found.last_vote_ms,
            ahead_ms: found.clock.map(|clock| clock.median_ms),
        })
        .collect()
}

/// What the one port serves of `ledger`. Must be called inside the runtime that serves requests.
pub fn serving(
    running: &RunningLedger,
    config: &RpcConfig,
    verification: Verification,
    peers_configured: usize,
    state: &NodeState,
    stopping: tokio::sync::watch::Receiver<bool>,
) -> Serving {
    let ledger = running.ledger.clone();
    let metrics = state.with_registry(rpc::RpcMetrics::register);
    state.with_registry(|registry| stages::register(registry, running.stages.clone()));
    let heartbeat_ms = ledger.genesis().parameters.heartbeat_ms;
    let settings = rpc::RpcConfig {
        allowed_hosts: config.allowed_hosts.clone(),
        cors_origins: config.cors_origins.clone(),
        requests_max: config.requests_max,
        websockets_max: config.websockets_max,
        caller_weight_per_second: config.caller_weight_per_second,
        simulations_max: config.simulations_max,
        call_gas_max: config.call_gas_max,
        logs_blocks_max: config.logs_blocks_max,
        logs_results_max: config.logs_results_max,
        request_timeout_ms: config.request_timeout_ms,
        ..rpc::RpcConfig::default()
    };
    let (origins, hosts) = (&config.cors_origins, &config.allowed_hosts);
    let router = rpc::router_until(ledger.clone(), settings, metrics, stopping)
        .merge(verification.router(OfLedger(ledger.clone()), origins, hosts))
        .merge(chain_list::router(ledger.genesis().chain_id, origins, hosts));
    Serving {
        router: stages::measured(router, running.stages.clone()),
        observe: Arc::new(LedgerObserver { ledger, peers_configured }),
        heartbeat_ms,
        library_metrics: running.library_metrics.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_to_stop_has_its_code_and_names_the_block() {
        let rule = "stateRoot: expected 0x1, found 0x2".to_string();
        let diverged = stopped(engine::Stopped::Diverged { height: 7, rule });
        assert_eq!(diverged.code().id, "NOD-0027");
        assert!(diverged.to_string().contains("final block 7"), "{diverged}");
        assert!(diverged.to_string().contains("stateRoot"), "{diverged}");
        let cause = "Resource temporarily unavailable".to_string();
        let thread = stopped(engine::Stopped::NoThread { height: 7, cause });
        assert_eq!(thread.code().id, "NOD-0020");
        assert!(thread.next_step().contains("ulimit"), "{}", thread.next_step());
        let unknown = types::UnknownActivation { name: "later".into(), height: 9 };
        for ended in [stopped(unknown.clone().into()), not_started(unknown.into())] {
            assert_eq!(ended.code().id, "NOD-0028");
            assert!(ended.to_string().contains("`later` holds from block 9 on"), "{ended}");
            assert!(ended.next_step().contains("release"), "{}", ended.next_step());
        }
        let cause = "state store: lost".to_string();
        let state = stopped(engine::Stopped::StateFailed { height: 7, cause });
        assert_eq!(state.code().id, "NOD-0016");
        assert!(state.to_string().contains("cannot execute final block 7: state store: lost"));
    }
}
