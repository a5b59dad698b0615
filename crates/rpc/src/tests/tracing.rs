//! Behaviour 17, and what explorers and debuggers ask for.

use alloy_consensus::{TxEip2930, TxEip7702};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use ledger_api::Ledger as _;
use serde_json::{Value, json};
use types::FeeMode;

use super::{
    client::{Account, Server, legacy, modern, poor, rich},
    ledger::{CHAIN_ID, INVALID, LOGGER, READER, REVERTER},
};

/// Code of a contract that forwards its call data to `target` and returns what it answers.
fn forwarder(target: Address) -> Vec<u8> {
    let mut code = vec![0x36, 0x5f, 0x5f, 0x37, 0x5f, 0x5f, 0x36, 0x5f, 0x34, 0x73];
    code.extend_from_slice(target.as_slice());
    code.extend([0x5a, 0xf1, 0x3d, 0x5f, 0x5f, 0x3e, 0x3d, 0x5f, 0xf3]);
    code
}

/// Block 2 has a contract that forwards to `LOGGER`; block 3 has transactions of every kind and
/// fate. Answers the contract and the hashes in block 3.
async fn mixed(server: &Server) -> (Address, Vec<String>) {
    let (sender, other) = (rich(), Account::number(3));
    server.send(sender.deploy(0, &forwarder(LOGGER))).await;
    server.ledger.mine().await;
    let forward = sender.address().create(0);
    let word = |byte: u8| U256::from(byte).to_be_bytes::<32>();
    let listed = TxEip2930 {
        chain_id: CHAIN_ID,
        nonce: 7,
        gas_price: 5_000,
        gas_limit: 100_000,
        to: TxKind::Call(LOGGER),
        input: Bytes::copy_from_slice(&word(8)),
        ..TxEip2930::default()
    };
    let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address: LOGGER, nonce: 0 };
    let signature = other.signature(authorization.signature_hash());
    let delegated = TxEip7702 {
        chain_id: CHAIN_ID,
        nonce: 8,
        gas_limit: 200_000,
        max_fee_per_gas: 5_000,
        to: other.address(),
        authorization_list: vec![authorization.into_signed(signature)],
        input: Bytes::copy_from_slice(&word(9)),
        ..TxEip7702::default()
    };
    let mut transfer = legacy(5, Address::repeat_byte(0x33), 5);
    transfer.gas_price = 5_000;
    let paid = |nonce, to, input: &[u8]| {
        let mut transaction = modern(nonce, to, input);
        transaction.max_fee_per_gas = 5_000;
        sender.sign(transaction)
    };
    let raw = [
        paid(1, forward, &word(7)),
        paid(2, REVERTER, &word(1)),
        paid(3, INVALID, &[]),
        paid(4, READER, &word(0)),
        sender.sign(transfer),
        paid(6, system::validators::ADDRESS, &keccak256("validatorCount()")[..4]),
        sender.sign(listed),
        sender.sign(delegated),
    ];
    let mut hashes = Vec::new();
    for raw in raw {
        hashes.push(server.send(raw).await);
    }
    server.ledger.mine().await;
    (forward, hashes)
}

