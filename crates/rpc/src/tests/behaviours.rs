//! The behaviours that clients silently depend on, by number.

use std::time::Duration;

use alloy_consensus::{TxEip2930, TxEip7702};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, B256, TxKind, U256, hex};
use serde_json::{Value, json};
use types::FeeMode;

use super::{
    client::{Server, legacy, modern, poor, rich},
    ledger::{CHAIN_ID, INVALID, LOGGER, READER, REVERTER},
};

fn word(number: u64) -> [u8; 32] {
    U256::from(number).to_be_bytes()
}

/// Every `0x…` text under a name that holds a quantity.
fn check_quantities(value: &Value, path: &str) {
    const NAMES: &[&str] = &[
        "number",
        "gasLimit",
        "gasUsed",
        "timestamp",
        "timestampMillis",
        "baseFeePerGas",
        "size",
        "difficulty",
        "blobGasUsed",
        "excessBlobGas",
        "blockNumber",
        "transactionIndex",
        "gas",
        "gasPrice",
        "maxFeePerGas",
        "maxPriorityFeePerGas",
        "value",
        "nonce",
        "type",
        "chainId",
        "v",
        "r",
        "s",
        "yParity",
        "cumulativeGasUsed",
        "effectiveGasPrice",
        "status",
        "logIndex",
        "blockTimestamp",
    ];
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let of_header = name == "nonce" && fields.contains_key("mixHash");
                if let Some(text) = field.as_str().filter(|_| NAMES.contains(&name.as_str()))
                    && !of_header
                {
                    let digits = text.strip_prefix("0x").expect("0x");
                    let minimal = digits == "0" || !digits.starts_with('0');
                    assert!(minimal && !digits.is_empty(), "{path}.{name} = {text}");
                }
                check_quantities(field, &format!("{path}.{name}"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| check_quantities(item, path)),
        Value::String(text) if text.starts_with("0x") => {
            assert_eq!(*text, text.to_lowercase(), "{path}");
        }
        _ => {}
    }
}

#[tokio::test]
async fn behaviour_01_quantities_are_minimal_hex_and_chain_id_is_net_version() {
    let server = Server::start().await;
    assert_eq!(server.ok("eth_chainId", json!([])).await, format!("{CHAIN_ID:#x}"));
    assert_eq!(server.ok("net_version", json!([])).await, CHAIN_ID.to_string());
    let hash = server.send(poor().call(0, LOGGER, &word(7))).await;
    let checked = server.ok("eth_getTransactionByHash", json!([hash])).await;
    check_quantities(&checked, "pending");
    server.ledger.mine().await;
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["latest", true])),
        ("eth_getBlockByNumber", json!(["0x0", false])),
        ("eth_getTransactionByHash", json!([hash])),
        ("eth_getTransactionReceipt", json!([hash])),
        ("eth_getBlockReceipts", json!(["latest"])),
        ("eth_getLogs", json!([{"fromBlock": "0x0", "toBlock": "latest"}])),
        ("eth_feeHistory", json!(["0x2", "latest", [50]])),
    ] {
        check_quantities(&server.ok(method, params).await, method);
    }
    let balance = server.ok("eth_getBalance", json!([rich().address(), "latest"])).await;
    assert_eq!(balance, "0xde0b6b3a7640000");
    assert_eq!(server.ok("eth_getBalance", json!([poor().address(), "latest"])).await, "0x0");
    let slot = server.ok("eth_getStorageAt", json!([LOGGER, "0x0", "latest"])).await;
    assert_eq!(slot, format!("{:#x}", B256::from(word(7))));
}

