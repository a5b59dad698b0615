//! The one port: health and metrics here, everything else in the router of the RPC server once the
//! ledger runs.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::{
    Router,
    extract::{ConnectInfo, RawQuery, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures::future::BoxFuture;
use prometheus_client::registry::Registry;
use serde_json::json;
use tower::ServiceExt;

use crate::{
    connection::Peer,
    health::{Observation, Phase, Reason, StoreHealth, reasons, warnings},
    metrics::{CONTENT_TYPE, NodeMetrics},
};

/// How long health and metrics wait for the ledger's answer.
const OBSERVE_TIME_MAX: Duration = Duration::from_secs(2);

/// Largest answer of `/metrics/library`, bytes. With four validators it has about 250 kB.
const LIBRARY_METRICS_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Something that tells where a ledger stands: the running ledger, or a test's.
pub trait Observe: Send + Sync + 'static {
    /// Where it stands now.
    fn observe(&self) -> BoxFuture<'_, Observation>;

    /// Tells the ledger what is wrong with the disk.
    fn report_storage(&self, _trouble: Option<String>) {}
}

/// What is served once the ledger runs.
pub struct Serving {
    /// JSON-RPC and WebSocket.
    pub router: Router,
    /// Source of health and metrics.
    pub observe: Arc<dyn Observe>,
    /// Age at which an empty block is built, milliseconds.
    pub heartbeat_ms: u64,
    /// Metrics of the consensus library, OpenMetrics text.
    pub library_metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Shared by all connections and by the life cycle.
pub struct NodeState {
    phase: Mutex<Phase>,
    store: Mutex<StoreHealth>,
    serving: OnceLock<Serving>,
    metrics: NodeMetrics,
    registry: Mutex<Registry>,
}

impl NodeState {
    /// A starting node.
    pub fn new(organisation: &str) -> Self {
        let mut registry = Registry::default();
        let metrics = NodeMetrics::register(&mut registry, organisation);
        Self {
            phase: Mutex::new(Phase::Starting),
            store: Mutex::default(),
            serving: OnceLock::new(),
            metrics,
            registry: Mutex::new(registry),
        }
    }

    /// Lets other parts register their families.
    pub fn with_registry<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        register(&mut locked(&self.registry))
    }

    /// Families of the node itself.
    pub fn metrics(&self) -> &NodeMetrics {
        &self.metrics
    }

    /// From now on requests reach the ledger.
    pub fn serve(&self, serving: Serving) {
        if self.serving.set(serving).is_ok() {
            let mut phase = locked(&self.phase);
            if *phase == Phase::Starting {
                *phase = Phase::Running;
            }
        }
    }

    /// From now on `/readyz` says that the node stops.
    pub fn stopping(&self) {
        *locked(&self.phase) = Phase::Stopping;
    }

    /// Remembers what the store looked like.
    pub fn set_store(&self, store: StoreHealth) {
        if let Some(serving) = self.serving.get() {
            serving.observe.report_storage(store.trouble());
        }
        *locked(&self.store) = store;
    }

    /// Where the node is in its life.
    pub fn phase(&self) -> Phase {
        *locked(&self.phase)
    }

    /// Where the ledger stands; `None` where there is none yet or it does not answer in time.
    pub async fn observe(&self) -> Option<Observation> {
        let serving = self.serving.get()?;
        tokio::time::timeout(OBSERVE_TIME_MAX, serving.observe.observe()).await.ok()
    }

    async fn look(&self) -> (Option<Observation>, StoreHealth, Vec<Reason>) {
        let observation = self.observe().await;
        let store = locked(&self.store).clone();
        let phase = self.phase();
        let heartbeat_ms = self.serving.get().map_or(0, |serving| serving.heartbeat_ms);
        let found = reasons(phase, &store, observation.as_ref(), now_ms(), heartbeat_ms);
        (observation, store, found)
    }
}

/// A poisoned lock only means that some other request failed; the plain values behind these locks
/// are whole after each assignment.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Own clock, milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// `/livez`, `/readyz`, `/metrics`, and the ledger's router for everything else.
pub fn router(state: Arc<NodeState>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/metrics/library", get(library_metrics))
        .fallback(forward)
        .with_state(state)
}

async fn ready(State(state): State<Arc<NodeState>>, RawQuery(query): RawQuery) -> Response {
    let (observation, store, found) = state.look().await;
    let is_ready = found.is_empty();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let verbose = query.is_some_and(|query| {
        query.split('&').any(|part| part == "verbose" || part.starts_with("verbose="))
    });
    if !verbose {
        return (status, if is_ready { "ok\n" } else { "not ready\n" }).into_response();
    }
    let warned = warnings(&store, observation.as_ref());
    let seen = observation.unwrap_or_default();
    let body = json!({
        "ready": is_ready,
        "reasons": found,
        "height": seen.head_number,
        "peers": seen.peers,
        "validators": seen.validators.len(),
        "validators_connected": seen.validators_connected(),
        "quorum": seen.quorum,
        "voting": seen.voting,
        "warnings": warned,
        "disk": {
            "free_bytes": store.free_bytes,
            "warning_bytes": store.limits.warning_bytes,
            "reserve_bytes": store.limits.reserve_bytes,
        },
    });
    (status, axum::Json(body)).into_response()
}

async fn metrics(State(state): State<Arc<NodeState>>) -> Response {
    let (observation, store, found) = state.look().await;
    state.metrics.update(observation.as_ref(), &store, &found);
    let text = state.with_registry(|registry| NodeMetrics::render(registry));
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

/// The library's own families, some thousand lines. Never more than
/// [`LIBRARY_METRICS_BYTES_MAX`], and made at most once a second.
async fn library_metrics(State(state): State<Arc<NodeState>>) -> Response {
    let Some(source) = state.serving.get().map(|serving| serving.library_metrics.clone()) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the ledger is being opened\n").into_response();
    };
    match tokio::task::spawn_blocking(move || source()).await {
        Ok(text) if text.len() <= LIBRARY_METRICS_BYTES_MAX => {
            ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
        }
        Ok(text) => {
            let cause =
                format!("{} bytes exceed the limit of {LIBRARY_METRICS_BYTES_MAX}\n", text.len());
            (StatusCode::INSUFFICIENT_STORAGE, cause).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn forward(State(state): State<Arc<NodeState>>, mut request: Request) -> Response {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<Peer>>().cloned() {
        request.extensions_mut().insert(rpc::Caller(peer.address.ip()));
        request.extensions_mut().insert(peer.unfinished);
    }
    match state.serving.get() {
        Some(serving) => match serving.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
        None => {
            let error = json!({"code": -32002, "message": "node is starting, try again"});
            let body = json!({"jsonrpc": "2.0", "id": null, "error": error});
            let status = StatusCode::SERVICE_UNAVAILABLE;
            (status, [(header::RETRY_AFTER, "1")], axum::Json(body)).into_response()
        }
    }
}

#[cfg(test)]
#[path = "server/tests.rs"]
mod tests;