/// In both fee modes: what a trace says of gas and fate is what the receipt says.
#[tokio::test]
async fn behaviour_17_traces_of_a_mixed_block_agree_with_its_receipts() {
    for fee_mode in [FeeMode::Free, FeeMode::Metered] {
        let server = Server::with(fee_mode, |_| {}).await;
        let (_, hashes) = mixed(&server).await;
        let receipts = server.ok("eth_getBlockReceipts", json!(["0x3"])).await;
        let options = json!({ "tracer": "callTracer", "timeout": "5s" });
        let traces = server.ok("debug_traceBlockByNumber", json!(["0x3", options])).await;
        let plain = server.ok("debug_traceBlockByNumber", json!(["0x3"])).await;
        assert_eq!(traces.as_array().unwrap().len(), hashes.len());
        let mut fates = Vec::new();
        for (index, hash) in hashes.iter().enumerate() {
            let receipt = &receipts[index];
            assert_eq!(traces[index]["txHash"], json!(hash));
            let trace = &traces[index]["result"];
            assert_eq!(trace["gasUsed"], receipt["gasUsed"], "{index}");
            assert_eq!(trace["error"].is_null(), receipt["status"] == "0x1", "{index}");
            let steps = &plain[index]["result"];
            let gas = steps["gas"].as_u64().map(|gas| format!("{gas:#x}")).unwrap();
            assert_eq!(json!(gas), receipt["gasUsed"], "{index}");
            assert_eq!(steps["failed"], json!(receipt["status"] == "0x0"), "{index}");
            let alone = server.ok("debug_traceTransaction", json!([hash, options])).await;
            assert_eq!(&alone, trace, "{index}");
            fates.push(receipt["status"] == "0x1");
        }
        assert_eq!(fates, [true, false, false, true, true, true, true, true]);
        let hash = server.ledger.head().hash;
        assert_eq!(server.ok("debug_traceBlockByHash", json!([hash, options])).await, traces);
    }
}

#[tokio::test]
async fn each_of_geths_tracers_answers() {
    let server = Server::start().await;
    let (forward, hashes) = mixed(&server).await;
    let trace = async |options: Value| {
        server.ok("debug_traceTransaction", json!([hashes[0], options])).await
    };
    let steps = trace(json!({ "enableMemory": true, "enableReturnData": true })).await;
    let first = &steps["structLogs"][0];
    assert_eq!((&first["op"], &first["depth"]), (&json!("CALLDATASIZE"), &json!(1)));
    assert!(steps["structLogs"].as_array().unwrap().iter().any(|step| step["depth"] == 2));
    assert_eq!(trace(json!({ "limit": 3 })).await["structLogs"].as_array().unwrap().len(), 3);
    let calls = trace(json!({ "tracer": "callTracer", "tracerConfig": { "withLog": true } })).await;
    assert_eq!(calls["calls"][0]["to"], format!("{LOGGER:#x}"));
    assert_eq!(calls["calls"][0]["logs"][0]["address"], format!("{LOGGER:#x}"));
    let top = json!({ "tracer": "callTracer", "tracerConfig": { "onlyTopCall": true } });
    assert_eq!(trace(top).await.get("calls"), None);
    let before = trace(json!({ "tracer": "prestateTracer" })).await;
    assert_eq!(
        before[format!("{LOGGER:#x}")]["storage"][B256::ZERO.to_string()],
        json!(B256::ZERO)
    );
    let diff = json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } });
    let diff = trace(diff).await;
    let stored = &diff["post"][format!("{LOGGER:#x}")]["storage"][B256::ZERO.to_string()];
    assert_eq!(*stored, json!(B256::with_last_byte(7)));
    let flat = trace(json!({ "tracer": "flatCallTracer" })).await;
    assert_eq!(flat[1]["traceAddress"], json!([0]));
    assert_eq!(flat[0]["action"]["to"], format!("{forward:#x}"));
    let four = trace(json!({ "tracer": "4byteTracer" })).await;
    assert_eq!(four, json!({ "0x00000000-28": 2 }));
    assert_eq!(trace(json!({ "tracer": "noopTracer" })).await, json!({}));
    let mux = json!({ "tracer": "muxTracer", "tracerConfig": {
        "callTracer": {}, "4byteTracer": null } });
    let mux = trace(mux).await;
    assert_eq!((&mux["4byteTracer"], &mux["callTracer"]["type"]), (&four, &json!("CALL")));
    for (options, word) in [
        (json!({ "tracer": "{result: function() {}}" }), "use callTracer"),
        (
            json!({ "tracer": "keccak256PreimageTracer" }),
            "keccak256PreimageTracer is not supported",
        ),
        (
            json!({ "tracer": "muxTracer", "tracerConfig": { "opcodeTracer": null } }),
            "tracer opcodeTracer is not supported: use callTracer",
        ),
        (json!({ "timeout": "soon" }), "invalid duration"),
    ] {
        let (code, text) =
            server.error("debug_traceTransaction", json!([hashes[0], options])).await;
        assert!(code == -32602 && text.contains(word), "{text}");
    }
}