#[tokio::test]
async fn behaviour_02_input_is_permissive() {
    let server = Server::start().await;
    let head = server.ledger.head_hash();
    let echo = format!("{:#x}", B256::from(word(5)));
    let slot = json!({ format!("{:#066x}", 0): format!("{:#066x}", 5) });
    let call = json!({
        "to": READER, "data": format!("{:#066x}", 0), "input": format!("{:#066x}", 0),
        "chain": "mainnet", "hardfork": "cancun", "networkId": "0x1", "from": null,
    });
    for block in [
        json!("latest"),
        json!("pending"),
        json!("safe"),
        json!("0x1"),
        json!(1),
        json!(null),
        json!({ "blockHash": head }),
        json!({ "blockNumber": "0x1" }),
        json!({ "blockHash": head, "requireCanonical": true }),
        json!(head),
    ] {
        for name in ["state", "stateDiff"] {
            let overrides = json!({ READER.to_string(): { name: slot } });
            let params = json!([call, block, overrides]);
            assert_eq!(server.ok("eth_call", params).await, echo, "{block} {name}");
        }
    }
    // NUMBER as pretended; the code is pretended as well.
    let number = json!([{ "to": "0x00000000000000000000000000000000000000aa" }, "latest",
        { "0x00000000000000000000000000000000000000aa": { "code": "0x4360005260206000f3" } },
        { "number": "0x1234", "unknown": 1 }]);
    assert_eq!(server.ok("eth_call", number).await, format!("{:#x}", B256::from(word(0x1234))));
    // Null pretends nothing.
    let nothing = json!([call, "latest", { READER.to_string(): null }, null]);
    assert_eq!(server.ok("eth_call", nothing).await, format!("{:#066x}", 0));
    let slot = json!([LOGGER, 0, "latest"]);
    assert_eq!(server.ok("eth_getStorageAt", slot).await, format!("{:#066x}", 0));
    // Creation, omitted parameters.
    assert_eq!(server.ok("eth_call", json!([{ "to": null, "data": "0x" }])).await, "0x");
    assert_eq!(server.ok("eth_call", json!([{ "to": READER }])).await, format!("{:#066x}", 0));
    let balance = server.ok("eth_getBalance", json!([rich().address()])).await;
    assert_eq!(balance, "0xde0b6b3a7640000");
    let different = json!([{ "to": READER, "data": "0x01", "input": "0x02" }]);
    let (code, text) = server.error("eth_call", different).await;
    assert!(code == -32602 && text.contains("both \"data\" and \"input\""), "{text}");
    let both = json!([{ "to": READER }, "latest", { READER.to_string():
        { "state": {}, "stateDiff": {} } }]);
    assert_eq!(server.error("eth_call", both).await.0, -32602);
    let both = json!([READER, { "blockHash": head, "blockNumber": "0x1" }]);
    assert_eq!(server.error("eth_getBalance", both).await.0, -32602);
}

#[tokio::test]
async fn behaviour_03_unknown_methods_are_not_found_with_http_200() {
    let server = Server::start().await;
    for method in [
        "anvil_nodeInfo",
        "hardhat_metadata",
        "hardhat_getAutomine",
        "evm_snapshot",
        "personal_sign",
        "personal_listAccounts",
        "eth_sign",
        "eth_signTransaction",
        "eth_sendTransaction",
        "admin_nodeInfo",
        "miner_start",
        "eth_noSuchThing",
        "",
    ] {
        let (code, message) = server.error(method, json!([])).await;
        assert_eq!(code, -32601, "{method}");
        assert_eq!(message, format!("the method {method} does not exist/is not available"));
    }
    let signing = server.answer("personal_sign", json!([])).await;
    let help = signing["error"]["data"]["help"].as_str().unwrap();
    assert!(help.contains("sign in the wallet"), "{help}");
    let unknown = server.answer("eth_noSuchThing", json!([])).await;
    assert_eq!(unknown["error"].get("data"), None);
    let (code, message) = server.error("eth_getProof", json!([LOGGER, [], "latest"])).await;
    assert!(code == -32004 && message.contains("heqi_getStateProof"), "{message}");
    let metrics = server.metrics();
    assert!(metrics.contains("method=\"other\",code=\"-32601\""), "{metrics}");
    assert!(!metrics.contains("anvil_nodeInfo"));
}

#[tokio::test]
async fn behaviour_04_reverts_have_code_3_and_data_on_top() {
    let server = Server::start().await;
    let error = "0x08c379a00000000000000000000000000000000000000000000000000000000000000020\
                 000000000000000000000000000000000000000000000000000000000000000a\
                 75736572206572726f7200000000000000000000000000000000000000000000";
    for method in ["eth_call", "eth_estimateGas", "eth_fillTransaction"] {
        let call = json!([{ "to": REVERTER, "data": error }]);
        let answer = server.answer(method, call).await["error"].clone();
        let expected =
            json!({ "code": 3, "message": "execution reverted: user error", "data": error });
        assert_eq!(answer, expected, "{method}");
        let custom =
            server.answer(method, json!([{ "to": REVERTER, "data": "0xdeadbeef01" }])).await;
        let expected =
            json!({ "code": 3, "message": "execution reverted", "data": "0xdeadbeef01" });
        assert_eq!(custom["error"], expected, "{method}");
        let empty = server.answer(method, json!([{ "to": REVERTER }])).await;
        assert_eq!(empty["error"]["data"], "0x", "{method}");
    }
    let (code, message) = server.error("eth_call", json!([{ "to": INVALID }])).await;
    assert!(code == -32000 && message.contains("invalid opcode"), "{message}");
}

