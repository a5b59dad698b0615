//! The life of a node process: checks, two runtimes, a stop in good order.
//!
//! Consensus, network and storage run on the ledger library's runtime on the calling thread; the
//! one port is served by a second runtime with threads of its own, so that reading clients never
//! take processor time slices that votes wait for behind them in one queue.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use commonware_runtime::{Runner as _, Spawner as _, tokio as ledger_runtime};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    time::timeout,
};

use crate::{
    blocks,
    config::Config,
    connection::{LimitedListener, Peer},
    data_folder::{self, DataFolder, NetworkIdentity, Stored},
    disk::DiskLimits,
    error::{AddressPurpose, NodeError},
    files,
    ledger_link::{self, LedgerSettings, RunningLedger},
    logs, open_files, peers,
    server::{NodeState, router},
    stop::{self, StopSignal},
    store,
    verification::Verification,
};

/// Time that open requests get when the node stops.
const DRAIN_TIME_MAX: Duration = Duration::from_millis(1_500);
/// Time that the ledger gets to finish what it writes.
const LEDGER_STOP_TIME_MAX: Duration = Duration::from_millis(2_500);
/// A peer from which nothing comes, or which takes nothing, this long is no longer connected. Peers
/// send something at least every 5 s; a cable that was pulled shows in nothing else.
const PEER_SILENCE_MAX: Duration = Duration::from_secs(15);
/// How long one attempt to connect to a peer may take; the next one follows at once. Long attempts
/// would sleep through the end of a partition.
const PEER_CONNECT_TIME_MAX: Duration = Duration::from_secs(3);
/// Niceness of the threads that answer requests: they get a third of the share of a consensus thread
/// where processors are short.
const REQUEST_NICENESS: i32 = 5;
/// Connections that wait to be accepted; the system may allow fewer (`net.core.somaxconn`).
const BACKLOG: i32 = 4_096;
/// Why a node ended.
#[derive(Debug)]
pub struct Failure {
    /// Code, cause, next step.
    pub error: NodeError,
    /// Whether a JSON log line says so already. Where logs are text, or have not begun, the caller
    /// prints the error.
    pub logged: bool,
}

/// Runs a node until it is asked to stop. With `stop_with_parent`, the end of standard input
/// stops it as well.
///
/// # Errors
/// Everything that prevents or ends a node, see [`NodeError`].
pub fn run(config: &Config, stop_with_parent: bool) -> Result<(), Failure> {
    let early = |error| Failure { error, logged: false };
    let settings = settings(config).map_err(early)?;
    let stop = StopSignal::default();
    start_logs(config, &settings, &stop).map_err(early)?;
    match run_logged(config, settings, &stop, stop_with_parent) {
        Ok(()) => {
            tracing::info!("stopped");
            Ok(())
        }
        Err(error) => {
            let logged = logs::is_json(&config.log) && tracing::enabled!(tracing::Level::ERROR);
            if logged {
                tracing::error!(code = error.code().id, next = error.next_step(), "{error}");
            }
            Err(Failure { error, logged })
        }
    }
}

fn start_logs(
    config: &Config,
    settings: &LedgerSettings,
    stop: &StopSignal,
) -> Result<(), NodeError> {
    let origin = logs::LogOrigin {
        node: settings.node_key.public().to_string().chars().take(10).collect(),
        organisation: config.organisation.clone(),
    };
    logs::start(&config.log, origin).map_err(|cause| NodeError::Config {
        code: crate::error_code::CONFIG_RANGE,
        place: "environment".into(),
        cause,
        next: format!("correct or unset {}", logs::LOG_VARIABLE),
    })?;
    logs::end_process_on_panic(&config.data_dir, stop.watch());
    Ok(())
}

fn settings(config: &Config) -> Result<LedgerSettings, NodeError> {
    let genesis = files::load_genesis(&config.genesis_file)?;
    let genesis_hash = files::genesis_hash(&genesis).map_err(|error| NodeError::GenesisFile {
        path: config.genesis_file.clone(),
        cause: error.to_string(),
    })?;
    Ok(LedgerSettings {
        node_key: files::load_node_key(&config.node_key_file)?,
        genesis,
        genesis_hash,
        listen: config.p2p.listen,
        peers: config.p2p.peers.iter().map(|peer| (peer.key, peer.address.clone())).collect(),
        chain_folder: PathBuf::new(),
        report_folder: data_folder::reports(&config.data_dir),
        history: config.history_blocks,
        retained_blocks: config.retained_blocks.blocks(),
        join: config.join,
        pool: config.pool.clone(),
        worker_threads: config.runtime.worker_threads(),
        cache_bytes: config.runtime.cache_bytes,
    })
}

