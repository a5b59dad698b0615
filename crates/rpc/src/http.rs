//! `POST /` and `GET /`: bodies in, JSON-RPC out, and what protects the server on the way.

mod body;
mod callers;
mod origin;
mod unfinished;

use std::sync::Arc;

use axum::{
    Router,
    extract::{
        FromRequestParts as _, Request, State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde_json::json;
use tokio::sync::watch;
use tower_http::{
    CompressionLevel,
    compression::{CompressionLayer, predicate::SizeAbove},
    cors::{AllowOrigin, Any, CorsLayer},
};

pub use callers::{Caller, Callers};
pub use origin::{guard_hosts, may_connect};
pub use unfinished::Unfinished;

use crate::{
    envelope::{self, parse},
    error::RpcError,
    limits::WEBSOCKET_MESSAGE_BYTES_MAX,
    service::{Context, Service, answer},
    websocket,
};

/// Bodies below this are sent as they are, bytes.
const COMPRESS_BYTES_MIN: u16 = 1_024;

#[derive(Clone)]
struct Shared {
    service: Arc<Service>,
    stopping: watch::Receiver<bool>,
}

/// The routes of this crate.
pub fn routes(service: Arc<Service>, stopping: watch::Receiver<bool>) -> Router {
    let config = service.config.clone();
    let router = Router::new()
        .route("/", post(call).get(open))
        .with_state(Shared { service, stopping })
        .layer(
            CompressionLayer::new()
                .gzip(true)
                .quality(CompressionLevel::Fastest)
                .compress_when(SizeAbove::new(COMPRESS_BYTES_MIN)),
        )
        .layer(cors(&config.cors_origins));
    guard_hosts(router, &config.allowed_hosts)
}

/// Answers preflights, also those of web pages that call a node on the same machine (Private
/// Network Access).
pub fn cors(origins: &[String]) -> CorsLayer {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    let layer = CorsLayer::new().allow_origin(allowed).allow_methods([Method::GET, Method::POST]);
    match origins.is_empty() {
        // Without an origin to allow, nothing else needs to be told to a browser either.
        true => layer,
        false => layer
            .allow_headers(Any)
            .allow_private_network(true)
            .expose_headers([header::RETRY_AFTER, callers::POLICY_FIELD, callers::STATE_FIELD])
            .max_age(std::time::Duration::from_secs(600)),
    }
}

async fn call(State(shared): State<Shared>, request: Request) -> Response {
    let service = shared.service;
    if let Err(refused) = content_type(request.headers()) {
        return *refused;
    }
    let caller = request.extensions().get::<Caller>().copied().unwrap_or_default();
    let body = match body::read(&service, request).await {
        Ok(body) => body,
        Err(refused) => return *refused,
    };
    // Only now: bodies that come byte by byte must not take the turns of whole ones.
    let Ok(_turn) = service.requests.clone().try_acquire_owned() else {
        let limit = service.config.requests_max;
        return too_many(format!("too many requests at once, limit {limit}"));
    };
    let message = match parse(&body.bytes) {
        Ok(message) => message,
        Err(error) => return json_text(envelope::failure(None, &error)),
    };
    let weight = service.weight_of(&message);
    let Ok(_weight) = service.weight.clone().try_acquire_many_owned(weight) else {
        let limit = service.config.weight_max;
        return too_many(format!("too many calls in flight, limit {limit} units of weight"));
    };
    let left = match service.callers.spend(caller, weight) {
        Ok(left) => left,
        Err(too_much) => {
            let mut refused = too_many(too_much.text());
            too_much.show(&mut refused);
            return refused;
        }
    };
    let context = Context { service, session: None };
    let mut response = match answer(&context, message).await {
        Some(answer) => json_text(answer.into_bytes()),
        None => StatusCode::OK.into_response(),
    };
    left.show(&mut response);
    response
}

/// JSON in any of its media types, or none at all from a program that is no browser. Browsers send
/// other types without asking first, so those are refused.
fn content_type(headers: &HeaderMap) -> Result<(), Box<Response>> {
    let essence = headers.get(header::CONTENT_TYPE).map(|value| {
        let text = value.to_str().unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    });
    let allowed = match essence.as_deref() {
        Some("application/json" | "application/json-rpc" | "application/jsonrequest") => true,
        Some(_) => false,
        None => !headers.contains_key(header::ORIGIN),
    };
    if allowed {
        return Ok(());
    }
    let error = RpcError::invalid_request("content type must be application/json");
    Err(Box::new(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, &error)))
}

fn json_text(text: impl Into<axum::body::Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text.into()).into_response()
}

fn refuse(status: StatusCode, error: &RpcError) -> Response {
    (status, json_text(envelope::failure(None, error))).into_response()
}

/// 429 with the time after which another attempt makes sense.
fn too_many(message: String) -> Response {
    let mut response = refuse(StatusCode::TOO_MANY_REQUESTS, &RpcError::limit(message));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// A WebSocket upgrade, or for a browser the names of what is here.
async fn open(State(shared): State<Shared>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection> =
        WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) if parts.headers.contains_key(header::UPGRADE) => {
            return rejection.into_response();
        }
        Err(_) => return greeting(&shared.service),
    };
    if !origin::may_connect(&parts.headers, &shared.service.config.cors_origins) {
        let error = RpcError::invalid_request("origin not allowed");
        return refuse(StatusCode::FORBIDDEN, &error);
    }
    let Ok(permit) = shared.service.websockets.clone().try_acquire_owned() else {
        let limit = shared.service.config.websockets_max;
        return too_many(format!("too many WebSocket connections, limit {limit}"));
    };
    let caller = parts.extensions.get::<Caller>().copied().unwrap_or_default();
    let upgrade = upgrade
        .max_message_size(WEBSOCKET_MESSAGE_BYTES_MAX)
        .max_frame_size(WEBSOCKET_MESSAGE_BYTES_MAX);
    let unfinished = parts.extensions.get::<Arc<Unfinished>>().cloned();
    upgrade.on_upgrade(move |socket| async move {
        let peer = websocket::Peer { caller, unfinished };
        websocket::serve(socket, peer, shared.service, shared.stopping).await;
        drop(permit);
    })
}

fn greeting(service: &Service) -> Response {
    let chain_id = service.ledger.genesis().chain_id;
    let value = json!({
        "name": "Heqi",
        "version": service.config.client_version,
        "chainId": chain_id,
        "head": service.ledger.head().number,
        "endpoints": {
            "POST /": "Ethereum JSON-RPC",
            "GET / (WebSocket upgrade)": "Ethereum JSON-RPC with subscriptions",
            "GET /metrics": "Prometheus metrics",
            "GET /livez": "whether the process runs",
            "GET /readyz": "whether the node can serve, with reasons",
        },
    });
    json_text(format!("{value:#}\n"))
}
