//! Callers who want much: always an answer within the limits, and nothing is lost on the way.

use alloy_primitives::{Address, B256, U256};
use futures::{SinkExt as _, StreamExt as _};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio_tungstenite::{connect_async, tungstenite::Message};
use types::FeeMode;

use super::{
    client::{Server, poor, rich},
    ledger::{LOGGER, TestLedger, genesis},
};
use crate::{
    config::RpcConfig,
    envelope::parse,
    metrics::RpcMetrics,
    service::{Context, Service, answer},
};

async fn log(server: &Server, nonces: std::ops::Range<u64>) {
    for nonce in nonces {
        server.send(poor().call(nonce, LOGGER, &U256::from(nonce).to_be_bytes::<32>())).await;
    }
    server.ledger.mine().await;
}

#[tokio::test]
async fn a_filter_gets_on_where_more_happened_than_one_answer_holds() {
    let server = Server::with(FeeMode::Free, |config| config.logs_results_max = 3).await;
    let id = server.ok("eth_newFilter", json!([{ "address": LOGGER, "fromBlock": "0x0" }])).await;
    for block in 0..4 {
        log(&server, block * 2..block * 2 + 2).await;
    }
    let mut topics = Vec::new();
    for poll in 0.. {
        let found = server.ok("eth_getFilterChanges", json!([id])).await;
        let found = found.as_array().unwrap().clone();
        if found.is_empty() {
            break;
        }
        assert!(found.len() <= 3 && poll < 8, "{poll}");
        topics.extend(found.iter().map(|log| log["topics"][0].clone()));
    }
    let expected: Vec<Value> = (0..8).map(|nonce| json!(B256::from(U256::from(nonce)))).collect();
    assert_eq!(topics, expected, "each once, in order");
    // All at once is refused, and says how to ask.
    assert_eq!(server.error("eth_getFilterLogs", json!([id])).await.0, -32005);
}

/// Whoever bisects a range ends at one block, which must not be too much.
#[tokio::test]
async fn the_logs_of_one_block_are_always_answered() {
    let server = Server::with(FeeMode::Free, |config| config.logs_results_max = 2).await;
    log(&server, 0..5).await;
    let all = json!([{ "fromBlock": "0x2", "toBlock": "0x2" }]);
    assert_eq!(server.ok("eth_getLogs", all).await.as_array().unwrap().len(), 5);
    let range = json!([{ "fromBlock": "0x1", "toBlock": "0x2" }]);
    assert_eq!(server.error("eth_getLogs", range).await.0, -32005);
}

#[tokio::test]
async fn subscriptions_hold_a_bounded_number_of_addresses_and_topics() {
    let server = Server::start().await;
    let url = format!("ws://{}/", server.address);
    let (mut socket, _) = connect_async(url).await.unwrap();
    let words: Vec<B256> = (0..1_000).map(|number| B256::from(U256::from(number))).collect();
    let addresses: Vec<_> = words.iter().map(|word| Address::from_word(*word)).collect();
    let topics = vec![words; 4];
    let mut codes = Vec::new();
    for filter in [
        json!({ "address": addresses, "topics": topics }),
        json!({ "topics": topics, "address": addresses }),
        json!({ "address": LOGGER }),
        json!({}),
    ] {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_subscribe",
            "params": ["logs", filter] });
        socket.send(Message::text(call.to_string())).await.unwrap();
        let Some(Ok(Message::Text(text))) = socket.next().await else { panic!("no answer") };
        let answer: Value = serde_json::from_str(&text).unwrap();
        codes.push(answer["error"]["code"].clone());
    }
    assert_eq!(codes, [Value::Null, Value::Null, json!(-32005), Value::Null]);
}

/// Every subscription of a connection hears of every log, in order.
#[tokio::test]
async fn many_subscriptions_hear_of_many_logs() {
    const SUBSCRIPTIONS: usize = 20;
    const LOGS: u64 = 30;
    let server = Server::start().await;
    let (mut socket, _) = connect_async(format!("ws://{}/", server.address)).await.unwrap();
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_subscribe",
        "params": ["logs", { "address": LOGGER }] });
    for _ in 0..SUBSCRIPTIONS {
        socket.send(Message::text(call.to_string())).await.unwrap();
        socket.next().await.unwrap().unwrap();
    }
    log(&server, 0..LOGS).await;
    let mut heard = std::collections::HashMap::<String, Vec<Value>>::new();
    for _ in 0..SUBSCRIPTIONS as u64 * LOGS {
        let Some(Ok(Message::Text(text))) = socket.next().await else { panic!("closed") };
        let told: Value = serde_json::from_str(&text).unwrap();
        let id = told["params"]["subscription"].as_str().unwrap().to_owned();
        heard.entry(id).or_default().push(told["params"]["result"]["logIndex"].clone());
    }
    let expected: Vec<Value> = (0..LOGS).map(|index| json!(format!("{index:#x}"))).collect();
    assert_eq!(heard.len(), SUBSCRIPTIONS);
    assert!(heard.values().all(|indices| *indices == expected));
}

/// Whole blocks and the pool are written out for so many at once; whoever waits holds up nobody who
/// asks for less.
#[tokio::test]
async fn whole_blocks_wait_for_their_turn() {
    let ledger = TestLedger::start(genesis(FeeMode::Free, rich().address())).await;
    let config = RpcConfig { request_timeout_ms: 300, ..RpcConfig::default() };
    let metrics = RpcMetrics::register(&mut Registry::default());
    let service = Service::start(ledger, config, metrics);
    let readings = service.readings.clone();
    let others = readings.try_acquire_many(readings.available_permits() as u32).unwrap();
    let context = Context { service, session: None };
    let ask = async |method: &str, params: Value| {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let told = answer(&context, parse(call.to_string().as_bytes()).unwrap()).await.unwrap();
        serde_json::from_str::<Value>(&told.into_text().0).unwrap()
    };
    for (method, params) in [
        ("eth_getBlockReceipts", json!(["latest"])),
        ("eth_getBlockByNumber", json!(["latest", true])),
        ("txpool_content", json!([])),
        ("debug_getRawBlock", json!(["latest"])),
        ("ots_getBlockDetails", json!(["latest"])),
    ] {
        assert_eq!(ask(method, params).await["error"]["code"], -32002, "{method}");
    }
    assert_eq!(
        ask("eth_getBlockByNumber", json!(["latest", false])).await["result"]["number"],
        "0x1"
    );
    drop(others);
    assert!(ask("eth_getBlockReceipts", json!(["latest"])).await["result"].is_array());
}