/// However short the time is: the caller asked for it, the node did not fail.
#[tokio::test]
async fn behaviour_17_a_time_that_is_over_is_told_as_such() {
    let server = Server::start().await;
    let (_, hashes) = mixed(&server).await;
    for timeout in ["0s", "1ns", "1us"] {
        for (method, place) in [
            ("debug_traceTransaction", json!(hashes[0])),
            ("debug_traceBlockByNumber", json!("0x3")),
        ] {
            let params = json!([place, { "timeout": timeout }]);
            let (code, text) = server.error(method, params).await;
            let no_turn = code == -32005 && text.contains("limit 2 at once");
            let over = code == -32000 && text.contains("time");
            assert!(no_turn || over, "{method} {timeout}: {code} {text}");
        }
        // Or the traces before, whose time is over as well, still have all turns.
        let params = json!([{ "to": LOGGER }, "latest", { "timeout": timeout }]);
        let (code, text) = server.error("debug_traceCall", params).await;
        let no_turn = code == -32005 && text.contains("limit 2 at once");
        assert!(no_turn || code == -32000 && text.contains("time"), "{timeout}: {code} {text}");
    }
}

#[tokio::test]
async fn what_cannot_be_traced_is_told_in_geths_words() {
    let server = Server::start().await;
    let unknown = B256::with_last_byte(1);
    for (method, params, expected) in [
        ("debug_traceTransaction", json!([unknown]), "transaction not found".to_owned()),
        ("debug_traceBlockByHash", json!([unknown]), format!("block {unknown} not found")),
        ("debug_traceBlockByNumber", json!(["0x77"]), "block #119 not found".to_owned()),
        ("debug_traceBlockByNumber", json!(["0x0"]), "genesis is not traceable".to_owned()),
    ] {
        assert_eq!(server.error(method, params).await, (-32000, expected));
    }
    assert_eq!(server.ok("debug_traceBlockByNumber", json!(["0x1"])).await, json!([]));
    mixed(&server).await;
    server.ledger.oldest_state.store(3, std::sync::atomic::Ordering::Relaxed);
    let (code, text) = server.error("debug_traceBlockByNumber", json!(["0x3"])).await;
    assert!(code == 4444 && text.contains("pruned"), "{code} {text}");
}

#[tokio::test]
async fn calls_are_traced_after_a_block_and_within_one() {
    let server = Server::start().await;
    let (forward, _) = mixed(&server).await;
    let diff = |extra: Value| {
        let mut options =
            json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } });
        for (key, value) in extra.as_object().unwrap() {
            options[key] = value.clone();
        }
        options
    };
    let before = async |block: &str, extra: Value| {
        let call = json!({ "to": forward, "data": B256::with_last_byte(0x77) });
        let trace = server.ok("debug_traceCall", json!([call, block, diff(extra)])).await;
        trace["pre"][format!("{LOGGER:#x}")]["storage"][B256::ZERO.to_string()].clone()
    };
    let word = |byte| json!(B256::with_last_byte(byte));
    // After block 3 the slot holds 8, in it first 0, after its first transaction 7.
    assert_eq!(before("0x3", json!({})).await, word(8));
    assert_eq!(before("0x3", json!({ "txIndex": "0x0" })).await, Value::Null);
    assert_eq!(before("0x3", json!({ "txIndex": "0x1" })).await, word(7));
    let slots = json!({ B256::ZERO.to_string(): B256::with_last_byte(0x55) });
    let pretended = json!({ "stateOverrides": { LOGGER.to_string(): { "stateDiff": slots } } });
    assert_eq!(before("0x3", pretended.clone()).await, word(0x55));
    let mut within = pretended;
    within["txIndex"] = json!("0x1");
    assert_eq!(before("0x3", within).await, word(0x55));
    // NUMBER PUSH0 MSTORE PUSH1 32 PUSH0 RETURN
    let code = json!({ "data": "0x435f5260205ff3" });
    let options = json!({ "tracer": "callTracer", "blockOverrides": { "number": "0x99" } });
    let trace = server.ok("debug_traceCall", json!([code, "latest", options])).await;
    assert_eq!(trace["output"], word(0x99));
    let (code, text) =
        server.error("debug_traceCall", json!([{}, "0x3", { "txIndex": "0x99" }])).await;
    assert!(code == -32602 && text.contains("out of range"), "{text}");
}