#[tokio::test]
async fn behaviour_05_error_texts_are_geths() {
    let server = Server::start().await;
    let to = Address::repeat_byte(9);
    let refused = async |raw: String, text: &str| {
        let (code, message) = server.error("eth_sendRawTransaction", json!([raw])).await;
        assert!(code == -32000 && message.starts_with(text), "expected {text}, got {message}");
    };
    let first = poor().call(0, LOGGER, &word(1));
    server.send(first.clone()).await;
    refused(first, "already known").await;
    refused(poor().call(0, LOGGER, &word(2)), "replacement transaction underpriced").await;
    server.ledger.mine().await;
    refused(poor().call(0, LOGGER, &word(3)), "nonce too low").await;
    let funds = "insufficient funds for gas * price + value";
    refused(poor().sign(legacy(1, to, 5)), funds).await;
    let mut small = modern(1, to, &[]);
    small.gas_limit = 20_000;
    refused(poor().sign(small), "intrinsic gas too low").await;
    let mut unprotected = legacy(1, to, 0);
    unprotected.chain_id = None;
    let replay = "only replay-protected (EIP-155) transactions allowed over RPC";
    refused(poor().sign(unprotected), replay).await;
    refused("0x03c0".to_owned(), "transaction type not supported").await;
    refused("0x7fc0".to_owned(), "transaction type not supported").await;
    for torn in ["0xc0", "0xf8", "0x02", "0x02c0"] {
        refused(torn.to_owned(), "rlp: ").await;
    }
    let (_, torn) = server.error("eth_sendRawTransaction", json!(["0xc0"])).await;
    assert_eq!(torn, "rlp: the list is not a signed transaction");
    let mut tip = modern(1, to, &[]);
    tip.max_priority_fee_per_gas = 2;
    refused(poor().sign(tip), "max priority fee per gas higher than max fee per gas").await;
    let (code, message) = server.error("eth_call", json!([{ "to": to, "value": "0x1" }])).await;
    assert!(code == -32000 && message.contains("insufficient funds"), "{code} {message}");

    let metered = Server::with(FeeMode::Metered, |_| {}).await;
    let raw = rich().call(0, to, &[]);
    let (_, message) = metered.error("eth_sendRawTransaction", json!([raw])).await;
    assert!(message.starts_with("max fee per gas less than block base fee"), "{message}");
}

#[tokio::test]
async fn behaviour_06_filters_expire_and_foreign_ids_are_not_found() {
    let server = Server::with(FeeMode::Free, |config| {
        config.filter_idle_ms = 400;
        config.filters_max = 4;
    })
    .await;
    let not_found = (-32000, "filter not found".to_owned());
    for method in ["eth_getFilterChanges", "eth_getFilterLogs"] {
        assert_eq!(server.error(method, json!(["0x1234"])).await, not_found);
    }
    let blocks = server.ok("eth_newBlockFilter", json!([])).await;
    let logs = server.ok("eth_newFilter", json!([{ "address": LOGGER }])).await;
    let pending = server.ok("eth_newPendingTransactionFilter", json!([])).await;
    assert_eq!(server.ok("eth_getFilterChanges", json!([blocks])).await, json!([]));
    let hash = server.send(poor().call(0, LOGGER, &word(1))).await;
    let head = server.ledger.mine().await;
    let change = async |id: &Value| server.ok("eth_getFilterChanges", json!([id])).await;
    assert_eq!(change(&blocks).await, json!([head.hash]));
    assert_eq!(change(&blocks).await, json!([]), "reported once");
    let found = change(&logs).await;
    assert_eq!((found.as_array().unwrap().len(), &found[0]["transactionHash"]), (1, &json!(hash)));
    assert_eq!(change(&logs).await, json!([]));
    assert_eq!(change(&pending).await, json!([hash]));
    let all = server.ok("eth_getFilterLogs", json!([logs])).await;
    assert_eq!(all.as_array().unwrap().len(), 1);
    assert_eq!(server.error("eth_getFilterLogs", json!([blocks])).await, not_found);
    assert_eq!(server.ok("eth_uninstallFilter", json!([pending])).await, true);
    assert_eq!(server.ok("eth_uninstallFilter", json!([pending])).await, false);
    assert_eq!(server.error("eth_getFilterChanges", json!([pending])).await, not_found);
    for _ in 0..2 {
        server.ok("eth_newBlockFilter", json!([])).await;
    }
    let (code, message) = server.error("eth_newBlockFilter", json!([])).await;
    assert!(code == -32005 && message.contains('4'), "the limit is named: {message}");
    tokio::time::sleep(Duration::from_millis(450)).await;
    assert_eq!(server.error("eth_getFilterChanges", json!([blocks])).await, not_found);
    server.ok("eth_newBlockFilter", json!([])).await;
}

