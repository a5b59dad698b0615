//! What arrives as text: genesis files, configuration files, JSON-RPC.

use std::path::Path;

use node::config::Config;
use serde_json::Value;
use types::{Block, Genesis};

use crate::fixture;

/// JSON-RPC's code for a text that is no JSON.
const PARSE_ERROR: i64 = -32700;
/// Nesting that a request may have, levels.
const DEPTH_MAX: usize = 127;
/// Calls that a batch may have.
const BATCH_MAX: usize = 1_000;

/// A genesis file that is accepted reads the same after being written, and makes a block 0 that
/// every node accepts.
pub fn genesis(bytes: &[u8]) -> bool {
    let Some(genesis) = text(bytes).and_then(|text| Genesis::from_json(text).ok()) else {
        return false;
    };
    let written = serde_json::to_string(&genesis).expect("a genesis file can be written");
    let again = Genesis::from_json(&written).expect("what was written can be read");
    assert_eq!(again, genesis);
    assert_eq!(again.commitment(), genesis.commitment());
    let block = genesis.block(fixture::extension().state).expect("the validators were checked");
    assert_eq!(Block::decode(&alloy_rlp::encode(&block)), Ok(block));
    true
}

/// A configuration that is accepted reads the same after being written; one that is refused is
/// refused with a next step.
pub fn node_config(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else {
        return false;
    };
    let read = |text: &str| Config::from_text(text, Path::new("node.toml"));
    match read(text) {
        Ok(config) => {
            let written = toml::to_string(&config).expect("a configuration can be written");
            assert_eq!(read(&written).expect("what was written can be read"), config);
            true
        }
        Err(error) => {
            let report = error.report();
            assert!(report.starts_with("error[") && report.contains("\n  next: "), "{report}");
            false
        }
    }
}

/// What a server answers is JSON, answers each call once and under its own id, and calls no JSON
/// text unparsable.
pub fn rpc_body(bytes: &[u8]) -> bool {
    let parsed = rpc::parse_body(bytes);
    let answer = parsed.answer.map(|answer| -> Value {
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error} in {answer}"))
    });
    let body: Option<Value> = serde_json::from_slice(bytes).ok();
    if let Some(body) = body.filter(|body| depth(body) <= DEPTH_MAX) {
        let code = answer.as_ref().and_then(|answer| answer["error"]["code"].as_i64());
        assert_ne!(code, Some(PARSE_ERROR), "JSON is refused as none: {body}");
        match &body {
            Value::Array(items) if (1..=BATCH_MAX).contains(&items.len()) => {
                assert_eq!(parsed.calls, items.len());
                check_batch(items, answer.as_ref());
            }
            Value::Array(_) => assert_eq!(parsed.calls, 0),
            call => check_ids(std::slice::from_ref(call), answer.as_ref()),
        }
    }
    parsed.readings > 0
}

fn check_batch(calls: &[Value], answer: Option<&Value>) {
    let answers = match answer {
        None => &[],
        Some(Value::Array(answers)) => answers.as_slice(),
        Some(other) => panic!("a batch is answered with {other}"),
    };
    assert!(answers.len() <= calls.len());
    answers.iter().for_each(|answer| check_ids(calls, Some(answer)));
}

/// Whether the answer's id is that of one of the calls, or null where none could be read.
fn check_ids(calls: &[Value], answer: Option<&Value>) {
    let Some(answer) = answer else {
        return;
    };
    assert_eq!(answer["jsonrpc"], "2.0");
    assert!(answer["error"]["message"].is_string(), "{answer}");
    let id = &answer["id"];
    assert!(id.is_null() || calls.iter().any(|call| call["id"] == *id), "{id} was not asked");
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
