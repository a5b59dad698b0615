//! What the numbered behaviours leave out.

use std::{collections::HashSet, sync::atomic::Ordering};

use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use ed25519_dalek::{Signature, VerifyingKey};
use ledger_api::Ledger as _;
use serde_json::{Value, json};
use types::{Extension, FeeMode, decode_header};

use super::{
    client::{Server, poor, rich},
    ledger::{CHAIN_ID, LOGGER, READER},
};
use crate::methods::{METHODS, Tier};

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

#[test]
fn the_table_names_each_method_once_and_all_of_the_core() {
    let names: HashSet<&str> = METHODS.iter().map(|method| method.name).collect();
    assert_eq!(names.len(), METHODS.len());
    assert!(METHODS.iter().all(|method| method.weight > 0));
    assert!(
        METHODS.iter().all(|method| (method.tier == Tier::Own) == method.name.starts_with("heqi_"))
    );
    let core = "eth_chainId net_version web3_clientVersion eth_blockNumber eth_getBlockByNumber \
        eth_getBlockByHash eth_getBalance eth_getCode eth_getStorageAt eth_getTransactionCount \
        eth_call eth_estimateGas eth_gasPrice eth_maxPriorityFeePerGas eth_feeHistory \
        eth_sendRawTransaction eth_getTransactionByHash eth_getTransactionReceipt eth_getLogs \
        eth_newFilter eth_newBlockFilter eth_newPendingTransactionFilter eth_getFilterChanges \
        eth_getFilterLogs eth_uninstallFilter eth_subscribe eth_unsubscribe eth_accounts \
        eth_syncing net_listening net_peerCount eth_coinbase web3_sha3 rpc_modules \
        eth_protocolVersion eth_mining eth_hashrate eth_getBlockTransactionCountByNumber \
        eth_getBlockTransactionCountByHash eth_getTransactionByBlockNumberAndIndex \
        eth_getTransactionByBlockHashAndIndex eth_getUncleCountByBlockNumber \
        eth_getUncleCountByBlockHash eth_getUncleByBlockNumberAndIndex \
        eth_getUncleByBlockHashAndIndex";
    for name in core.split_whitespace() {
        assert!(names.contains(name), "{name}");
    }
}

#[tokio::test]
async fn small_answers() {
    let server = Server::start().await;
    for (method, params, expected) in [
        ("eth_accounts", json!([]), json!([])),
        ("eth_syncing", json!([]), json!(false)),
        ("net_listening", json!([]), json!(true)),
        ("net_peerCount", json!([]), json!("0x3")),
        ("eth_coinbase", json!([]), json!(Address::ZERO)),
        ("web3_sha3", json!(["0x68656c6c6f"]), json!(keccak256("hello"))),
        ("eth_mining", json!([]), json!(false)),
        ("eth_hashrate", json!([]), json!("0x0")),
        ("eth_gasPrice", json!([]), json!("0x0")),
        ("eth_maxPriorityFeePerGas", json!([]), json!("0x0")),
        ("eth_baseFee", json!([]), json!("0x0")),
        ("eth_blobBaseFee", json!([]), json!("0x1")),
        ("eth_getUncleCountByBlockNumber", json!(["latest"]), json!("0x0")),
        ("eth_getUncleByBlockNumberAndIndex", json!(["latest", "0x0"]), json!(null)),
        ("eth_getBlockTransactionCountByNumber", json!(["latest"]), json!("0x0")),
        ("eth_getBlockTransactionCountByHash", json!([B256::ZERO]), json!(null)),
        ("ots_getApiLevel", json!([]), json!(8)),
        ("txpool_status", json!([]), json!({ "pending": "0x0", "queued": "0x0" })),
    ] {
        assert_eq!(server.ok(method, params).await, expected, "{method}");
    }
    let version = server.ok("web3_clientVersion", json!([])).await;
    assert!(version.as_str().unwrap().starts_with("heqi/v"));
    assert!(
        server.metrics().contains("heqi_rpc_requests_total{method=\"eth_gasPrice\",code=\"0\"} 1")
    );
    assert!(server.metrics().contains("heqi_rpc_request_seconds_count{method=\"eth_gasPrice\"} 1"));
    server.ledger.ahead.store(100, Ordering::Relaxed);
    let syncing = server.ok("eth_syncing", json!([])).await;
    assert_eq!(
        syncing,
        json!({ "startingBlock": "0x0", "currentBlock": "0x1", "highestBlock": "0x65" })
    );
}