#[tokio::test]
async fn behaviour_07_logs() {
    let server = Server::with(FeeMode::Free, |config| {
        config.logs_results_max = 3;
        config.logs_blocks_max = 6;
    })
    .await;
    for nonce in 0..4 {
        server.send(poor().call(nonce, LOGGER, &word(nonce))).await;
        if nonce % 2 == 1 {
            server.ledger.mine().await;
        }
    }
    let logs = async |filter: Value| server.ok("eth_getLogs", json!([filter])).await;
    let found = logs(json!({ "fromBlock": "0x2", "toBlock": "0x2", "address": [LOGGER] })).await;
    let block = server.ok("eth_getBlockByNumber", json!(["0x2", false])).await;
    for (index, log) in found.as_array().unwrap().iter().enumerate() {
        assert_eq!(log["removed"], false);
        assert_eq!(log["blockHash"], block["hash"]);
        assert_eq!(log["blockTimestamp"], block["timestamp"]);
        assert_eq!(log["transactionHash"], block["transactions"][index]);
        assert_eq!(log["logIndex"], format!("{index:#x}"));
        assert_eq!(log["topics"], json!([B256::from(word(index as u64))]));
    }
    let topic = |number: u64| json!(B256::from(word(number)));
    let count = async |filter: Value| logs(filter).await.as_array().unwrap().len();
    let hash = block["hash"].clone();
    assert_eq!(count(json!({ "blockHash": hash })).await, 2);
    assert_eq!(count(json!({ "blockHash": hash, "topics": [null] })).await, 2);
    assert_eq!(count(json!({ "blockHash": hash, "topics": [[]] })).await, 2);
    assert_eq!(count(json!({ "blockHash": hash, "topics": [null, topic(1)] })).await, 0);
    let either = json!({ "fromBlock": "0x1", "toBlock": "0x3", "topics": [[topic(1), topic(2)]] });
    assert_eq!(count(either).await, 2);
    assert_eq!(count(json!({ "fromBlock": "earliest", "address": REVERTER })).await, 0);
    assert_eq!(count(json!({})).await, 2, "the newest block unless told");
    let refused = async |filter: Value, code: i64, text: &str| {
        let (found, message) = server.error("eth_getLogs", json!([filter])).await;
        assert!(found == code && message.contains(text), "{filter}: {found} {message}");
    };
    let both = json!({ "blockHash": hash, "fromBlock": "0x1" });
    refused(both, -32602, "cannot specify both BlockHash and FromBlock/ToBlock").await;
    refused(json!({ "fromBlock": "0x2", "toBlock": "0x1" }), -32602, "invalid block range").await;
    refused(json!({ "fromBlock": "0x2", "toBlock": "0x9" }), -32602, "beyond current head").await;
    refused(json!({ "blockHash": B256::ZERO }), -32000, "unknown block").await;
    refused(json!({ "address": "0x12" }), -32602, "invalid string length").await;
    refused(json!({ "topics": [[[topic(1)]]] }), -32602, "invalid type").await;
    refused(json!({ "fromBlock": "0x1", "toBlock": "0x3" }), -32005, "3 results").await;
    refused(json!({ "topics": vec![json!(null); 5] }), -32602, "exceed max topics").await;
    refused(json!({ "address": vec![LOGGER; 1_001] }), -32602, "1000").await;
    for _ in 0..5 {
        server.ledger.mine().await;
    }
    refused(json!({ "fromBlock": "0x0", "toBlock": "latest" }), -32005, "range 6").await;
}

#[tokio::test]
async fn behaviour_08_a_receipt_is_never_visible_before_the_state() {
    let server = Server::start().await;
    let nonce = async |tag: &str| {
        server.ok("eth_getTransactionCount", json!([poor().address(), tag])).await
    };
    let hash = server.send(poor().call(0, LOGGER, &word(1))).await;
    server.send(poor().call(1, LOGGER, &word(2))).await;
    server.send(poor().call(3, LOGGER, &word(3))).await;
    assert_eq!(nonce("pending").await, "0x2", "what waits behind a gap does not count");
    assert_eq!(nonce("latest").await, "0x0");
    let before = server.ok("eth_blockNumber", json!([])).await;
    let hidden = server.ledger.mine_hidden().await;
    // The stores have the block, the head has not moved: nothing of it may show.
    assert_eq!(server.ok("eth_getTransactionReceipt", json!([hash])).await, Value::Null);
    assert_eq!(
        server.ok("eth_getTransactionByHash", json!([hash])).await["blockHash"],
        json!(null)
    );
    for (method, params) in [
        ("eth_getBlockByHash", json!([hidden.hash, false])),
        ("eth_getBlockByNumber", json!([format!("{:#x}", hidden.number), false])),
        ("eth_getBlockReceipts", json!([hidden.hash])),
        ("eth_getHeaderByHash", json!([hidden.hash])),
    ] {
        assert_eq!(server.ok(method, params).await, Value::Null, "{method}");
    }
    let at = json!([LOGGER, "0x0", format!("{:#x}", hidden.number)]);
    assert_eq!(server.error("eth_getStorageAt", at).await.1, "header not found");
    assert_eq!(server.ok("eth_blockNumber", json!([])).await, before);
    server.ledger.reveal(hidden);
    assert_eq!(server.ok("eth_getTransactionReceipt", json!([hash])).await["status"], "0x1");
    assert_eq!(nonce("latest").await, "0x2");
    assert_eq!(nonce("pending").await, "0x2");
    for tag in ["safe", "finalized", "latest", "pending"] {
        let block = server.ok("eth_getBlockByNumber", json!([tag, false])).await;
        assert_eq!(block["hash"], json!(hidden.hash), "{tag}");
    }
    server.send(poor().call(2, LOGGER, &word(4))).await;
    assert_eq!(nonce("pending").await, "0x4", "the gap is closed");
}