#[tokio::test]
async fn parity_traces() {
    let server = Server::start().await;
    let (forward, hashes) = mixed(&server).await;
    let block = server.ok("trace_block", json!(["0x3"])).await;
    let of_first = server.ok("trace_transaction", json!([hashes[0]])).await;
    assert_eq!(of_first.as_array().unwrap()[..], block.as_array().unwrap()[..2]);
    assert_eq!(of_first[1]["traceAddress"], json!([0]));
    assert_eq!(of_first[1]["action"]["to"], format!("{LOGGER:#x}"));
    assert_eq!(of_first[1]["blockNumber"], json!(3));
    assert_eq!(server.ok("trace_get", json!([hashes[0], ["0x0"]])).await, of_first[1]);
    assert_eq!(server.ok("trace_get", json!([hashes[0], ["0x5"]])).await, Value::Null);
    assert_eq!(server.ok("trace_transaction", json!([B256::ZERO])).await, Value::Null);
    assert_eq!(server.ok("trace_block", json!(["0x0"])).await, json!([]));
    let every = json!(["trace", "stateDiff", "vmTrace"]);
    let replayed = server.ok("trace_replayTransaction", json!([hashes[0], every])).await;
    assert_eq!(replayed["trace"].as_array().unwrap().len(), 2);
    assert!(!replayed["vmTrace"]["ops"].as_array().unwrap().is_empty());
    let slot = &replayed["stateDiff"][format!("{LOGGER:#x}")]["storage"][B256::ZERO.to_string()];
    assert_eq!(slot["*"]["to"], json!(B256::with_last_byte(7)));
    let all = server.ok("trace_replayBlockTransactions", json!(["0x3", ["trace"]])).await;
    assert_eq!(all.as_array().unwrap().len(), hashes.len());
    assert_eq!(all[0]["transactionHash"], json!(hashes[0]));
    let call = json!({ "to": forward, "data": B256::with_last_byte(0x44) });
    let once = server.ok("trace_call", json!([call, ["trace"], "0x3"])).await;
    assert_eq!(once["trace"][1]["action"]["to"], format!("{LOGGER:#x}"));
    let many = json!([[[call, ["stateDiff"]], [{ "to": READER, "data": B256::ZERO }, ["trace"]],
        [{ "to": LOGGER, "data": B256::with_last_byte(0x45) }, ["stateDiff"]]], "0x3"]);
    let many = server.ok("trace_callMany", many).await;
    let slot = &many[2]["stateDiff"][format!("{LOGGER:#x}")]["storage"][B256::ZERO.to_string()];
    assert_eq!(slot["*"]["from"], json!(B256::with_last_byte(0x44)), "the first call holds");
    let raw = poor().call(0, LOGGER, &[9; 32]);
    let raw = server.ok("trace_rawTransaction", json!([raw, ["trace"]])).await;
    assert_eq!(raw["trace"][0]["action"]["from"], json!(poor().address()));
    let filter = async |filter: Value| server.ok("trace_filter", json!([filter])).await;
    let whole = json!({ "fromBlock": "0x0", "toBlock": "latest" });
    let found = filter(whole).await;
    assert_eq!(found.as_array().unwrap().len(), 1 + block.as_array().unwrap().len());
    let to = json!({ "fromBlock": "0x3", "toBlock": "0x3", "toAddress": [LOGGER] });
    assert_eq!(filter(to).await.as_array().unwrap().len(), 2);
    let both = json!({ "fromBlock": "0x3", "fromAddress": [forward], "toAddress": [LOGGER] });
    assert_eq!(filter(both).await[0], of_first[1]);
    let one_of = |mode: &str| json!({ "fromBlock": "0x3", "mode": mode, "fromAddress": forward, "toAddress": forward });
    assert_eq!(
        filter(one_of("union")).await.as_array().unwrap()[..],
        of_first.as_array().unwrap()[..]
    );
    assert_eq!(filter(one_of("intersection")).await, json!([]));
    let none_left = json!({ "fromBlock": "0x2", "toBlock": "0x3", "count": "0x0" });
    assert_eq!(filter(none_left).await, json!([]));
    assert_eq!(server.error("trace_filter", json!([one_of("either")])).await.0, -32602);
    let created = json!({ "fromBlock": "0x2", "toBlock": "0x2", "toAddress": [forward] });
    assert_eq!(filter(created).await[0]["type"], "create");
    let page = json!({ "fromBlock": "0x3", "after": "0x1", "count": "0x2" });
    assert_eq!(filter(page).await.as_array().unwrap()[..], block.as_array().unwrap()[1..3]);
    let reversed = json!([{ "fromBlock": "0x3", "toBlock": "0x2" }]);
    assert_eq!(server.error("trace_filter", reversed).await.0, -32602);
}