fn run_logged(
    config: &Config,
    mut settings: LedgerSettings,
    stop: &StopSignal,
    stop_with_parent: bool,
) -> Result<(), NodeError> {
    let chain_id = settings.genesis.chain_id;
    let genesis_hash = settings.genesis_hash;
    let limits = DiskLimits::new(&config.storage);
    let identity = NetworkIdentity { chain_id, genesis_hash };
    if data_folder::check_network(&config.data_dir, identity)? == Stored::Nothing {
        files::check_activations(&settings.genesis)?;
    }
    let folder = DataFolder::open(&config.data_dir, identity, limits)?;
    let ledger_folder = folder.ledger_folder(settings.genesis.ledger_id);
    settings.chain_folder = ledger_folder.join("chain");
    let verified_folder = data_folder::verification(&config.data_dir);
    let verified = Verification::open(&verified_folder, config.verification.solc.clone())?;
    warn_of_gaps(&settings);
    // The library would find out later and with less of an explanation.
    drop(bind(config.p2p.listen, AddressPurpose::P2p)?);
    let listener = bind(config.rpc.listen, AddressPurpose::Rpc)?;

    let runtime = request_runtime(config.runtime.rpc_threads())?;
    runtime.block_on(stop::follow_signals(stop.clone()))?;
    stop::limit_stop_time(stop, runtime.handle())?;
    if stop_with_parent {
        stop::follow_parent(stop.clone())?;
    }
    let state = Arc::new(NodeState::new(&config.organisation));
    state.metrics().set_limits(&config.pool);
    runtime.spawn(store::follow(config.data_dir.clone(), limits, state.clone(), stop.clone()));
    runtime.spawn(peers::follow(state.clone(), stop.clone()));
    let connections_max = open_files::reserve(config.rpc.connections_max)?;
    let drained = serve(&runtime, listener, connections_max, state.clone(), stop)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        chain_id,
        genesis = %genesis_hash,
        key = %settings.node_key.public(),
        rpc = %config.rpc.listen,
        p2p = %config.p2p.listen,
        data = %folder.path().display(),
        "node starting"
    );
    let consensus = ledger_runtime::Config::new()
        .with_worker_threads(config.runtime.consensus_threads())
        // The hook has ended the process by then, unless it stops anyway: then the others go on.
        .with_catch_panics(true)
        .with_connect_timeout(PEER_CONNECT_TIME_MAX)
        .with_read_write_timeout(PEER_SILENCE_MAX)
        .with_storage_directory(ledger_folder.join("consensus"));
    let handle = runtime.handle().clone();
    let result = ledger_runtime::Runner::new(consensus).start(|context| {
        host(
            context,
            settings,
            (config.rpc.clone(), verified),
            state,
            stop.clone(),
            handle,
            drained,
        )
    });
    runtime.shutdown_background();
    drop(folder);
    match (result, stop.failure()) {
        (Err(error), _) | (Ok(()), Some(error)) => Err(explained(error, &config.data_dir)),
        (Ok(()), None) => Ok(()),
    }
}

/// A part of the ledger that could not write ends without telling why.
fn explained(error: NodeError, data_dir: &Path) -> NodeError {
    match error {
        NodeError::LedgerStart(_) | NodeError::LedgerEnded(_) => {
            let Some(cause) = data_folder::trouble(data_dir) else { return error };
            tracing::warn!(%error, "put down to the store");
            cause
        }
        error => error,
    }
}