#[tokio::test]
async fn behaviour_09_blocks_have_every_field_and_a_hash_to_recompute() {
    let server = Server::start().await;
    server.send(poor().call(0, LOGGER, &word(1))).await;
    let head = server.ledger.mine().await;
    let block = server.ok("eth_getBlockByNumber", json!(["latest", true])).await;
    let expected = json!({
        "baseFeePerGas": "0x0", "nonce": "0x0000000000000000", "difficulty": "0x0", "uncles": [],
        "withdrawals": [], "blobGasUsed": "0x0", "excessBlobGas": "0x0", "hash": head.hash,
        "sha3Uncles": types::EMPTY_OMMERS_HASH, "timestamp": format!("{:#x}", head.time_ms / 1000),
        "timestampMillis": format!("{:#x}", head.time_ms), "requestsHash": types::EMPTY_REQUESTS_HASH,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&block[name], value, "{name}");
    }
    for name in [
        "parentHash",
        "miner",
        "stateRoot",
        "transactionsRoot",
        "receiptsRoot",
        "size",
        "logsBloom",
        "number",
        "gasLimit",
        "gasUsed",
        "extraData",
        "mixHash",
        "withdrawalsRoot",
        "parentBeaconBlockRoot",
        "transactions",
    ] {
        assert!(!block[name].is_null(), "{name} is missing");
    }
    assert!(block.get("totalDifficulty").is_none());
    assert_eq!(block["extraData"].as_str().unwrap().len(), 66, "at most 32 bytes");
    assert_ne!(block["logsBloom"], json!(format!("0x{}", "00".repeat(256))));
    let header: types::Header = serde_json::from_value(block.clone()).unwrap();
    assert_eq!(header.hash_slow(), head.hash, "a third party can recompute the hash");
    let transaction = &block["transactions"][0];
    assert_eq!(transaction["blockHash"], block["hash"]);
    assert_eq!(transaction["from"], json!(poor().address()));
    let by_hash = server.ok("eth_getBlockByHash", json!([head.hash, true])).await;
    assert_eq!(by_hash, block);
    let header = server.ok("eth_getHeaderByNumber", json!(["latest"])).await;
    assert_eq!(header["hash"], block["hash"]);
    assert_eq!(server.ok("eth_getBlockByNumber", json!(["0x99", false])).await, Value::Null);
    assert_eq!(server.ok("eth_getBlockByHash", json!([B256::ZERO, false])).await, Value::Null);
}