#[tokio::test]
async fn old_states_are_read_pruned_ones_and_unknown_blocks_told_apart() {
    let server = Server::start().await;
    for nonce in 0..3u64 {
        server.send(poor().call(nonce, LOGGER, &U256::from(nonce + 1).to_be_bytes::<32>())).await;
        server.ledger.mine().await;
    }
    let slot =
        async |block: &str| server.ok("eth_getStorageAt", json!([LOGGER, "0x0", block])).await;
    for (block, value) in
        [("0x0", 0), ("0x1", 0), ("0x2", 1), ("0x3", 2), ("latest", 3), ("earliest", 0)]
    {
        assert_eq!(slot(block).await, format!("{value:#066x}"), "{block}");
    }
    // Questions at block 0 see the genesis allocation.
    let balance = server.ok("eth_getBalance", json!([rich().address(), "0x0"])).await;
    assert_eq!(balance, "0xde0b6b3a7640000");
    let call = json!([{ "to": LOGGER, "data": "0x" }, "0x0"]);
    server.ok("eth_call", call).await;
    assert_eq!(
        server.error("eth_getBalance", json!([LOGGER, "0x55"])).await,
        (-32000, "header not found".to_owned())
    );
    server.ledger.oldest_state.store(3, Ordering::Relaxed);
    for (method, params) in [
        ("eth_getStorageAt", json!([LOGGER, "0x0", "0x2"])),
        ("eth_call", json!([{ "to": READER, "data": "0x" }, "0x2"])),
    ] {
        let (code, message) = server.error(method, params).await;
        assert!(code == 4444 && message.contains("pruned"), "{method}: {code} {message}");
    }
}

#[tokio::test]
async fn pruned_blocks_are_refused_by_name_and_unknown_ones_are_null() {
    let server = Server::retaining(3).await;
    let mut hashes = Vec::new();
    for nonce in 0..8u64 {
        let call = poor().call(nonce, LOGGER, &U256::from(nonce + 1).to_be_bytes::<32>());
        hashes.push(server.send(call).await);
        server.ledger.mine().await;
    }
    // Blocks 0 to 9; the newest four have their bodies.
    let hash = server.ledger.chain().hash(4).unwrap().unwrap();
    let unknown = B256::repeat_byte(0x77);
    for (method, pruned, absent) in [
        ("eth_getBlockByNumber", json!(["0x4", false]), json!(["0x44", false])),
        ("eth_getBlockByHash", json!([hash, true]), json!([unknown, true])),
        ("eth_getBlockReceipts", json!(["0x4"]), json!(["0x44"])),
        ("eth_getBlockTransactionCountByNumber", json!(["0x4"]), json!(["0x44"])),
        ("eth_getTransactionByBlockHashAndIndex", json!([hash, "0x0"]), json!([unknown, "0x0"])),
    ] {
        let (code, message) = server.error(method, pruned).await;
        assert_eq!(code, 4444, "{method}: {message}");
        assert!(message.starts_with("pruned history unavailable"), "{method}: {message}");
        assert!(message.contains("block 6"), "{method}: {message}");
        assert_eq!(server.ok(method, absent).await, Value::Null, "{method}");
    }
    for (range, oldest) in [
        (json!([{ "fromBlock": "0x4", "toBlock": "latest" }]), "6"),
        (json!([{ "blockHash": hash }]), "6"),
    ] {
        let (code, message) = server.error("eth_getLogs", range).await;
        assert!(code == 4444 && message.contains(oldest), "{code} {message}");
    }
    let kept = server.ok("eth_getLogs", json!([{ "fromBlock": "0x6" }])).await;
    assert_eq!(kept.as_array().unwrap().len(), 4);
    // A transaction's hash does not tell pruned from unknown.
    for method in ["eth_getTransactionByHash", "eth_getTransactionReceipt"] {
        assert_eq!(server.ok(method, json!([hashes[0]])).await, Value::Null);
        assert_ne!(server.ok(method, json!([hashes[7]])).await, Value::Null);
    }
    // Block 0 stays.
    assert_ne!(server.ok("eth_getBlockByNumber", json!(["0x0", true])).await, Value::Null);
}

