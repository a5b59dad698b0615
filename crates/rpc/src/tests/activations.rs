//! Rules that begin at a height, as callers see them.

use std::sync::Arc;

use alloy_primitives::{Address, U256};
use ledger_api::Ledger as _;
use serde_json::json;
use types::FeeMode;

use super::{
    client::{Server, rich},
    ledger::{LOGGER, TestLedger, genesis},
};
use crate::RpcConfig;

const OSAKA: u64 = 3;

#[tokio::test]
async fn the_configuration_tells_what_has_begun_and_what_will_and_estimates_follow() {
    let mut genesis = genesis(FeeMode::Free, rich().address());
    genesis.parameters.activations.insert("osaka".into(), OSAKA);
    let ledger = TestLedger::start(genesis).await;
    let server = Server::serve(Arc::clone(&ledger), RpcConfig::default()).await;
    // Runs for ever: the estimate ends at the highest gas limit.
    let endless =
        json!([{ "to": LOGGER }, "latest", { LOGGER.to_string(): { "code": "0x5b600056" } }]);
    let before = server.ok("eth_config", json!([])).await;
    assert_eq!(before["current"]["activationBlock"], "0x0");
    assert_eq!(before["next"]["activationBlock"], "0x3");
    assert_eq!(before["last"], before["next"]);
    assert_ne!(before["next"]["forkId"], before["current"]["forkId"]);
    let p256 = json!(Address::from_slice(&[&[0; 18][..], &[1, 0]].concat()));
    let has = |config: &serde_json::Value| {
        config["precompiles"].as_object().unwrap().values().any(|address| *address == p256)
    };
    assert!(!has(&before["current"]) && has(&before["next"]), "{before}");
    let (_, words) = server.error("eth_estimateGas", endless.clone()).await;
    assert_eq!(words, "gas required exceeds allowance (60000000)");
    while ledger.mine().await.number < OSAKA {}
    let after = server.ok("eth_config", json!([])).await;
    assert_eq!(after["next"], json!(null));
    assert_eq!(after["current"]["activationBlock"], "0x3");
    assert_eq!(after["current"]["forkId"], before["next"]["forkId"]);
    let (header, _) = ledger.chain().header(OSAKA).unwrap().unwrap();
    assert_eq!(after["current"]["activationTime"], json!(header.timestamp));
    let (_, words) = server.error("eth_estimateGas", endless).await;
    assert_eq!(words, "gas required exceeds allowance (16777216)");
    // What nobody signs may have more (geth): the code answers the gas that it has.
    let call = json!({ "to": LOGGER, "gas": "0x2faf080" });
    let code = json!({ LOGGER.to_string(): { "code": "0x5a5f5260205ff3" } });
    let answer = server.ok("eth_call", json!([call, "latest", code])).await;
    let gas: U256 = answer.as_str().unwrap().parse().unwrap();
    assert!(gas > U256::from(49_900_000), "{gas}");
    let options = json!({ "tracer": "callTracer", "stateOverrides": code });
    let trace = server.ok("debug_traceCall", json!([call, "latest", options])).await;
    assert_eq!(trace["output"], answer);
}