#[tokio::test]
async fn behaviour_10_receipts_are_null_until_final_and_complete() {
    let server = Server::start().await;
    let creation = {
        let mut transaction = modern(0, LOGGER, &hex!("600160005360016000f3"));
        transaction.to = TxKind::Create;
        poor().sign(transaction)
    };
    let created = server.send(creation).await;
    let logged = server.send(poor().call(1, LOGGER, &word(1))).await;
    let failed = server.send(poor().call(2, REVERTER, &word(1))).await;
    let again = server.send(poor().call(3, LOGGER, &word(2))).await;
    let receipt = async |hash: &String| server.ok("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt(&created).await, Value::Null);
    assert_eq!(server.ok("eth_getTransactionReceipt", json!([B256::ZERO])).await, Value::Null);
    let head = server.ledger.mine().await;
    let creation = receipt(&created).await;
    assert_eq!(creation["contractAddress"], json!(poor().address().create(0)));
    assert_eq!((&creation["to"], &creation["type"]), (&json!(null), &json!("0x2")));
    assert_eq!(creation["effectiveGasPrice"], "0x0", "nothing is charged in free mode");
    let receipts = server.ok("eth_getBlockReceipts", json!([head.hash])).await;
    let all: Vec<Value> = receipts.as_array().unwrap().clone();
    assert_eq!(all.len(), 4);
    assert_eq!(all[0], creation);
    assert_eq!(all[1], receipt(&logged).await);
    assert_eq!((&all[2]["transactionHash"], &all[2]["status"]), (&json!(failed), &json!("0x0")));
    assert_eq!(all[3], receipt(&again).await);
    assert_eq!(all[3]["logs"][0]["logIndex"], "0x1", "block-wide");
    assert_eq!(all[1]["contractAddress"], json!(null));
    let number = |value: &Value| u64::from_str_radix(&value.as_str().unwrap()[2..], 16).unwrap();
    let mut sum = 0;
    for receipt in &all {
        sum += number(&receipt["gasUsed"]);
        assert_eq!(number(&receipt["cumulativeGasUsed"]), sum);
        assert_eq!(receipt["logsBloom"].as_str().unwrap().len(), 2 + 512);
        assert_eq!(receipt["blockHash"], json!(head.hash));
    }
    let block = server.ok("eth_getBlockByHash", json!([head.hash, false])).await;
    assert_eq!(number(&block["gasUsed"]), sum);
    assert_eq!(server.ok("eth_getBlockReceipts", json!(["0x77"])).await, Value::Null);
    assert_eq!(server.ok("eth_getBlockReceipts", json!(["earliest"])).await, json!([]));

    let metered = Server::with(FeeMode::Metered, |_| {}).await;
    let mut transaction = modern(0, Address::repeat_byte(9), &[]);
    (transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas) = (5_000, 7);
    let hash = metered.send(rich().sign(transaction)).await;
    metered.ledger.mine().await;
    let receipt = metered.ok("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["effectiveGasPrice"], format!("{:#x}", 1_007));
    let transaction = metered.ok("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(transaction["gasPrice"], receipt["effectiveGasPrice"]);
    let history = metered.ok("eth_feeHistory", json!(["0x1", "latest", [50]])).await;
    assert_eq!(history["reward"], json!([["0x7"]]));
    assert_eq!(history["baseFeePerGas"], json!(["0x3e8", "0x3e8"]));
}

#[tokio::test]
async fn behaviour_11_batches_keep_order_and_stay_arrays() {
    let server = Server::start().await;
    let call = |id: usize, method: &str| json!({ "jsonrpc": "2.0", "id": id, "method": method });
    let one = server.post(json!([call(1, "eth_chainId")]).to_string()).await.json();
    assert_eq!(one.as_array().unwrap().len(), 1);
    let empty = server.post("[]").await;
    assert_eq!((empty.status, &empty.json()["error"]["code"]), (200, &json!(-32600)));
    let many: Vec<Value> = (0..1_000)
        .map(|id| call(id, if id % 3 == 0 { "eth_nonsense" } else { "eth_blockNumber" }))
        .collect();
    let answers = server.post(json!(many).to_string()).await.json();
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 1_000);
    for (id, answer) in answers.iter().enumerate() {
        assert_eq!(answer["id"], json!(id), "order is kept");
        match id % 3 {
            0 => assert_eq!(answer["error"]["code"], -32601),
            _ => assert_eq!(answer["result"], "0x1"),
        }
    }
    let more: Vec<Value> = (0..1_001).map(|id| call(id, "eth_chainId")).collect();
    let refused = server.post(json!(more).to_string()).await.json();
    assert_eq!(refused["error"]["code"], -32600);
    let mixed = json!([1, call(1, "eth_chainId"),
        { "jsonrpc": "2.0", "method": "eth_chainId" }, { "jsonrpc": "2.0", "id": "x" }]);
    let answers = server.post(mixed.to_string()).await.json();
    let codes: Vec<&Value> =
        answers.as_array().unwrap().iter().map(|answer| &answer["error"]["code"]).collect();
    assert_eq!(codes, [&json!(-32600), &json!(null), &json!(-32600)], "notifications are silent");
    let silent = json!([{ "jsonrpc": "2.0", "method": "eth_chainId" }]).to_string();
    let answer = server.post(silent).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
}

#[tokio::test]
async fn behaviour_12_http() {
    let server = Server::with(FeeMode::Free, |config| {
        config.cors_origins = vec!["https://remix.ethereum.org".into()];
        config.weight_max = 50;
        config.websockets_max = 0;
    })
    .await;
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let json = "content-type: application/json\r\n";
    let status = async |headers: &str| server.request("POST", headers, body).await.status;
    assert_eq!(status(&format!("host: localhost\r\n{json}")).await, 200);
    let charset = "host: 127.0.0.1\r\ncontent-type: application/json; charset=utf-8\r\n";
    assert_eq!(status(charset).await, 200);
    assert_eq!(status("host: [::1]:8545\r\n").await, 200, "curl without a type");
    assert_eq!(status("host: localhost\r\ncontent-type: text/plain\r\n").await, 415);
    assert_eq!(status(&format!("host: evil.example\r\n{json}")).await, 403);
    let preflight = "host: localhost\r\norigin: https://remix.ethereum.org\r\n\
        access-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n\
        access-control-request-private-network: true\r\n";
    let answer = server.request("OPTIONS", preflight, b"").await;
    for line in [
        "access-control-allow-origin: https://remix.ethereum.org",
        "access-control-allow-private-network: true",
        "access-control-allow-headers: *",
        "access-control-allow-methods: get,post",
    ] {
        assert!(answer.head.contains(line), "{line} is missing: {}", answer.head);
    }
    let foreign = preflight.replace("remix.ethereum.org", "evil.example");
    let answer = server.request("OPTIONS", &foreign, b"").await;
    assert!(!answer.head.contains("access-control-allow-origin"), "{}", answer.head);
    let gzip = format!("host: localhost\r\n{json}accept-encoding: gzip\r\n");
    let block =
        br#"{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x1",true]}"#;
    let answer = server.request("POST", &gzip, block).await;
    assert!(answer.head.contains("content-encoding: gzip"), "{}", answer.head);
    assert!(answer.body.windows(2).any(|pair| pair == [0x1f, 0x8b]));
    // A waiting call holds the whole budget of weight: the next one is refused with 429.
    let raw = poor().call(0, LOGGER, &word(1));
    let wait = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransactionSync", "params": [raw, 3_000] },
        { "jsonrpc": "2.0", "id": 2, "method": "eth_getLogs", "params": [{}] },
    ]);
    let text = wait.to_string();
    let waiting = server.post(&text);
    let refused = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let answer = server.post(body).await;
        server.ledger.mine().await;
        answer
    };
    let (answer, refused) = tokio::join!(waiting, refused);
    assert_eq!(answer.json()[0]["result"]["status"], "0x1");
    assert_eq!(refused.status, 429);
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("limit 50"));
    let greeting = server.request("GET", "host: localhost\r\n", b"").await;
    assert!(greeting.status == 200 && greeting.json()["endpoints"].is_object());
    let upgrade = "host: localhost\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let raw = format!("GET / HTTP/1.1\r\nconnection: upgrade, close\r\n{upgrade}\r\n");
    assert_eq!(server.raw(raw.as_bytes()).await.status, 429);
    assert_eq!(server.request("DELETE", "host: localhost\r\n", b"").await.status, 405);
}

