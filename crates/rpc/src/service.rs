//! What all connections share, and the way of a call through it.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt as _;
use ledger_api::Ledger;
use serde_json::{json, value::RawValue};
use tokio::{sync::Semaphore, time::timeout_at};
use types::Genesis;

use crate::{
    answer::{ANSWER_PERMIT_BYTES, Answer},
    config::RpcConfig,
    envelope::{self, BadCall, Call, Message},
    error::{RpcError, code},
    filters::Filters,
    follower::Follower,
    http::Callers,
    limits::{
        READINGS_RUNNING_MAX, REQUEST_BYTES_IN_FLIGHT_MAX, RESPONSE_BYTES_IN_FLIGHT_MAX,
        RESPONSE_BYTES_MAX, SNAPSHOT_PARTS_MAX, TRACE_MS_DEFAULT, TRACES_RUNNING_MAX,
    },
    methods::{METHODS, Method, Tier, never_offered},
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
    /// Turns of traces, which hold more memory.
    pub traces: Simulations,
    /// Turns of reading whole blocks and the pool.
    pub readings: Arc<Semaphore>,
    /// HTTP requests being answered.
    pub requests: Arc<Semaphore>,
    /// WebSocket connections.
    pub websockets: Arc<Semaphore>,
    /// Turns of reading parts of a snapshot.
    pub snapshot_parts: Semaphore,
    /// Method weights being answered.
    pub weight: Arc<Semaphore>,
    /// What callers have used of the weight that each may use.
    pub callers: Callers,
    /// Bodies held, in KiB.
    pub body_kib: Arc<Semaphore>,
    /// Answers held, in KiB.
    pub answer_kib: Arc<Semaphore>,
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
            traces: Simulations::new(TRACES_RUNNING_MAX, Duration::from_millis(TRACE_MS_DEFAULT)),
            readings: Arc::new(Semaphore::new(READINGS_RUNNING_MAX)),
            requests: Arc::new(Semaphore::new(config.requests_max)),
            websockets: Arc::new(Semaphore::new(config.websockets_max)),
            snapshot_parts: Semaphore::new(SNAPSHOT_PARTS_MAX),
            weight: Arc::new(Semaphore::new(config.weight_max as usize)),
            callers: Callers::new(config.caller_weight_per_second),
            body_kib: Arc::new(Semaphore::new(REQUEST_BYTES_IN_FLIGHT_MAX / BODY_PERMIT_BYTES)),
            answer_kib: Arc::new(Semaphore::new(
                RESPONSE_BYTES_IN_FLIGHT_MAX / ANSWER_PERMIT_BYTES,
            )),
            methods: offered(&*ledger),
            genesis: Arc::new(ledger.genesis().clone()),
            ledger,
            config,
            metrics,
        })
    }

    /// Names of the methods that are served.
    pub fn offered(&self) -> impl Iterator<Item = &'static str> {
        self.methods.keys().copied()
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

/// The table, without what this ledger does not do.
fn offered(ledger: &dyn Ledger) -> HashMap<&'static str, &'static Method> {
    let development = ledger.development().is_some();
    let served = METHODS.iter().filter(|method| development || method.tier != Tier::Development);
    served.map(|method| (method.name, method)).collect()
}

/// Answers a message; `None` where nothing is to be answered (notifications).
pub async fn answer(context: &Context, message: Message) -> Option<Answer> {
    let limit = Duration::from_millis(context.service.config.request_timeout_ms);
    let deadline = tokio::time::Instant::now() + limit;
    match message {
        Message::Single(call) => {
            let told = answer_call(context, call, deadline, RESPONSE_BYTES_MAX).await?;
            let mut answer = Answer::new(context.service.answer_kib.clone());
            add(&mut answer, told);
            Some(answer)
        }
        Message::Batch(calls) => answer_batch(context, calls, deadline).await,
    }
}