/// Runs on the ledger's runtime until the node must stop.
async fn host(
    context: ledger_runtime::Context,
    settings: LedgerSettings,
    (rpc, verified): (crate::config::RpcConfig, Verification),
    state: Arc<NodeState>,
    stop: StopSignal,
    requests: tokio::runtime::Handle,
    drained: oneshot::Receiver<()>,
) -> Result<(), NodeError> {
    use commonware_runtime::Supervisor as _;
    let stopper = context.child("stop");
    let peers_configured = settings.peers.len();
    let started = tokio::select! {
        started = ledger_link::start(context.child("ledger"), settings) => started,
        () = stop.stopped() => return Ok(()),
    };
    let running = match started {
        Ok(running) => running,
        Err(error) => {
            stop.stop("ledger did not start");
            return Err(error);
        }
    };
    {
        // The RPC server starts tasks of its own, on the runtime that serves requests.
        let _inside = requests.enter();
        let stopping = stop.watch();
        let serving =
            ledger_link::serving(&running, &rpc, verified, peers_configured, &state, stopping);
        state.serve(serving);
        let measured = state.metrics().blocks();
        requests.spawn(blocks::follow(running.ledger.clone(), measured, stop.clone()));
    }
    let RunningLedger { ledger, ended, .. } = running;
    tracing::info!(height = ledger.head().number, "ledger running");
    tokio::select! {
        error = ended => stop.fail(error),
        () = stop.stopped() => {}
    }
    state.stopping();
    if timeout(DRAIN_TIME_MAX, drained).await.is_err() {
        tracing::warn!("open requests cut off");
    }
    drop(ledger);
    if stopper.stop(0, Some(LEDGER_STOP_TIME_MAX)).await.is_err() {
        tracing::warn!("a part of the ledger did not finish in time");
    }
    Ok(())
}

fn bind(address: std::net::SocketAddr, purpose: AddressPurpose) -> Result<TcpListener, NodeError> {
    let failed = |source| NodeError::Address { purpose, address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    // The standard library asks for 128; listening again only changes that.
    rustix::net::listen(&listener, BACKLOG).map_err(|error| failed(error.into()))?;
    Ok(listener)
}

/// Lowers the calling thread's priority, so that a flood of requests does not keep this node from
/// voting. Linux counts niceness per thread; it may always be raised.
fn give_way() {
    if let Err(error) = rustix::process::setpriority_process(None, REQUEST_NICENESS) {
        tracing::warn!(%error, "requests run at the priority of consensus");
    }
}

fn request_runtime(threads: usize) -> Result<Runtime, NodeError> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(logs::REQUEST_THREAD)
        .on_thread_start(give_way)
        .enable_all()
        .build()
        .map_err(|error| NodeError::SystemResource {
            action: "start threads for requests",
            cause: error.to_string(),
        })
}

/// Serves until the node stops; the receiver resolves when the last request is answered.
fn serve(
    runtime: &Runtime,
    listener: TcpListener,
    connections_max: usize,
    state: Arc<NodeState>,
    stop: &StopSignal,
) -> Result<oneshot::Receiver<()>, NodeError> {
    let _inside = runtime.enter();
    let address = listener.local_addr().unwrap_or_else(|_| ([0, 0, 0, 0], 0).into());
    let listener = listener
        .set_nonblocking(true)
        .and_then(|()| tokio::net::TcpListener::from_std(listener))
        .map_err(|source| NodeError::Address { purpose: AddressPurpose::Rpc, address, source })?;
    let open = state.metrics().connections();
    let listener = LimitedListener::new(listener, connections_max, open);
    let (done, drained) = oneshot::channel();
    let stop = stop.clone();
    runtime.spawn(async move {
        let stopped = stop.clone();
        let service = router(state).into_make_service_with_connect_info::<Peer>();
        let serving = axum::serve(listener, service)
            .with_graceful_shutdown(async move { stopped.stopped().await });
        if let Err(error) = serving.await {
            stop.fail(NodeError::Address { purpose: AddressPurpose::Rpc, address, source: error });
        }
        // Nobody waits any more where the ledger never started.
        let _ = done.send(());
    });
    Ok(drained)
}

fn warn_of_gaps(settings: &LedgerSettings) {
    if let Some(unknown) = settings.genesis.parameters.unknown_activation() {
        tracing::warn!(
            feature = unknown.name,
            height = unknown.height,
            "this release does not know a feature of the protocol: the node stops before that block, \
             install a release that knows it"
        );
    }
    let own = settings.node_key.public();
    let validators = &settings.genesis.validators;
    if !validators.iter().any(|validator| validator.key == own) {
        tracing::warn!(key = %own, "this node is no validator of the genesis: it follows and does not vote");
    }
    for validator in validators {
        let known = settings.peers.iter().any(|(key, _)| *key == validator.key);
        if validator.key != own && !known {
            tracing::warn!(
                organisation = validator.organisation,
                key = %validator.key,
                "validator has no address in [[p2p.peers]]: this node cannot connect to it"
            );
        }
    }
}