#[tokio::test]
async fn account_info_and_storage_values() {
    let server = Server::start().await;
    let info = server.ok("eth_getAccountInfo", json!([READER, "latest"])).await;
    assert_eq!(
        info,
        json!({ "balance": "0x0", "nonce": "0x1", "code": "0x6000355460005260206000f3" })
    );
    let empty = server.ok("eth_getAccountInfo", json!([Address::repeat_byte(3)])).await;
    assert_eq!(empty, json!({ "balance": "0x0", "nonce": "0x0", "code": "0x" }));
    server.send(poor().call(0, LOGGER, &[9; 32])).await;
    server.ledger.mine().await;
    let wanted =
        json!([{ LOGGER.to_string(): ["0x0", "0x1"], READER.to_string(): ["0x0"] }, "latest"]);
    let values = server.ok("eth_getStorageValues", wanted).await;
    assert_eq!(values[format!("{LOGGER:#x}")], json!([B256::repeat_byte(9), B256::ZERO]));
    let key = |text: &str| json!([LOGGER, text, "latest"]);
    let (code, message) = server.error("eth_getStorageAt", key("0xasdf")).await;
    assert!(
        code == -32602 && message.contains("invalid hex in storage key: \"0xasdf\""),
        "{message}"
    );
    let (code, message) = server.error("eth_getStorageAt", key(&format!("0x{:065}", 0))).await;
    assert!(code == -32602 && message.contains("storage key too long"), "{message}");
}

#[tokio::test]
async fn fee_history() {
    let server = Server::start().await;
    server.send(poor().call(0, LOGGER, &[1; 32])).await;
    server.ledger.mine().await;
    let history = server.ok("eth_feeHistory", json!(["0xa", "latest", [20, 50.5]])).await;
    assert_eq!(history["oldestBlock"], "0x0", "clamped at genesis");
    assert_eq!(history["baseFeePerGas"], json!(vec!["0x0"; 4]));
    assert_eq!(history["reward"], json!(vec![["0x0", "0x0"]; 3]));
    let ratios = history["gasUsedRatio"].as_array().unwrap();
    assert!(ratios.len() == 3 && ratios[2].as_f64().unwrap() > 0.0);
    for params in [
        json!(["1", "latest"]),
        json!([1, "pending"]),
        json!(["0x1", "0x2", []]),
        json!(["0x1", "latest", null]),
    ] {
        let history = server.ok("eth_feeHistory", params).await;
        assert_eq!(history["baseFeePerGas"].as_array().unwrap().len(), 2);
        assert!(history.get("reward").is_none());
    }
    for bad in [
        json!(["0x1", "latest", [50, 20]]),
        json!(["0x1", "latest", [101]]),
        json!(["0x1", "latest", ["x"]]),
        json!(["x", "latest"]),
        json!(["0x1"]),
    ] {
        assert_eq!(server.error("eth_feeHistory", bad).await.0, -32602);
    }
    assert_eq!(server.error("eth_feeHistory", json!(["0x1", "0x99"])).await.0, -32000);
}