#[tokio::test]
async fn behaviour_12_callers_use_weight_and_see_what_is_left() {
    let server = Server::with(FeeMode::Free, |config| config.caller_weight_per_second = 1).await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" });
    let first = server.post(call.to_string()).await;
    assert_eq!(first.status, 200);
    assert!(first.head.contains("ratelimit-policy: \"caller\";q=10;w=10"), "{}", first.head);
    assert!(first.head.contains("ratelimit: \"caller\";r=9;t=1"), "{}", first.head);
    let batch = Value::from(vec![call.clone(); 9]).to_string();
    assert_eq!(server.post(&batch).await.status, 200, "each item counts");
    let refused = server.post(&batch).await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (429, &json!(-32005)));
    let wait = refused.head.split("retry-after: ").nth(1).unwrap();
    let wait: u64 = wait.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
    assert!((7..=9).contains(&wait), "{}", refused.head);
    let unlimited = Server::start().await.post(call.to_string()).await;
    assert!(!unlimited.head.contains("ratelimit"), "{}", unlimited.head);
}

#[tokio::test]
async fn behaviour_14_empty_blocks_count_as_confirmations() {
    let server = Server::start().await;
    let filter = server.ok("eth_newBlockFilter", json!([])).await;
    let hash = server.send(poor().call(0, LOGGER, &word(1))).await;
    server.ledger.mine().await;
    for _ in 0..8 {
        server.ledger.mine().await;
    }
    let receipt = server.ok("eth_getTransactionReceipt", json!([hash])).await;
    let number = |value: &Value| u64::from_str_radix(&value.as_str().unwrap()[2..], 16).unwrap();
    let head = number(&server.ok("eth_blockNumber", json!([])).await);
    assert_eq!(head - number(&receipt["blockNumber"]), 8);
    let blocks = server.ok("eth_getFilterChanges", json!([filter])).await;
    assert_eq!(blocks.as_array().unwrap().len(), 9, "empty blocks are announced as well");
    let empty = server.ok("eth_getBlockByNumber", json!(["latest", true])).await;
    assert_eq!((&empty["transactions"], &empty["gasUsed"]), (&json!([]), &json!("0x0")));
    assert_eq!(empty["logsBloom"], json!(format!("0x{}", "00".repeat(256))));
    assert_eq!(server.ok("eth_getBlockReceipts", json!(["latest"])).await, json!([]));
}

#[tokio::test]
async fn behaviour_15_gas_limits_are_ordinary_and_estimates_respect_them() {
    let server = Server::with(FeeMode::Free, |config| config.call_gas_max = 2_000_000).await;
    let block = server.ok("eth_getBlockByNumber", json!(["latest", false])).await;
    let limit = u64::from_str_radix(&block["gasLimit"].as_str().unwrap()[2..], 16).unwrap();
    assert!((30_000_000..=100_000_000).contains(&limit));
    let transfer = json!([{ "to": Address::repeat_byte(9), "from": poor().address() }]);
    assert_eq!(server.ok("eth_estimateGas", transfer).await, "0x5208");
    let expensive = json!([{ "to": LOGGER, "from": poor().address(), "data": B256::from(word(1)),
        "gasPrice": "0x174876e800" }, "pending"]);
    let gas = server.ok("eth_estimateGas", expensive).await;
    let gas = u64::from_str_radix(&gas.as_str().unwrap()[2..], 16).unwrap();
    assert!((43_000..50_000).contains(&gas), "price and balance are ignored in free mode: {gas}");
    let capped = json!([{ "to": LOGGER, "data": B256::from(word(1)), "gas": "0x6000" }]);
    let (code, message) = server.error("eth_estimateGas", capped).await;
    assert!(code == -32000 && message.contains("exceeds allowance (24576)"), "{message}");
    // An endless loop stops at the gas cap of simulations, within its time limit.
    let endless =
        json!([{ "to": LOGGER }, "latest", { LOGGER.to_string(): { "code": "0x5b600056" } }]);
    let (code, message) = server.error("eth_call", endless).await;
    assert!(code == -32000 && message.contains("out of gas"), "{message}");
    let mut large = modern(0, LOGGER, &word(1));
    large.gas_limit = limit + 1;
    let (_, message) = server.error("eth_sendRawTransaction", json!([poor().sign(large)])).await;
    assert_eq!(message, "exceeds block gas limit");
    let mut remix = modern(0, LOGGER, &word(1));
    remix.gas_limit = limit / 1_000 * 995;
    server.send(poor().sign(remix)).await;
}