#[tokio::test]
async fn otterscan() {
    let server = Server::start().await;
    let (forward, hashes) = mixed(&server).await;
    assert_eq!(server.ok("ots_hasCode", json!([forward, "latest"])).await, json!(true));
    assert_eq!(server.ok("ots_hasCode", json!([forward, "0x1"])).await, json!(false));
    let trace = server.ok("ots_traceTransaction", json!([hashes[0]])).await;
    assert_eq!((&trace[1]["type"], &trace[1]["depth"]), (&json!("CALL"), &json!(1)));
    let error = server.ok("ots_getTransactionError", json!([hashes[1]])).await;
    assert_eq!(error, json!(B256::with_last_byte(1)));
    assert_eq!(server.ok("ots_getTransactionError", json!([hashes[0]])).await, "0x");
    assert_eq!(server.ok("ots_getInternalOperations", json!([hashes[0]])).await, json!([]));
    let details = server.ok("ots_getBlockDetails", json!(["0x3"])).await;
    assert_eq!(details["block"]["transactionCount"], json!(hashes.len()));
    assert_eq!(
        (&details["totalFees"], &details["block"]["logsBloom"]),
        (&json!("0x0"), &json!(null))
    );
    let by_hash = json!([details["block"]["hash"]]);
    assert_eq!(server.ok("ots_getBlockDetailsByHash", by_hash).await, details);
    let page = server.ok("ots_getBlockTransactions", json!(["0x3", "0x0", "0x3"])).await;
    let last = page["fullblock"]["transactions"].as_array().unwrap();
    assert_eq!((last.len(), &last[2]["hash"]), (3, &json!(hashes[7])));
    assert_eq!(last[2]["input"].as_str().unwrap().len(), 10);
    assert_eq!(page["receipts"][2]["transactionHash"], json!(hashes[7]));
    assert_eq!(page["receipts"][2]["logs"], Value::Null);
    let found = json!([rich().address(), "0x4"]);
    assert_eq!(server.ok("ots_getTransactionBySenderAndNonce", found).await, json!(hashes[3]));
    let none = json!([rich().address(), "0x99"]);
    assert_eq!(server.ok("ots_getTransactionBySenderAndNonce", none).await, Value::Null);
    let creator = server.ok("ots_getContractCreator", json!([forward])).await;
    assert_eq!(creator["creator"], json!(rich().address()));
    assert_eq!(server.ok("ots_getContractCreator", json!([LOGGER])).await, Value::Null);
    let header = server.ok("erigon_getHeaderByNumber", json!(["0x3"])).await;
    assert_eq!(header, server.ok("eth_getHeaderByNumber", json!(["0x3"])).await);
}

