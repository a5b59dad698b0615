//! What all connections share, and the way of a call through it.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt as _;
use ledger_api::Ledger;
use tokio::{sync::Semaphore, time::timeout_at};
use types::Genesis;

use crate::{
    config::RpcConfig,
    envelope::{self, BadCall, Call, Message},
    error::{RpcError, code},
    filters::Filters,
    follower::Follower,
    limits::{REQUEST_BYTES_IN_FLIGHT_MAX, RESPONSE_BYTES_MAX},
    methods::{METHODS, Method},
    metrics::{OTHER, RpcMetrics},
    simulations::Simulations,
    view::View,
    websocket::Session,
};

/// Bytes counted by one permit of [`Service::body_kib`].
pub const BODY_PERMIT_BYTES: usize = 1024;

/// Shared by all connections of one server.
pub struct Service {
    pub ledger: Arc<dyn Ledger>,
    /// The genesis file, shared with the rules of simulations.
    pub genesis: Arc<Genesis>,
    pub config: RpcConfig,
    pub metrics: RpcMetrics,
    pub filters: Filters,
    pub follower: Follower,
    pub simulations: Simulations,
    /// HTTP requests being answered.
    pub requests: Arc<Semaphore>,
    /// WebSocket connections.
    pub websockets: Arc<Semaphore>,
    /// Method weights being answered.
    pub weight: Arc<Semaphore>,
    /// Bodies held, in KiB.
    pub body_kib: Arc<Semaphore>,
    methods: HashMap<&'static str, &'static Method>,
}

/// What a method sees.
#[derive(Clone)]
pub struct Context {
    /// The server.
    pub service: Arc<Service>,
    /// The WebSocket connection, where the call came over one.
    pub session: Option<Arc<Session>>,
}

impl Context {
    /// The chain as it is now.
    pub fn view(&self) -> View {
        View::new(&self.service.ledger)
    }
}

impl Service {
    /// Builds the shared part and starts following the head. Needs a running tokio runtime.
    pub fn start(ledger: Arc<dyn Ledger>, config: RpcConfig, metrics: RpcMetrics) -> Arc<Self> {
        Arc::new(Self {
            filters: Filters::new(config.filters_max, Duration::from_millis(config.filter_idle_ms)),
            follower: Follower::start(&ledger),
            simulations: Simulations::new(
                config.simulations_max,
                Duration::from_millis(config.simulation_timeout_ms),
            ),
            requests: Arc::new(Semaphore::new(config.requests_max)),
            websockets: Arc::new(Semaphore::new(config.websockets_max)),
            weight: Arc::new(Semaphore::new(config.weight_max as usize)),
            body_kib: Arc::new(Semaphore::new(REQUEST_BYTES_IN_FLIGHT_MAX / BODY_PERMIT_BYTES)),
            methods: METHODS.iter().map(|method| (method.name, method)).collect(),
            genesis: Arc::new(ledger.genesis().clone()),
            ledger,
            config,
            metrics,
        })
    }

    /// Sum of the weights of a message's calls, at most the whole budget so that a large batch can
    /// run when nothing else does.
    pub fn weight_of(&self, message: &Message) -> u32 {
        let of = |call: &Result<Call, BadCall>| match call {
            Ok(call) => self.methods.get(call.method.as_str()).map_or(1, |method| method.weight),
            Err(_) => 1,
        };
        let sum = match message {
            Message::Single(call) => of(call),
            Message::Batch(calls) => calls.iter().map(of).sum(),
        };
        sum.min(self.config.weight_max)
    }
}

/// Answers a message; `None` where nothing is to be answered (notifications).
pub async fn answer(context: &Context, message: Message) -> Option<String> {
    let limit = Duration::from_millis(context.service.config.request_timeout_ms);
    let deadline = tokio::time::Instant::now() + limit;
    match message {
        Message::Single(call) => answer_call(context, call, deadline, RESPONSE_BYTES_MAX).await,
        Message::Batch(calls) => answer_batch(context, calls, deadline).await,
    }
}

/// One call after the other, so that transactions of one sender arrive in the order sent.
async fn answer_batch(
    context: &Context,
    calls: Vec<Result<Call, BadCall>>,
    deadline: tokio::time::Instant,
) -> Option<String> {
    let mut text = String::from("[");
    for call in calls {
        let room = RESPONSE_BYTES_MAX.saturating_sub(text.len());
        if let Some(answer) = answer_call(context, call, deadline, room).await {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&answer);
        }
        // Calls that need no waiting must not keep others from the thread.
        tokio::task::consume_budget().await;
    }
    (text.len() > 1).then(|| text + "]")
}

async fn answer_call(
    context: &Context,
    call: Result<Call, BadCall>,
    deadline: tokio::time::Instant,
    room_bytes: usize,
) -> Option<String> {
    let call = match call {
        Ok(call) => call,
        Err(bad) => return Some(envelope::failure(bad.id.as_deref(), &bad.error)),
    };
    let start = Instant::now();
    let (label, result) = run(context, &call, deadline, room_bytes).await;
    let code = result.as_ref().err().map_or(0, |error| error.code);
    context.service.metrics.called(label, code, start.elapsed());
    let id = call.id?;
    Some(match result {
        Ok(text) => envelope::success(&id, &text),
        Err(error) => envelope::failure(Some(&id), &error),
    })
}

async fn run(
    context: &Context,
    call: &Call,
    deadline: tokio::time::Instant,
    room_bytes: usize,
) -> (&'static str, Result<String, RpcError>) {
    let Some(method) = context.service.methods.get(call.method.as_str()) else {
        return (OTHER, Err(RpcError::method_not_found(&call.method)));
    };
    if room_bytes == 0 {
        return (method.name, Err(too_large()));
    }
    let running = AssertUnwindSafe((method.run)(context, &call.params)).catch_unwind();
    let result = match timeout_at(deadline, running).await {
        Err(_) => Err(RpcError::new(code::TIMEOUT, "request timed out")),
        Ok(Err(_)) => Err(RpcError::internal(format_args!("{} panicked", method.name))),
        Ok(Ok(result)) => result.map(|value| value.to_string()),
    };
    let result = match result {
        Ok(text) if text.len() > room_bytes => Err(too_large()),
        other => other,
    };
    (method.name, result)
}

fn too_large() -> RpcError {
    RpcError::limit(format!("response too large, limit {RESPONSE_BYTES_MAX} bytes"))
}
