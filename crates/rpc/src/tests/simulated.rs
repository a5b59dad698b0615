//! `eth_simulateV1` on a ledger: error codes, and what execution-apis' cases leave open. Results are
//! compared exactly by `testing/conformance`, on the chain those cases were made with.

use alloy_primitives::{Address, B256, U256};
use serde_json::{Value, json};
use types::FeeMode;

use super::{
    client::{Server, rich},
    ledger::{LOGGER, READER, REVERTER},
};
use crate::limits::{SIMULATED_BLOCKS_MAX, SIMULATED_CALLS_MAX};

const POOR: &str = "0xc000000000000000000000000000000000000000";

async fn simulate(server: &Server, payload: Value) -> Value {
    server.ok("eth_simulateV1", json!([payload, "latest"])).await
}

async fn code(server: &Server, payload: Value) -> i64 {
    server.error("eth_simulateV1", json!([payload, "latest"])).await.0
}

fn one_block(calls: Value) -> Value {
    json!({ "blockStateCalls": [{ "calls": calls }] })
}

fn validated(calls: Value) -> Value {
    json!({ "blockStateCalls": [{ "calls": calls }], "validation": true })
}

#[tokio::test]
async fn calls_build_on_each_other_across_blocks_and_leave_nothing_behind() {
    let server = Server::start().await;
    let store = json!({ "from": POOR, "to": LOGGER, "input": B256::with_last_byte(7) });
    let read = json!({ "from": POOR, "to": LOGGER, "input": B256::with_last_byte(9) });
    let payload = json!({ "blockStateCalls": [{ "calls": [store] }, {}, { "calls": [read] }] });
    let blocks = simulate(&server, payload).await;
    let head = server.ok("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(blocks[0]["parentHash"], head["hash"]);
    assert_eq!(blocks[1]["parentHash"], blocks[0]["hash"]);
    assert_eq!(blocks[0]["calls"][0]["status"], "0x1");
    assert_eq!(blocks[0]["calls"][0]["logs"].as_array().unwrap().len(), 1);
    assert_eq!(blocks[0]["calls"][0]["logs"][0]["blockHash"], blocks[0]["hash"]);
    // Ledgers do not know the root of a state that was never built.
    assert_eq!(blocks[0]["stateRoot"], json!(B256::ZERO));
    assert_eq!(blocks[0]["timestampMillis"], Value::Null);
    let slot = server.ok("eth_getStorageAt", json!([LOGGER, "0x0", "latest"])).await;
    assert_eq!(slot, json!(B256::ZERO), "nothing is kept");
}

#[tokio::test]
async fn numbers_and_times_rise_and_gaps_are_filled() {
    let server = Server::start().await;
    let head = server.ok("eth_getBlockByNumber", json!(["latest", false])).await;
    let number = u64::from_str_radix(&head["number"].as_str().unwrap()[2..], 16).unwrap();
    let time = u64::from_str_radix(&head["timestamp"].as_str().unwrap()[2..], 16).unwrap();
    let at =
        |offset: u64| json!({ "blockOverrides": { "number": format!("{:#x}", number + offset) } });
    let blocks = simulate(&server, json!({ "blockStateCalls": [at(3), {}] })).await;
    let numbers: Vec<&Value> =
        blocks.as_array().unwrap().iter().map(|one| &one["number"]).collect();
    let expected: Vec<Value> =
        (1..=4).map(|offset| json!(format!("{:#x}", number + offset))).collect();
    assert_eq!(numbers, expected.iter().collect::<Vec<_>>());
    assert_eq!(blocks[3]["timestamp"], json!(format!("{:#x}", time + 48)));
    assert_eq!(code(&server, json!({ "blockStateCalls": [at(2), at(2)] })).await, -38020);
    assert_eq!(code(&server, json!({ "blockStateCalls": [at(0)] })).await, -38020);
    let when = |time: u64| json!({ "blockOverrides": { "time": format!("{time:#x}") } });
    assert_eq!(code(&server, json!({ "blockStateCalls": [when(time)] })).await, -38021);
    let twice = json!({ "blockStateCalls": [when(time + 5), when(time + 5)] });
    assert_eq!(code(&server, twice).await, -38021);
}

#[tokio::test]
async fn what_could_be_no_transaction_has_the_specified_code() {
    let server = Server::with(FeeMode::Metered, |_| {}).await;
    let rich = rich().address();
    let call = |more: Value| {
        let mut call = json!({ "from": rich, "to": LOGGER, "maxFeePerGas": "0x3e8" });
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([call])
    };
    let written = |nonce: &str| {
        json!({ "blockStateCalls": [{
            "stateOverrides": { (POOR): { "nonce": nonce, "balance": "0xffffffffffffffff" } },
            "calls": [{ "from": POOR, "to": LOGGER, "nonce": "0x4", "maxFeePerGas": "0x3e8" }],
        }], "validation": true })
    };
    assert_eq!(code(&server, written("0x5")).await, -38010);
    assert_eq!(code(&server, written("0x3")).await, -38011);
    let cheap = validated(call(json!({ "maxFeePerGas": "0x1" })));
    assert_eq!(code(&server, cheap).await, -38012);
    assert_eq!(code(&server, one_block(call(json!({ "gas": "0x1" })))).await, -38013);
    let poor = json!([{ "from": POOR, "to": LOGGER, "value": "0x1" }]);
    assert_eq!(code(&server, one_block(poor)).await, -38014);
    let gas = one_block(call(json!({ "gas": "0xffffffffff" })));
    assert_eq!(code(&server, gas).await, -38015);
    let long = format!("0x{}", "00".repeat(49_153));
    let create = json!([{ "from": rich, "input": long }]);
    assert_eq!(code(&server, one_block(create)).await, -38025);
    let most =
        written("0xffffffffffffffff").to_string().replace("\"0x4\"", "\"0xffffffffffffffff\"");
    assert_eq!(code(&server, serde_json::from_str(&most).unwrap()).await, -32603);
    let both = call(json!({ "gasPrice": "0x1" }));
    assert_eq!(code(&server, one_block(both)).await, -32602);
    let blob = call(json!({ "blobVersionedHashes": [B256::with_last_byte(1)] }));
    assert_eq!(code(&server, one_block(blob)).await, -32000);
}

#[tokio::test]
async fn limits_are_told_before_anything_runs() {
    let server = Server::start().await;
    let many = |count: u64| json!({ "blockStateCalls": vec![json!({}); count as usize] });
    assert_eq!(code(&server, many(SIMULATED_BLOCKS_MAX + 1)).await, -38026);
    assert_eq!(simulate(&server, many(SIMULATED_BLOCKS_MAX)).await.as_array().unwrap().len(), 256);
    let far = json!({ "blockStateCalls": [{ "blockOverrides": { "number": "0xffffffffffff" } }] });
    assert_eq!(code(&server, far).await, -38026);
    let calls = one_block(json!(vec![json!({}); SIMULATED_CALLS_MAX + 1]));
    assert_eq!(code(&server, calls).await, -38026);
    assert_eq!(code(&server, json!({ "blockStateCalls": [] })).await, -32602);
    assert_eq!(code(&server, json!({})).await, -32602);
    // The gas of all calls together is bounded; what is left is not enough for the last.
    let looped = json!({ "blockStateCalls": [{
        "stateOverrides": { (POOR): { "code": "0xfe" } },
        "calls": [{ "to": POOR }, { "to": POOR }, { "to": POOR }],
    }] });
    assert!([-38013, -38015].contains(&code(&server, looped).await));
    let unknown =
        server.error("eth_simulateV1", json!([{ "blockStateCalls": [{}] }, "0xffff"])).await;
    assert_eq!(unknown.0, -32000);
}

#[tokio::test]
async fn precompiled_contracts_are_moved_and_misuse_is_named() {
    let server = Server::start().await;
    let identity = Address::with_last_byte(4);
    let there = Address::repeat_byte(0x77);
    let moved = |from: Address, to: Address, more: Value| {
        let mut overrides = json!({ (from.to_string()): { "movePrecompileToAddress": to } });
        overrides.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "blockStateCalls": [{
            "stateOverrides": overrides,
            "calls": [{ "to": there, "input": "0x1234" }, { "to": identity, "input": "0x1234" }],
        }] })
    };
    let blocks = simulate(&server, moved(identity, there, json!({}))).await;
    assert_eq!(blocks[0]["calls"][0]["returnData"], "0x1234");
    assert_eq!(blocks[0]["calls"][1]["returnData"], "0x");
    let itself = moved(identity, identity, json!({}));
    assert_eq!(code(&server, itself).await, -38022);
    assert_eq!(code(&server, moved(LOGGER, there, json!({}))).await, -32000);
    let taken = json!({ (there.to_string()): { "balance": "0x1" } });
    assert_eq!(code(&server, moved(identity, there, taken)).await, -32000);
    // In eth_call as well.
    let overrides = json!({ (identity.to_string()): { "movePrecompileToAddress": there } });
    let call = json!([{ "to": there, "input": "0x5678" }, "latest", overrides]);
    assert_eq!(server.ok("eth_call", call).await, json!("0x5678"));
}