#[tokio::test]
async fn transactions_by_place_and_raw() {
    let server = Server::start().await;
    let raw = poor().call(0, LOGGER, &[1; 32]);
    let hash = server.send(raw.clone()).await;
    assert_eq!(server.ok("eth_getRawTransactionByHash", json!([hash])).await, json!(raw));
    let head = server.ledger.mine().await;
    let object = server.ok("eth_getTransactionByHash", json!([hash])).await;
    for (method, block) in [
        ("eth_getTransactionByBlockNumberAndIndex", json!("latest")),
        ("eth_getTransactionByBlockHashAndIndex", json!(head.hash)),
    ] {
        assert_eq!(server.ok(method, json!([block, "0x0"])).await, object);
        assert_eq!(server.ok(method, json!([block, "0x1"])).await, Value::Null);
        let name = method.replace("get", "getRaw");
        assert_eq!(server.ok(&name, json!([block, "0x0"])).await, json!(raw));
    }
    assert_eq!(server.ok("eth_getRawTransactionByHash", json!([hash])).await, json!(raw));
    let envelope: alloy_consensus::TxEnvelope = serde_json::from_value(object).unwrap();
    assert_eq!(format!("{:#x}", envelope.tx_hash()), hash, "clients can rebuild it");
}

#[tokio::test]
async fn send_and_wait() {
    let server = Server::with(FeeMode::Free, |config| config.sync_timeout_ms = 200).await;
    let raw = poor().call(0, LOGGER, &[1; 32]);
    let hash = keccak256(raw.parse::<Bytes>().unwrap());
    let answer = server.answer("eth_sendRawTransactionSync", json!([raw])).await;
    assert_eq!((&answer["error"]["code"], &answer["error"]["data"]), (&json!(4), &json!(hash)));
    let params = json!([poor().call(1, LOGGER, &[2; 32]), 5_000]);
    let waiting = server.ok("eth_sendRawTransactionSync", params);
    let mining = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        server.ledger.mine().await
    };
    let (receipt, head) = tokio::join!(waiting, mining);
    assert_eq!((&receipt["blockHash"], &receipt["status"]), (&json!(head.hash), &json!("0x1")));
}

#[tokio::test]
async fn filled_transactions_can_be_signed_and_sent() {
    let server = Server::start().await;
    server.send(poor().call(0, LOGGER, &[1; 32])).await;
    let call = json!([{ "from": poor().address(), "to": READER, "data": B256::ZERO }]);
    let filled = server.ok("eth_fillTransaction", call).await;
    let tx = &filled["tx"];
    for (name, value) in [
        ("nonce", "0x1"),
        ("maxFeePerGas", "0x0"),
        ("maxPriorityFeePerGas", "0x0"),
        ("type", "0x2"),
        ("value", "0x0"),
    ] {
        assert_eq!(tx[name], value, "{name}");
    }
    assert_eq!(tx["chainId"], format!("{CHAIN_ID:#x}"));
    let unsigned: alloy_consensus::TxEnvelope = serde_json::from_value(tx.clone()).unwrap();
    let alloy_consensus::TxEnvelope::Eip1559(unsigned) = unsigned else { panic!("{tx}") };
    let hash = server.send(poor().sign(unsigned.strip_signature())).await;
    server.ledger.mine().await;
    assert_eq!(server.ok("eth_getTransactionReceipt", json!([hash])).await["status"], "0x1");
    let legacy =
        json!([{ "from": poor().address(), "to": LOGGER, "gasPrice": "0x5", "gas": "0x1" }]);
    let filled = server.ok("eth_fillTransaction", legacy).await;
    assert_eq!((&filled["tx"]["type"], &filled["tx"]["gasPrice"]), (&json!("0x0"), &json!("0x5")));
    let blob = json!([{ "type": "0x3", "to": LOGGER }]);
    assert!(server.error("eth_fillTransaction", blob).await.1.contains("blob"));
}

