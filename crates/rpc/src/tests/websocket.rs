//! Calls and subscriptions over a real WebSocket.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy_primitives::{B256, U256};
use axum::{Extension, Router};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};
use types::FeeMode;

use super::{
    client::{Server, poor, rich},
    ledger::{LOGGER, REVERTER, TestLedger, genesis},
};
use crate::{RpcConfig, Unfinished};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(address: SocketAddr) -> Socket {
    connect_async(format!("ws://{address}/")).await.unwrap().0
}

async fn send(socket: &mut Socket, id: u64, method: &str, params: Value) {
    let call = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    socket.send(Message::text(call.to_string())).await.unwrap();
}

async fn receive(socket: &mut Socket) -> Value {
    loop {
        let message = timeout(Duration::from_secs(10), socket.next()).await.expect("in time");
        if let Message::Text(text) = message.unwrap().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

async fn ask(socket: &mut Socket, method: &str, params: Value) -> Value {
    send(socket, 1, method, params).await;
    let answer = receive(socket).await;
    assert_eq!(answer["id"], 1, "{answer}");
    answer
}

async fn subscribe(socket: &mut Socket, params: Value) -> String {
    ask(socket, "eth_subscribe", params).await["result"].as_str().unwrap().to_owned()
}

/// The close code, after whatever was still on its way.
async fn closed(socket: &mut Socket) -> Option<u16> {
    loop {
        let next = timeout(Duration::from_secs(60), socket.next()).await.expect("closed in time");
        match next {
            Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}

#[tokio::test]
async fn behaviour_13_subscriptions() {
    let server = Server::start().await;
    let mut socket = connect(server.address).await;
    assert_eq!(ask(&mut socket, "eth_blockNumber", json!([])).await["result"], "0x1");
    let heads = subscribe(&mut socket, json!(["newHeads"])).await;
    let logs = subscribe(&mut socket, json!(["logs", { "address": LOGGER, "topics": [] }])).await;
    let none = subscribe(&mut socket, json!(["logs", { "address": REVERTER }])).await;
    let hashes = subscribe(&mut socket, json!(["newPendingTransactions"])).await;
    let full = subscribe(&mut socket, json!(["newPendingTransactions", true])).await;
    let syncing = subscribe(&mut socket, json!(["syncing"])).await;
    assert!(server.metrics().contains("heqi_ws_subscriptions{kind=\"logs\"} 2"));

    let hash = server.send(poor().call(0, LOGGER, &[1; 32])).await;
    for _ in 0..2 {
        let told = receive(&mut socket).await;
        let (id, result) = (&told["params"]["subscription"], &told["params"]["result"]);
        assert_eq!(told["method"], "eth_subscription");
        if *id == json!(hashes) {
            assert_eq!(*result, json!(hash));
        } else {
            assert_eq!((id, &result["hash"]), (&json!(full), &json!(hash)));
            assert_eq!(result["from"], json!(poor().address()));
        }
    }
    let head = server.ledger.mine().await;
    let block = server.ok("eth_getBlockByNumber", json!(["latest", false])).await;
    for _ in 0..3 {
        let told = receive(&mut socket).await;
        let (id, result) = (&told["params"]["subscription"], &told["params"]["result"]);
        if *id == json!(heads) {
            for (name, value) in result.as_object().unwrap() {
                assert_eq!(*value, block[name], "{name}");
            }
            let header: types::Header = serde_json::from_value(result.clone()).unwrap();
            assert_eq!(header.hash_slow(), head.hash, "the header is complete");
        } else if *id == json!(logs) {
            assert_eq!(result["transactionHash"], json!(hash));
            assert_eq!(result["blockHash"], json!(head.hash));
        } else {
            assert_eq!((id, result), (&json!(syncing), &json!(false)));
        }
        assert_ne!(*id, json!(none));
    }
    // After unsubscribing only the rest speaks.
    for id in [&logs, &hashes, &full, &syncing, &none] {
        assert_eq!(ask(&mut socket, "eth_unsubscribe", json!([id])).await["result"], true);
    }
    let twice = ask(&mut socket, "eth_unsubscribe", json!([logs])).await;
    assert_eq!(twice["error"]["message"], "subscription not found");
    for expected in 3..6 {
        server.ledger.mine().await;
        let told = receive(&mut socket).await;
        assert_eq!(told["params"]["result"]["number"], format!("{expected:#x}"));
    }
    drop(socket);
    let over_http = server.error("eth_subscribe", json!(["newHeads"])).await;
    assert_eq!(over_http, (-32601, "notifications not supported".to_owned()));
}

/// A batch may take a while after its subscription: nothing is said under an id that nobody knows.
#[tokio::test]
async fn behaviour_13_ids_are_told_before_what_happens_under_them() {
    let server = Server::start().await;
    let mut socket = connect(server.address).await;
    let before = subscribe(&mut socket, json!(["newHeads"])).await;
    let raw = poor().call(0, LOGGER, &[1; 32]);
    let call = |id: u64, method: &str, params: Value| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    let batch = json!([
        call(1, "eth_subscribe", json!(["newHeads"])),
        call(2, "eth_subscribe", json!(["logs", { "address": LOGGER }])),
        call(3, "eth_sendRawTransactionSync", json!([raw, 5_000])),
    ]);
    socket.send(Message::text(batch.to_string())).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.ledger.mine().await;
    let mut known = vec![before];
    for _ in 0..2 {
        let told = receive(&mut socket).await;
        match told.as_array() {
            Some(answers) => {
                assert_eq!(answers[2]["result"]["status"], "0x1");
                known.push(answers[0]["result"].as_str().unwrap().to_owned());
                known.push(answers[1]["result"].as_str().unwrap().to_owned());
            }
            None => {
                let id = told["params"]["subscription"].as_str().unwrap();
                assert!(known.iter().any(|known| known == id), "an id that was never told");
            }
        }
    }
    assert_eq!(known.len(), 3);
    server.send(poor().call(1, LOGGER, &[2; 32])).await;
    server.ledger.mine().await;
    let mut heard: Vec<String> = Vec::new();
    while heard.len() < 3 {
        let told = receive(&mut socket).await;
        heard.push(told["params"]["subscription"].as_str().unwrap().to_owned());
    }
    // The block before may still be told to the new ones.
    assert!(heard.iter().all(|id| known.contains(id)));
}

#[tokio::test]
async fn finality_is_told_with_its_proof() {
    let server = Server::start().await;
    let mut socket = connect(server.address).await;
    let id = ask(&mut socket, "heqi_subscribe", json!(["finality"])).await["result"].clone();
    let other = ask(&mut socket, "heqi_subscribe", json!(["finality"])).await["result"].clone();
    assert_ne!(id, other);
    server.ledger.mine().await;
    let head = server.ok("eth_blockNumber", json!([])).await;
    let proof = server.ok("heqi_getFinalityProof", json!([head])).await;
    let mut told = Vec::new();
    for _ in 0..2 {
        let notice = receive(&mut socket).await;
        assert_eq!(notice["method"], "heqi_subscription");
        assert_eq!(notice["params"]["result"], proof);
        told.push(notice["params"]["subscription"].clone());
    }
    assert!(told.contains(&id) && told.contains(&other));
    assert_eq!(ask(&mut socket, "heqi_unsubscribe", json!([id])).await["result"], true);
    assert_eq!(ask(&mut socket, "heqi_unsubscribe", json!([id])).await["error"]["code"], -32000);
    let refused = ask(&mut socket, "heqi_subscribe", json!(["governance"])).await;
    assert_eq!(refused["error"]["message"], "no \"governance\" subscription in heqi namespace");
    assert_eq!(server.error("heqi_subscribe", json!(["finality"])).await.0, -32601);
}

#[tokio::test]
async fn behaviour_13_wrong_subscriptions_are_refused() {
    let server = Server::start().await;
    let mut socket = connect(server.address).await;
    for (params, code) in [
        (json!(["newSideHeads"]), -32601),
        (json!([]), -32602),
        (json!([5]), -32602),
        (json!(["logs", { "address": "0x12" }]), -32602),
        (json!(["newPendingTransactions", "yes"]), -32602),
    ] {
        let answer = ask(&mut socket, "eth_subscribe", params.clone()).await;
        assert_eq!(answer["error"]["code"], code, "{params}");
    }
    for _ in 0..crate::limits::SUBSCRIPTIONS_MAX {
        subscribe(&mut socket, json!(["newHeads"])).await;
    }
    let answer = ask(&mut socket, "eth_subscribe", json!(["newHeads"])).await;
    assert_eq!(answer["error"]["code"], -32005, "{answer}");
    for garbage in ["{", "5", "[]", "\u{0}", &"[".repeat(100_000)] {
        socket.send(Message::text(garbage)).await.unwrap();
        let answer = receive(&mut socket).await;
        assert!(answer["error"]["code"].is_i64(), "{answer}");
    }
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}]"#;
    socket.send(Message::binary(batch)).await.unwrap();
    assert!(receive(&mut socket).await.is_array());
}

#[tokio::test]
async fn behaviour_13_slow_consumers_are_closed_with_a_code() {
    let server = Server::start().await;
    let mut socket = connect(server.address).await;
    for _ in 0..200 {
        subscribe(&mut socket, json!(["newHeads"])).await;
    }
    // Nobody reads the socket. Blocks go on, and other connections are served.
    for _ in 0..crate::limits::HEAD_QUEUE_BLOCKS_MAX + 200 {
        server.ledger.mine().await;
        tokio::task::yield_now().await;
    }
    let other = timeout(Duration::from_secs(2), server.ok("eth_blockNumber", json!([]))).await;
    assert!(other.is_ok(), "a slow consumer must not hold up others");
    let code = closed(&mut socket).await;
    assert_eq!(code, Some(1008));
}

#[tokio::test]
async fn behaviour_13_pings_and_close_codes() {
    let server = Server::with(FeeMode::Free, |config| {
        config.ping_interval_ms = 100;
        config.websockets_max = 2;
    })
    .await;
    let mut answering = connect(server.address).await;
    let mut silent = connect(server.address).await;
    let third = connect_async(format!("ws://{}/", server.address)).await;
    assert!(matches!(third, Err(Error::Http(response)) if response.status() == 429));
    // Reading answers pings; the other one stays silent.
    for _ in 0..6 {
        let message = timeout(Duration::from_secs(2), answering.next()).await.unwrap();
        assert!(matches!(message.unwrap().unwrap(), Message::Ping(_)));
    }
    assert_eq!(closed(&mut silent).await, Some(1008));
    assert_eq!(ask(&mut answering, "net_version", json!([])).await["id"], 1);
    server.stop.send_replace(true);
    assert_eq!(closed(&mut answering).await, Some(1001), "the node is going away");
    let mut foreign = format!("ws://{}/", server.address).into_client_request().unwrap();
    foreign.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    let refused = connect_async(foreign).await;
    assert!(matches!(refused, Err(Error::Http(response)) if response.status() == 403));
}

/// RFC 6455: who closes is answered, who sends what is no frame hears so.
#[tokio::test]
async fn behaviour_13_connections_end_as_the_standard_says() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = Server::start().await;
    // Frames are masked with zeros: the payload stands as it is.
    let frame = |first: u8, payload: &[u8]| {
        [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0][..], payload].concat()
    };
    let huge = [&[0x81, 0xff][..], &9_000_000_u64.to_be_bytes(), &[0; 4]].concat();
    for (sent, code) in [
        (frame(0x88, &1000_u16.to_be_bytes()), 1000),
        (frame(0x83, b"x"), 1002),
        (frame(0xc1, b"{}"), 1002),
        (vec![0x81, 0x02, b'{', b'}'], 1002),
        (frame(0x81, &[0xff, 0xfe]), 1007),
        (huge, 1009),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n\
            upgrade: websocket\r\nsec-websocket-version: 13\r\n\
            sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.write_all(&sent).await.unwrap();
        let mut answer = Vec::new();
        let read = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
        read.await.expect("the server closes").unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let closing = &answer[end + 4..];
        assert!(closing.len() >= 4, "{sent:?}: no close frame");
        assert_eq!(closing[0], 0x88, "{sent:?}: {closing:?}");
        assert_eq!(u16::from_be_bytes([closing[2], closing[3]]), code, "{sent:?}");
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_ends_the_connection() {
    let server = Server::start().await;
    let mut socket = connect(server.address).await;
    let text = " ".repeat(crate::limits::WEBSOCKET_MESSAGE_BYTES_MAX + 1);
    // The server may close before all of it is written.
    let _ = socket.send(Message::text(text)).await;
    assert!(matches!(closed(&mut socket).await, Some(1009) | None));
    assert_eq!(server.ok("eth_blockNumber", json!([])).await, "0x1");
}

#[tokio::test]
async fn what_a_host_reads_counts_until_a_message_is_whole() {
    let total = Arc::new(AtomicU64::new(0));
    let unfinished = Arc::new(Unfinished::new(total.clone()));
    let ledger = TestLedger::start(genesis(FeeMode::Free, rich().address())).await;
    let host = |router: Router| router.layer(Extension(unfinished.clone()));
    let server = Server::serve_behind(ledger, RpcConfig::default(), host).await;
    assert!(unfinished.read(1_000));
    assert_eq!(total.load(Ordering::Relaxed), 0, "requests have a limit of their own");
    let mut socket = connect(server.address).await;
    assert!(ask(&mut socket, "eth_chainId", json!([])).await["result"].is_string());
    assert!(unfinished.read(1_000));
    assert_eq!(total.load(Ordering::Relaxed), 1_000);
    assert!(ask(&mut socket, "eth_chainId", json!([])).await["result"].is_string());
    assert_eq!(total.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_waiting_call_does_not_hold_up_the_others() {
    let server = Server::start().await;
    let mut socket = connect(server.address).await;
    let raw = poor().call(0, LOGGER, U256::from(1).to_be_bytes::<32>().as_slice());
    send(&mut socket, 7, "eth_sendRawTransactionSync", json!([raw, "0x2710"])).await;
    send(&mut socket, 8, "eth_chainId", json!([])).await;
    assert_eq!(receive(&mut socket).await["id"], 8);
    server.ledger.mine().await;
    let receipt = receive(&mut socket).await;
    assert_eq!((&receipt["id"], &receipt["result"]["status"]), (&json!(7), &json!("0x1")));
    assert_ne!(receipt["result"]["transactionHash"], json!(B256::ZERO));
}

#[tokio::test]
async fn messages_count_for_their_caller() {
    let server = Server::with(FeeMode::Free, |config| config.caller_weight_per_second = 1).await;
    let mut socket = connect(server.address).await;
    let mut refused = Value::Null;
    for id in 0..20 {
        send(&mut socket, id, "eth_chainId", json!([])).await;
        let answer = receive(&mut socket).await;
        if answer["error"].is_object() {
            refused = answer;
            break;
        }
    }
    assert_eq!(
        (&refused["error"]["code"], refused["id"].as_u64() >= Some(10)),
        (&json!(-32005), true)
    );
}
