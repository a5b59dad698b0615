#![allow(clippy::unwrap_used)]
use axum::body::{Body, to_bytes};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::connection::LimitedListener;

struct Fixed(Observation);

impl Observe for Fixed {
    fn observe(&self) -> BoxFuture<'_, Observation> {
        Box::pin(async { self.0.clone() })
    }
}

struct Silent;

impl Observe for Silent {
    fn observe(&self) -> BoxFuture<'_, Observation> {
        Box::pin(futures::future::pending())
    }
}

fn serving(observe: impl Observe) -> Serving {
    Serving {
        router: Router::new().route("/", axum::routing::post(|| async { "answer" })),
        observe: Arc::new(observe),
        heartbeat_ms: 15_000,
        library_metrics: Arc::new(|| "library_metric 1\n# EOF\n".into()),
    }
}

fn healthy() -> Observation {
    Observation {
        head_number: 7,
        head_time_ms: now_ms(),
        finalized_height: 7,
        ..Observation::default()
    }
}

async fn call(state: &Arc<NodeState>, method: &str, path: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = router(state.clone()).oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn a_starting_node_lives_and_is_not_ready() {
    let state = Arc::new(NodeState::new("Bank A"));
    assert_eq!(call(&state, "GET", "/livez").await, (StatusCode::OK, "ok\n".into()));
    let (status, _) = call(&state, "GET", "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let (_, body) = call(&state, "GET", "/readyz?verbose").await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["reasons"][0]["reason"], "starting");
    let (status, body) = call(&state, "POST", "/").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("node is starting"), "{body}");
    assert_eq!(call(&state, "GET", "/metrics").await.0, StatusCode::OK);
    let library = call(&state, "GET", "/metrics/library").await;
    assert_eq!(library.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn library_metrics_are_bounded() {
    let state = Arc::new(NodeState::new("Bank A"));
    let mut served = serving(Fixed(healthy()));
    served.library_metrics = Arc::new(|| "x".repeat(LIBRARY_METRICS_BYTES_MAX + 1));
    state.serve(served);
    let (status, text) = call(&state, "GET", "/metrics/library").await;
    assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE, "{text:.80}");
}

#[tokio::test]
async fn a_running_node_is_ready_until_it_stops() {
    let state = Arc::new(NodeState::new("Bank A"));
    state.serve(serving(Fixed(healthy())));
    assert_eq!(call(&state, "GET", "/readyz").await, (StatusCode::OK, "ok\n".into()));
    assert_eq!(call(&state, "POST", "/").await, (StatusCode::OK, "answer".into()));
    let (_, text) = call(&state, "GET", "/metrics").await;
    assert!(text.contains("heqi_chain_height 7") && text.ends_with("# EOF\n"), "{text}");
    state.set_store(StoreHealth {
        free_bytes: Some(1),
        write_error: Some("read-only".into()),
        ..StoreHealth::default()
    });
    let (status, body) = call(&state, "GET", "/readyz?verbose=1").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("store_not_writable"), "{body}");
    assert!(body.contains("disk_low") && body.contains("\"free_bytes\":1"), "{body}");
    let (status, text) = call(&state, "GET", "/metrics/library").await;
    assert_eq!((status, text), (StatusCode::OK, "library_metric 1\n# EOF\n".into()));
    state.set_store(StoreHealth::default());
    state.stopping();
    assert_eq!(call(&state, "GET", "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(call(&state, "GET", "/livez").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_ledger_that_does_not_answer_is_no_hang() {
    let state = Arc::new(NodeState::new("Bank A"));
    state.serve(serving(Silent));
    let (status, body) = call(&state, "GET", "/readyz?verbose").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("no_answer"), "{body}");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_counted() {
    let state = Arc::new(NodeState::new("Bank A"));
    let open = state.metrics().connections();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = LimitedListener::new(listener, 1, open.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router(state)).await });
    let mut answer = [0u8; 12];
    let mut held = None;
    // On a busy machine the answer may be too long ago, and the first one gives way instead.
    for _ in 0..20 {
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        if first.read_exact(&mut answer).await.is_err() {
            continue;
        }
        assert_eq!(&answer, b"HTTP/1.1 200");
        let mut second = TcpStream::connect(address).await.unwrap();
        let end = tokio::time::timeout(Duration::from_secs(1), second.read(&mut answer)).await;
        if matches!(end, Ok(Ok(0) | Err(_))) {
            held = Some(first);
            break;
        }
    }
    let first = held.unwrap();
    assert_eq!(open.get(), 1);
    drop(first);
    tokio::time::timeout(Duration::from_secs(5), async {
        while open.get() != 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    TcpStream::connect(address).await.unwrap();
    server.abort();
}

#[tokio::test]
async fn a_silent_connection_gives_way_when_all_places_are_taken() {
    let state = Arc::new(NodeState::new("Bank A"));
    let open = state.metrics().connections();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = LimitedListener::new(listener, 2, open.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router(state)).await });
    let ask = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut answer = [0u8; 12];
    let mut silent = TcpStream::connect(address).await.unwrap();
    // Half a request is no more than silence: nothing of it is ever answered.
    silent.write_all(&ask[..20]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(ask).await.unwrap();
    busy.read_exact(&mut answer).await.unwrap();
    let mut late = TcpStream::connect(address).await.unwrap();
    late.write_all(ask).await.unwrap();
    let patience = Duration::from_secs(5);
    tokio::time::timeout(patience, late.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let end = tokio::time::timeout(patience, silent.read(&mut answer)).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    busy.write_all(ask).await.unwrap();
    let read = tokio::time::timeout(patience, busy.read(&mut answer)).await.unwrap();
    assert!(matches!(read, Ok(1..)), "the one that is answered stays: {read:?}");
    assert_eq!(open.get(), 2);
    server.abort();
}