/// One call after the other, so that transactions of one sender arrive in the order sent.
async fn answer_batch(
    context: &Context,
    calls: Vec<Result<Call, BadCall>>,
    deadline: tokio::time::Instant,
) -> Option<Answer> {
    let mut answer = Answer::new(context.service.answer_kib.clone());
    answer.push_uncounted("[".into());
    let mut has_room = true;
    for call in calls {
        let told = match has_room {
            true => {
                let room = RESPONSE_BYTES_MAX.saturating_sub(answer.len());
                answer_call(context, call, deadline, room).await
            }
            // Work whose result nobody could be told is not done.
            false => refused(call),
        };
        if let Some(told) = told {
            if answer.len() > 1 {
                answer.push_uncounted(",".into());
            }
            has_room = add(&mut answer, told) && has_room;
        }
        // Calls that need no waiting must not keep others from the thread.
        tokio::task::consume_budget().await;
    }
    let any = answer.len() > 1;
    answer.push_uncounted("]".into());
    any.then_some(answer)
}

/// What is told about one call.
struct Told {
    text: String,
    /// The id, for an error in its place.
    id: Option<Box<RawValue>>,
}

/// Adds it to the answer, or an error where the answers of all callers are too many already.
/// Answers whether there was room.
fn add(answer: &mut Answer, told: Told) -> bool {
    let had_room = answer.push(told.text).is_ok();
    if !had_room {
        answer.push_uncounted(envelope::failure(told.id.as_deref(), &too_many_unread()));
    }
    had_room
}

/// A call that is not made any more.
fn refused(call: Result<Call, BadCall>) -> Option<Told> {
    let id = call.map_or_else(|bad| Some(bad.id), |call| call.id.map(Some))?;
    Some(Told { text: envelope::failure(id.as_deref(), &too_many_unread()), id })
}

fn too_many_unread() -> RpcError {
    let limit = RESPONSE_BYTES_IN_FLIGHT_MAX;
    RpcError::limit(format!("too many answers not yet read, limit {limit} bytes"))
}

async fn answer_call(
    context: &Context,
    call: Result<Call, BadCall>,
    deadline: tokio::time::Instant,
    room_bytes: usize,
) -> Option<Told> {
    let call = match call {
        Ok(call) => call,
        Err(bad) => {
            let text = envelope::failure(bad.id.as_deref(), &bad.error);
            return Some(Told { text, id: bad.id });
        }
    };
    let start = Instant::now();
    let (label, result) = run(context, &call, deadline, room_bytes).await;
    let code = result.as_ref().err().map_or(0, |error| error.code);
    context.service.metrics.called(label, code, start.elapsed());
    let id = call.id?;
    let text = match result {
        Ok(text) => envelope::success(&id, &text),
        Err(error) => envelope::failure(Some(&id), &error),
    };
    Some(Told { text, id: Some(id) })
}

async fn run(
    context: &Context,
    call: &Call,
    deadline: tokio::time::Instant,
    room_bytes: usize,
) -> (&'static str, Result<String, RpcError>) {
    let Some(method) = context.service.methods.get(call.method.as_str()) else {
        return (OTHER, Err(unknown(&call.method)));
    };
    if room_bytes == 0 {
        return (method.name, Err(too_large()));
    }
    let running = AssertUnwindSafe((method.run)(context, &call.params)).catch_unwind();
    let result = match timeout_at(deadline, running).await {
        Err(_) => Err(RpcError::new(code::TIMEOUT, "request timed out")),
        Ok(Err(_)) => Err(RpcError::internal(format_args!("{} panicked", method.name))),
        Ok(Ok(result)) => result.map(|answer| answer.0),
    };
    let result = match result {
        Ok(text) if text.len() > room_bytes => Err(too_large()),
        other => other,
    };
    (method.name, result)
}

/// What is never offered says why in its data; the text is geth's, which clients match.
fn unknown(method: &str) -> RpcError {
    let error = RpcError::method_not_found(method);
    match never_offered(method) {
        Some(help) => error.with_data(json!({ "help": help })),
        None => error,
    }
}

fn too_large() -> RpcError {
    RpcError::limit(format!("response too large, limit {RESPONSE_BYTES_MAX} bytes"))
}