#[tokio::test]
async fn otterscan_finds_the_transactions_of_an_account() {
    let server = Server::start().await;
    let (forward, hashes) = mixed(&server).await;
    server.ledger.mine().await;
    server.send(poor().call(0, LOGGER, &[1])).await;
    server.ledger.mine().await;
    // Hashes with their receipts', whether it is the first page, and whether it is the last.
    let page = async |direction: &str, account: Address, block: u64, size: u64| {
        let method = format!("ots_searchTransactions{direction}");
        let page = server.ok(&method, json!([account, block, size])).await;
        let list = |of: &str, field: &str| {
            let items = page[of].as_array().unwrap().iter();
            items.map(|item| item[field].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(list("txs", "hash"), list("receipts", "transactionHash"));
        assert_eq!(list("receipts", "timestamp").len(), list("txs", "hash").len());
        let flag = |name: &str| page[name].as_bool().unwrap();
        (list("txs", "hash"), flag("firstPage"), flag("lastPage"))
    };
    // In block 3 `LOGGER` is called by a contract and by a transaction, in block 5 once more.
    let block = server.ok("eth_getBlockByNumber", json!(["0x5", false])).await;
    let newest = block["transactions"][0].as_str().unwrap().to_owned();
    let older = [hashes[6].clone(), hashes[0].clone()];
    let all = [&[newest.clone()][..], &older].concat();
    assert_eq!(page("Before", LOGGER, 0, 25).await, (all.clone(), true, true));
    assert_eq!(page("After", LOGGER, 0, 25).await, (all.clone(), true, true));
    assert_eq!(page("Before", LOGGER, 0, 1).await, (vec![newest.clone()], true, false));
    assert_eq!(page("Before", LOGGER, 5, 1).await, (older.to_vec(), false, false));
    assert_eq!(page("Before", LOGGER, 3, 1).await, (vec![], false, true));
    assert_eq!(page("After", LOGGER, 0, 1).await, (older.to_vec(), false, true));
    assert_eq!(page("After", LOGGER, 3, 1).await, (vec![newest], true, false));
    assert_eq!(page("After", LOGGER, 5, 1).await, (vec![], true, false));
    assert_eq!(page("Before", LOGGER, u64::MAX, 25).await, (all, false, true));
    assert_eq!(page("After", LOGGER, u64::MAX, 25).await, (vec![], true, false));
    // Created in block 2.
    let (of_forward, ..) = page("Before", forward, 0, 25).await;
    assert_eq!((of_forward.len(), &of_forward[0]), (2, &hashes[0]));
    assert_eq!(page("Before", Address::repeat_byte(0x99), 0, 25).await, (vec![], true, true));
    let (code, text) = server.error("ots_searchTransactionsAfter", json!([forward, 0, 101])).await;
    assert!(code == -32005 && text.contains("limit 100"), "{code} {text}");
}

#[tokio::test]
async fn raw_blocks_are_ethereums() {
    use alloy_consensus::{Block, TxEnvelope};
    use alloy_rlp::{BufMut as _, Decodable as _};
    let server = Server::start().await;
    let (_, hashes) = mixed(&server).await;
    let bytes = async |method: &str| {
        server.ok(method, json!(["0x3"])).await.as_str().unwrap().parse::<Bytes>().unwrap()
    };
    let header = bytes("debug_getRawHeader").await;
    assert_eq!(keccak256(&header), server.ledger.head().hash);
    let raw = bytes("debug_getRawBlock").await;
    let block = Block::<TxEnvelope>::decode(&mut &raw[..]).unwrap();
    assert_eq!(block.header.hash_slow(), server.ledger.head().hash);
    let found: Vec<String> =
        block.body.transactions.iter().map(|found| found.tx_hash().to_string()).collect();
    assert_eq!(found, hashes);
    assert_eq!(block.body.withdrawals.unwrap().len(), 0);
    let receipts = server.ok("debug_getRawReceipts", json!(["0x3"])).await;
    let encoded: Vec<Bytes> = serde_json::from_value(receipts).unwrap();
    let root = alloy_consensus::proofs::ordered_trie_root_with_encoder(&encoded, |item, out| {
        out.put_slice(item);
    });
    assert_eq!(root, block.header.receipts_root);
    let raw = server.ok("debug_getRawTransaction", json!([hashes[0]])).await;
    assert_eq!(raw, server.ok("eth_getRawTransactionByHash", json!([hashes[0]])).await);
}

#[tokio::test]
async fn access_lists_settle_and_name_failures() {
    let server = Server::start().await;
    let (forward, _) = mixed(&server).await;
    let call = json!({ "to": forward, "data": B256::with_last_byte(0x77) });
    let created = server.ok("eth_createAccessList", json!([call])).await;
    let expected = json!([{ "address": LOGGER, "storageKeys": [B256::ZERO] }]);
    assert_eq!(created["accessList"], expected);
    let listed =
        json!({ "to": forward, "data": B256::with_last_byte(0x77), "accessList": expected });
    let options = json!({ "tracer": "callTracer" });
    let trace = server.ok("debug_traceCall", json!([listed, "latest", options])).await;
    assert_eq!(created["gasUsed"], trace["gasUsed"], "the gas is that of the call with its list");
    let failing = server.ok("eth_createAccessList", json!([{ "to": REVERTER }])).await;
    assert_eq!(
        (&failing["error"], &failing["accessList"]),
        (&json!("execution reverted"), &json!([]))
    );
    let plain = server.ok("eth_createAccessList", json!([{ "to": poor().address() }])).await;
    assert_eq!(plain, json!({ "accessList": [], "gasUsed": "0x5208" }));
}

#[tokio::test]
async fn the_pool_is_listed_by_sender_and_nonce() {
    let server = Server::start().await;
    let hash = server.send(poor().call(0, LOGGER, &[1; 32])).await;
    server.send(poor().call(5, READER, &[2; 32])).await;
    let sender = poor().address().to_checksum(None);
    let content = server.ok("txpool_content", json!([])).await;
    assert_eq!(content["pending"][&sender]["0"]["hash"], json!(hash));
    assert_eq!(content["pending"][&sender]["0"]["blockHash"], Value::Null);
    assert_eq!(content["queued"][&sender]["5"]["nonce"], "0x5");
    let from = server.ok("txpool_contentFrom", json!([poor().address()])).await;
    assert_eq!(from["pending"], content["pending"][&sender]);
    assert_eq!(from["queued"], content["queued"][&sender]);
    let nobody = server.ok("txpool_contentFrom", json!([Address::ZERO])).await;
    assert_eq!(nobody, json!({ "pending": {}, "queued": {} }));
    let lines = server.ok("txpool_inspect", json!([])).await;
    let expected = format!("{}: 0 wei + 100000 gas \u{d7} 1 wei", LOGGER.to_checksum(None));
    assert_eq!(lines["pending"][&sender]["0"], json!(expected));
}

#[tokio::test]
async fn the_configuration_and_what_the_node_has() {
    let server = Server::start().await;
    let config = server.ok("eth_config", json!([])).await;
    let current = &config["current"];
    assert_eq!(current["chainId"], format!("{CHAIN_ID:#x}"));
    assert_eq!(current["precompiles"]["ECREC"], json!(Address::with_last_byte(1)));
    assert_eq!(current["precompiles"].as_object().unwrap().len(), 17);
    assert_eq!((&config["next"], &config["last"]), (&json!(null), &json!(null)));
    let has = server.ok("eth_capabilities", json!([])).await;
    assert_eq!(has["head"]["hash"], json!(server.ledger.head().hash));
    assert_eq!(has["blocks"]["oldestBlock"], "0x0");
    assert_eq!(has["stateproofs"]["disabled"], json!(true));
}