#[tokio::test]
async fn a_finality_proof_can_be_checked_by_a_stranger() {
    let server = Server::start().await;
    let head = server.ledger.mine().await;
    let proof = server.ok("heqi_getFinalityProof", json!(["latest"])).await;
    let signed = bytes(&proof["signedBytes"]);
    let signature = &proof["certificate"]["signatures"][0];
    let key: [u8; 32] = bytes(&signature["key"]).try_into().unwrap();
    let key = VerifyingKey::from_bytes(&key).unwrap();
    let of = Signature::from_slice(&bytes(&signature["signature"])).unwrap();
    key.verify_strict(&signed, &of).unwrap();
    let mut changed = signed.clone();
    changed[20] ^= 1;
    assert!(key.verify_strict(&changed, &of).is_err());
    // The bytes signed begin with the namespace and end with the certified header's hash.
    let namespace = bytes(&proof["namespace"]["bytes"]);
    assert_eq!(&signed[1..1 + namespace.len()], &namespace[..]);
    let header = &proof["headers"][0];
    assert!(signed.ends_with(keccak256(bytes(&header["rlp"])).as_slice()));
    let decoded = decode_header(&bytes(&header["rlp"])).unwrap();
    assert_eq!(decoded.hash_slow(), head.hash);
    let extension = Extension::decode(&bytes(&header["extension"])).unwrap();
    assert_eq!(decoded.extra_data[..], extension.hash()[..]);
    assert_eq!((&signature["organisation"], &proof["quorum"]), (&json!("harbour"), &json!("0x1")));
    assert_eq!(server.error("heqi_getFinalityProof", json!(["0x99"])).await.0, -32000);

    let validators = server.ok("heqi_getValidators", json!([])).await;
    assert_eq!(validators["validators"], proof["validators"]);
    let state = server.ok("heqi_consensusState", json!([])).await;
    assert_eq!((&state["finalizedHeight"], &state["voting"]), (&json!("0x2"), &json!(true)));
    let wanted = json!([[{ "address": READER, "slots": ["0x0"] }]]);
    let proof = server.ok("heqi_getStateProof", wanted).await;
    assert_eq!(proof["stateRoot"], json!(decoded.state_root));
    assert_eq!(
        (&proof["items"][0]["value"]["nonce"], &proof["items"][1]["value"]),
        (&json!("0x1"), &json!(null))
    );
    let many = json!([vec![json!({ "address": READER }); 65]]);
    assert_eq!(server.error("heqi_getStateProof", many).await.0, -32005);
}

#[tokio::test]
async fn operators_see_who_is_missing_and_evidence_that_a_stranger_can_check() {
    let server = Server::start().await;
    let state = server.ok("heqi_consensusState", json!([])).await;
    let seen = &state["validators"][1];
    assert_eq!((&seen["organisation"], &seen["connected"]), (&json!("pier"), &json!(false)));
    assert_eq!((&seen["clockAheadMillis"], &seen["clockSamples"]), (&json!(-40), &json!("0x3")));
    assert_eq!((&seen["lastVoteMillis"], &seen["votesSeen"]), (&json!(null), &json!("0x0")));
    assert_eq!(state["leader"]["organisation"], "harbour");
    assert_eq!((&state["state"], &state["othersAheadMillis"]), (&json!("no_quorum"), &json!(-40)));
    assert_eq!(state["heights"]["behind"], json!({ "store": "certificates", "blocks": "0x28" }));
    assert_eq!(server.ok("heqi_evidence", json!([])).await, json!([]));

    let entry = server.ledger.keep_evidence();
    let found = server.ok("heqi_evidence", json!([1])).await;
    let entry_seen = &found[0];
    assert_eq!(entry_seen["organisation"], "harbour");
    assert_eq!((&entry_seen["epoch"], &entry_seen["view"]), (&json!("0x2"), &json!("0x9")));
    assert_eq!(entry_seen["votes"][0]["kind"], "nullify");
    assert_eq!(entry_seen["votes"][0]["blockHash"], json!(null));
    assert_eq!(entry_seen["votes"][1]["blockHash"], json!(entry.votes[1].block_hash));
    let key: [u8; 32] = bytes(&entry_seen["key"]).try_into().unwrap();
    let key = VerifyingKey::from_bytes(&key).unwrap();
    for vote in entry_seen["votes"].as_array().unwrap() {
        let signature = Signature::from_slice(&bytes(&vote["signature"])).unwrap();
        key.verify_strict(&bytes(&vote["signedBytes"]), &signature).unwrap();
    }
    assert_eq!(server.error("heqi_evidence", json!([257])).await.0, -32005);
}