#[tokio::test]
async fn moved_ether_is_logged_and_failures_stand_in_the_answer() {
    let server = Server::start().await;
    let payload = json!({ "blockStateCalls": [{
        "stateOverrides": { (POOR): { "balance": "0x7d0" } },
        "calls": [
            { "from": POOR, "to": READER, "value": "0x3e8", "input": format!("{:#x}", B256::ZERO) },
            { "from": POOR, "to": REVERTER, "value": "0x3e8", "input": "0xabcd" },
            { "to": super::ledger::INVALID },
        ],
    }], "traceTransfers": true, "returnFullTransactions": true });
    let blocks = simulate(&server, payload).await;
    let calls = &blocks[0]["calls"];
    assert_eq!(calls[0]["logs"][0]["address"], "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
    assert_eq!(calls[0]["logs"][0]["logIndex"], "0x0");
    assert_eq!(calls[1]["error"]["code"], 3);
    assert_eq!(calls[1]["error"]["data"], "0xabcd");
    assert_eq!((&calls[1]["status"], &calls[1]["logs"]), (&json!("0x0"), &json!([])));
    assert_eq!(calls[2]["error"]["code"], -32015);
    assert_eq!(blocks[0]["transactions"][0]["from"], POOR);
    assert_eq!(blocks[0]["logsBloom"], json!(alloy_primitives::Bloom::ZERO), "not in the receipts");
}

#[tokio::test]
async fn block_overrides_are_seen_by_calls_and_simulated_blocks() {
    let server = Server::start().await;
    // Returns NUMBER, TIMESTAMP, COINBASE, PREVRANDAO, GASLIMIT, BASEFEE, BLOBBASEFEE.
    let code = "0x43600052426020524160405244606052456080524860a0524a60c05260e06000f3";
    let state = json!({ (POOR): { "code": code } });
    let fields = json!({
        "number": "0x100", "time": "0x70000000", "feeRecipient": LOGGER, "prevRandao": B256::repeat_byte(5),
        "gasLimit": "0x1c9c380", "baseFeePerGas": "0x0", "blobBaseFee": "0x9",
    });
    let called = server.ok("eth_call", json!([{ "to": POOR }, "latest", state, fields])).await;
    let words = |value: &Value| -> Vec<U256> {
        let bytes = alloy_primitives::hex::decode(value.as_str().unwrap()).unwrap();
        bytes.chunks(32).map(U256::from_be_slice).collect()
    };
    let seen = words(&called);
    assert_eq!(seen[0], U256::from(0x100));
    assert_eq!(seen[1], U256::from(0x7000_0000));
    assert_eq!(seen[2], U256::from_be_bytes(LOGGER.into_word().0));
    assert_eq!(seen[3], U256::from_be_bytes([5; 32]));
    assert_eq!((seen[4], seen[5], seen[6]), (U256::from(30_000_000), U256::ZERO, U256::from(9)));
    let payload = json!({ "blockStateCalls": [{
        "blockOverrides": fields, "stateOverrides": state, "calls": [{ "to": POOR }],
    }] });
    let blocks = simulate(&server, payload).await;
    let last = blocks.as_array().unwrap().last().unwrap();
    assert_eq!(words(&last["calls"][0]["returnData"]), seen);
    assert_eq!(last["miner"], json!(LOGGER));
}

#[tokio::test]
async fn a_simulation_that_takes_too_long_says_so() {
    let server = Server::with(FeeMode::Free, |config| config.simulation_timeout_ms = 50).await;
    // Jumps for ever.
    let looped = json!({ "blockStateCalls": [{
        "stateOverrides": { (POOR): { "code": "0x5b600056" } }, "calls": [{ "to": POOR }],
    }] });
    assert_eq!(code(&server, looped).await, -32016);
}