/// Who writes once per block or per second estimates right after the last receipt: what is cheap in
/// that block is not in the next one.
#[tokio::test]
async fn an_estimate_is_for_the_block_that_comes_next() {
    let server = Server::start().await;
    server.ledger.mine().await;
    let head = server.ok("eth_blockNumber", json!([])).await;
    let head_hash =
        server.ok("eth_getBlockByNumber", json!(["latest", false])).await["hash"].clone();
    let gas = async |code: &str, block: Value, storage: Value| {
        let account = json!({ "code": code, "stateDiff": storage });
        let overrides = json!({ LOGGER.to_string(): account });
        let gas = server.ok("eth_estimateGas", json!([{ "to": LOGGER }, block, overrides])).await;
        u64::from_str_radix(&gas.as_str().unwrap()[2..], 16).unwrap()
    };
    // sstore(number, 1), with the slot of the head written before
    let word_of = |number: &Value| format!("0x{:0>64}", &number.as_str().unwrap()[2..]);
    let written = json!({ word_of(&head): format!("0x{:064x}", 1) });
    let at_head = gas("0x60014355", json!("latest"), written.clone()).await;
    let next = gas("0x60014355", json!(null), written.clone()).await;
    assert!(at_head < 30_000 && next > 40_000, "{at_head} {next}");
    assert_eq!(gas("0x60014355", json!("pending"), written).await, next);
    // sstore(blockhash(number - 1), 1), with the slot of the head's hash written before
    let written = json!({ head_hash.as_str().unwrap(): format!("0x{:064x}", 1) });
    assert!(gas("0x6001600143034055", json!(null), written).await < 30_000);
    // sstore(timestamp, 1): later than the head
    let time =
        server.ok("eth_getBlockByNumber", json!(["latest", false])).await["timestamp"].clone();
    let written = json!({ word_of(&time): format!("0x{:064x}", 1) });
    assert!(gas("0x60014255", json!("latest"), written).await < 30_000);
}

#[tokio::test]
async fn behaviour_16_types_0_1_2_4_are_accepted_and_3_is_refused_by_name() {
    let server = Server::start().await;
    let to = LOGGER;
    let mut zero = legacy(0, to, 0);
    zero.gas_limit = 100_000;
    let one = TxEip2930 {
        chain_id: CHAIN_ID,
        nonce: 1,
        gas_price: 0,
        gas_limit: 100_000,
        to: TxKind::Call(to),
        value: U256::ZERO,
        access_list: Default::default(),
        input: Default::default(),
    };
    let two = modern(2, to, &word(1));
    let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address: READER, nonce: 0 };
    let signature = rich().signature(authorization.signature_hash());
    let authorization: SignedAuthorization = authorization.into_signed(signature);
    let four = TxEip7702 {
        chain_id: CHAIN_ID,
        nonce: 3,
        gas_limit: 200_000,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        to,
        value: U256::ZERO,
        access_list: Default::default(),
        authorization_list: vec![authorization],
        input: Default::default(),
    };
    let raws = [poor().sign(zero), poor().sign(one), poor().sign(two), poor().sign(four)];
    let mut hashes = vec![];
    for raw in &raws {
        hashes.push(server.send(raw.clone()).await);
        let (code, message) = server.error("eth_sendRawTransaction", json!([raw])).await;
        assert_eq!((code, message.as_str()), (-32000, "already known"));
    }
    server.ledger.mine().await;
    for (hash, kind) in hashes.iter().zip([0, 1, 2, 4]) {
        let receipt = server.ok("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(
            (&receipt["status"], &receipt["type"]),
            (&json!("0x1"), &json!(format!("{kind:#x}")))
        );
        let transaction = server.ok("eth_getTransactionByHash", json!([hash])).await;
        assert_eq!(transaction["type"], format!("{kind:#x}"));
        assert_eq!(transaction["chainId"], format!("{CHAIN_ID:#x}"));
        assert_eq!(transaction["gasPrice"], "0x0");
        let list = transaction["authorizationList"].as_array().map(Vec::len);
        assert_eq!(list, (kind == 4).then_some(1));
    }
    let code = server.ok("eth_getCode", json!([rich().address(), "latest"])).await;
    assert!(code.as_str().unwrap().starts_with("0xef0100"), "delegated: {code}");
    for raw in &raws {
        let (code, message) = server.error("eth_sendRawTransaction", json!([raw])).await;
        assert!(code == -32000 && message.starts_with("nonce too low"), "{message}");
    }
    let (code, message) = server.error("eth_sendRawTransaction", json!(["0x03f8"])).await;
    assert!(code == -32000 && message.contains("transaction type not supported"), "{message}");
    assert!(message.contains("blob"), "by name: {message}");
}
