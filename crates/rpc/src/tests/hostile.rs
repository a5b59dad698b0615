//! Bad input: always an answer, never a panic, and the server goes on.

use ledger_api::Ledger as _;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use types::FeeMode;

use super::{
    client::{Server, rich},
    ledger::{TestLedger, genesis},
};
use crate::{
    config::RpcConfig,
    envelope::parse,
    limits::REQUEST_BYTES_MAX,
    methods::METHODS,
    metrics::RpcMetrics,
    service::{Context, Service, answer},
};

#[tokio::test]
async fn malformed_bodies_are_parse_errors_with_http_200() {
    let server = Server::start().await;
    let deep = "[".repeat(2_000_000);
    let nested = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{}{}]}}"#,
        "[".repeat(500),
        "]".repeat(500)
    );
    for body in ["", "{", "nul", "{\"jsonrpc\":", "\u{0}", &deep, &nested, "{} {}", "'a'"] {
        let answer = server.post(body).await;
        let shown: String = body.chars().take(40).collect();
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (200, &json!(-32700)),
            "{shown}"
        );
        assert_eq!(answer.json()["id"], Value::Null);
    }
    let answer = server.post(b"\xff\xfe{}").await;
    assert_eq!(answer.json()["error"]["code"], -32700);
    for body in ["{}", "1", "\"x\"", "null", r#"{"jsonrpc":"2.0","id":1}"#] {
        assert_eq!(server.post(body).await.json()["error"]["code"], -32600, "{body}");
    }
}

#[tokio::test]
async fn sizes_are_bounded() {
    let server = Server::start().await;
    let announced = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
        connection: close\r\ncontent-length: 1073741824\r\n\r\n{";
    let answer = server.raw(announced).await;
    assert_eq!(answer.status, 413);
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("limit 26214400"));
    let mut chunked = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
        connection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        .to_vec();
    for _ in 0..26 {
        chunked.extend_from_slice(b"100000\r\n");
        chunked.resize(chunked.len() + 0x10_0000, b' ');
        chunked.extend_from_slice(b"\r\n");
    }
    assert_eq!(server.raw(&chunked).await.status, 413);
    // The largest body that is allowed, full of the smallest items.
    let mut body = vec![b'['];
    body.resize(REQUEST_BYTES_MAX - 2, b'1');
    for at in (2..body.len()).step_by(2) {
        body[at] = b',';
    }
    body.extend_from_slice(b"1]");
    let answer = server.post(&body).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (200, &json!(-32600)));
    let early = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
        content-length: 10\r\n\r\n{";
    use tokio::io::AsyncWriteExt as _;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    stream.write_all(early).await.unwrap();
    drop(stream);
    assert_eq!(server.ok("eth_blockNumber", json!([])).await, "0x1");
}

/// What nobody could be told is not done.
#[tokio::test]
async fn a_batch_ends_where_answers_find_no_room() {
    let ledger = TestLedger::start(genesis(FeeMode::Free, rich().address())).await;
    let metrics = RpcMetrics::register(&mut Registry::default());
    let service = Service::start(ledger.clone(), RpcConfig::default(), metrics);
    let budget = service.answer_kib.clone();
    let others = budget.try_acquire_many(budget.available_permits() as u32).unwrap();
    let send = |nonce| {
        let raw = rich().call(nonce, rich().address(), b"");
        json!({ "jsonrpc": "2.0", "id": nonce, "method": "eth_sendRawTransaction", "params": [raw] })
    };
    let batch = json!([send(0), send(1), {}, send(2)]).to_string();
    let context = Context { service: service.clone(), session: None };
    let told = answer(&context, parse(batch.as_bytes()).unwrap()).await.unwrap();
    let told: Value = serde_json::from_str(&told.into_text().0).unwrap();
    let codes: Vec<_> = told.as_array().unwrap().iter().map(|one| &one["error"]["code"]).collect();
    assert_eq!(codes, [-32005; 4]);
    assert_eq!((&told[1]["id"], &told[2]["id"]), (&json!(1), &Value::Null));
    assert_eq!(ledger.pool().status().executable, 1);
    drop(others);
    let told = answer(&context, parse(batch.as_bytes()).unwrap()).await.unwrap();
    let told: Value = serde_json::from_str(&told.into_text().0).unwrap();
    assert!(told[3]["result"].is_string(), "{told}");
    assert_eq!(ledger.pool().status().executable, 3);
}

/// Every method with every kind of wrong parameter.
#[tokio::test]
async fn wrong_parameters_never_break_a_method() {
    let server = Server::start().await;
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(""),
        json!("0x"),
        json!("0x0"),
        json!("latest"),
        json!("0xzz"),
        json!("0x1"),
        json!([]),
        json!({}),
        json!("0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
        json!("0x0000000000000000000000000000000000000051"),
        json!([[[]]]),
        json!("0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
        json!({ "to": 5 }),
        json!({ "fromBlock": "0xffffffffffffffff", "toBlock": "0xffffffffffffffff" }),
        json!({ "fromBlock": "0x0", "toBlock": "0xffffffffffffffff", "topics": [[null, 5]] }),
        json!({ "blockHash": 1 }),
        json!([{ "address": 1 }]),
        json!("0x".to_owned() + &"ff".repeat(300_000)),
    ];
    for method in METHODS {
        if method.name == "eth_sendRawTransactionSync" {
            continue;
        }
        let mut calls = Vec::new();
        for (at, first) in values.iter().enumerate() {
            let second = &values[(at * 7 + 3) % values.len()];
            let third = &values[(at * 5 + 1) % values.len()];
            for params in [
                json!([first]),
                json!([first, second]),
                json!([first, second, third]),
                json!(["latest", first, second]),
                json!([values[14], first]),
            ] {
                calls.push(
                    json!({ "jsonrpc": "2.0", "id": 1, "method": method.name, "params": params }),
                );
            }
        }
        let answers = server.post(json!(calls).to_string()).await.json();
        for (answer, call) in answers.as_array().unwrap().iter().zip(&calls) {
            let code = answer["error"]["code"].as_i64();
            assert!(code != Some(-32603), "{}: {answer}", call["params"].to_string().len());
            assert!(code.is_some() || answer.get("result").is_some());
        }
    }
    for params in [json!({ "a": 1 }), json!("x"), json!(5), json!(vec![1; 17])] {
        assert_eq!(server.error("eth_chainId", params).await.0, -32602);
    }
}
