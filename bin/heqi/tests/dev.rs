//! The development ledger as tools use it: the real program, over HTTP.

mod files;

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use files::{code, err, folder, heqi, write};
use heqi::http::Url;
use serde_json::{Value, json};

const TIME: Duration = Duration::from_secs(60);
const FIRST: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
const SECOND: &str = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
/// Creates: `slot 0 += 1; log1(topic: slot 0)`; reverts with its input where there is some.
const COUNTER: &str =
    "0x601e600a5f39601e5ff33615600f57366000600037366000fd5b600160005401806000555f5fa100";

/// A development ledger; dropping it kills it.
struct Dev {
    process: Child,
    url: Url,
    started: Value,
}

impl Dev {
    fn start(folder: &Path, options: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_heqi"))
            .args(["-o", "json", "dev", "--port", "0"])
            .args(options)
            .current_dir(folder)
            // What a killed process leaves goes with the test's folder.
            .env("TMPDIR", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program was built with this test");
        let mut line = String::new();
        let output = process.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("text");
        let started: Value = serde_json::from_str(&line).expect("JSON");
        let url = Url::parse(started["rpc"].as_str().expect("a URL")).expect("a URL");
        Self { process, url, started }
    }

    /// Result or error of a call.
    fn ask(&self, method: &str, params: Value) -> Result<Value, Value> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let (status, text) = self.url.post("/", &body.to_string(), TIME).expect("an answer");
        assert_eq!(status, 200, "{method}: {}", String::from_utf8_lossy(&text));
        let answer: Value = serde_json::from_slice(&text).expect("JSON");
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["result"].clone()),
        }
    }

    fn call(&self, method: &str, params: Value) -> Value {
        self.ask(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn number(&self, method: &str, params: Value) -> u64 {
        hex(&self.call(method, params))
    }

    fn height(&self) -> u64 {
        self.number("eth_blockNumber", json!([]))
    }

    fn block(&self, id: &str) -> Value {
        self.call("eth_getBlockByNumber", json!([id, false]))
    }

    /// Sends from a development account; answers the receipt.
    fn send(&self, transaction: Value) -> Value {
        let hash = self.call("eth_sendTransaction", json!([transaction]));
        self.call("eth_getTransactionReceipt", json!([hash]))
    }

    fn counter(&self) -> String {
        let receipt = self.send(json!({ "from": FIRST, "data": COUNTER }));
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt["contractAddress"].as_str().expect("an address").to_owned()
    }

    fn stop(mut self) {
        let pid = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("an id"), rustix::process::Signal::TERM)
            .expect("it runs");
        assert!(self.process.wait().expect("its own child").success());
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn hex(value: &Value) -> u64 {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no quantity"));
    u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("a quantity")
}

#[test]
fn transactions_are_in_blocks_at_once_and_the_accounts_are_the_usual_ones() {
    let folder = folder();
    let dev = Dev::start(folder.path(), &[]);
    assert_eq!(dev.started["accounts"][0]["address"], FIRST);
    assert_eq!(dev.call("eth_accounts", json!([])).as_array().map(Vec::len), Some(10));
    assert_eq!(dev.call("eth_accounts", json!([]))[0], FIRST);
    assert_eq!(dev.number("eth_chainId", json!([])), 31_337);
    // What Hardhat's network helpers look at.
    let version = dev.call("web3_clientVersion", json!([]));
    assert!(version.as_str().expect("text").starts_with("anvil"), "{version}");
    assert_eq!(dev.call("hardhat_metadata", json!([]))["chainId"], 31_337);
    assert_eq!(dev.call("anvil_nodeInfo", json!([]))["hardFork"], "Prague");
    let modules = dev.call("rpc_modules", json!([]));
    assert_eq!((&modules["evm"], &modules["anvil"]), (&json!("1.0"), &json!("1.0")));
    // Signed by the first account with the public key: a transfer of 1 wei, nonce 0, chain 31337.
    let receipt = dev.send(json!({ "from": FIRST, "to": SECOND, "value": "0x1" }));
    assert_eq!((&receipt["status"], &receipt["blockNumber"]), (&json!("0x1"), &json!("0x2")));
    assert_eq!(receipt["effectiveGasPrice"], "0x0", "free mode");
    let hash = &receipt["transactionHash"];
    let raw = dev.call("eth_getRawTransactionByHash", json!([hash]));
    let error = dev.ask("eth_sendRawTransaction", json!([raw])).expect_err("refused");
    assert_eq!(error["message"], "nonce too low: next nonce 1, tx nonce 0");
    let sent = dev.call("eth_getTransactionByHash", json!([hash]));
    assert_eq!((&sent["from"], &sent["nonce"]), (&json!(FIRST), &json!("0x0")));
    dev.stop();
}

#[test]
fn reverts_are_told_as_geth_tells_them() {
    let folder = folder();
    let dev = Dev::start(folder.path(), &[]);
    let counter = dev.counter();
    // Without a gas limit the estimate finds out.
    let call = json!({ "from": FIRST, "to": counter, "data": "0x01020304" });
    for method in ["eth_sendTransaction", "eth_estimateGas", "eth_call"] {
        let error = dev.ask(method, json!([call])).expect_err("refused");
        assert_eq!((&error["code"], &error["data"]), (&json!(3), &json!("0x01020304")), "{error}");
        assert!(error["message"].as_str().expect("text").starts_with("execution reverted"));
    }
    let failed =
        dev.send(json!({ "from": FIRST, "to": counter, "data": "0x01", "gas": "0x20000" }));
    assert_eq!((&failed["status"], &failed["logs"]), (&json!("0x0"), &json!([])));
    let traced = dev.call(
        "debug_traceTransaction",
        json!([failed["transactionHash"], { "tracer": "callTracer" }]),
    );
    assert_eq!(traced["error"], "execution reverted", "{traced}");
    let poor = "0x00000000000000000000000000000000000000aa";
    let error = dev
        .ask("eth_sendTransaction", json!([{ "from": poor, "to": FIRST }]))
        .expect_err("refused");
    assert!(error["message"].as_str().expect("text").contains("unknown account"), "{error}");
}

#[test]
fn snapshots_time_and_blocks_are_what_helpers_expect() {
    let folder = folder();
    let dev = Dev::start(folder.path(), &[]);
    let counter = dev.counter();
    let slot = |dev: &Dev| dev.number("eth_getStorageAt", json!([counter, "0x0"]));
    let snapshot = dev.call("evm_snapshot", json!([]));
    dev.send(json!({ "from": FIRST, "to": counter }));
    assert_eq!((slot(&dev), dev.height()), (1, 3));
    let filter = json!([{ "fromBlock": "0x0", "address": counter }]);
    assert_eq!(dev.call("eth_getLogs", filter.clone()).as_array().map(Vec::len), Some(1));
    assert_eq!(dev.call("evm_revert", json!([snapshot])), true);
    assert_eq!((slot(&dev), dev.height()), (0, 2));
    assert_eq!(dev.call("eth_getLogs", filter), json!([]));
    assert_eq!(dev.call("evm_revert", json!([snapshot])), false);
    let before = hex(&dev.block("latest")["timestamp"]);
    dev.call("evm_increaseTime", json!(["0x15180"]));
    dev.call("evm_mine", json!([]));
    let after = hex(&dev.block("latest")["timestamp"]);
    assert!((before + 86_400..before + 86_500).contains(&after), "{before} {after}");
    dev.call("evm_setNextBlockTimestamp", json!([after + 1_000]));
    dev.call("evm_mine", json!([]));
    assert_eq!(hex(&dev.block("latest")["timestamp"]), after + 1_000);
    let error = dev.ask("evm_setNextBlockTimestamp", json!([after])).expect_err("refused");
    assert!(error["message"].as_str().expect("text").contains("lower than or equal to"), "{error}");
    let begin = Instant::now();
    let height = dev.height();
    assert_eq!(dev.call("hardhat_mine", json!(["0x2008", "0xc"])), true);
    println!("8,200 blocks by hardhat_mine in {:?}", begin.elapsed());
    assert_eq!(dev.height(), height + 8_200);
    // Mining on demand.
    dev.call("evm_setAutomine", json!([false]));
    assert_eq!(dev.call("hardhat_getAutomine", json!([])), false);
    let waiting = dev.call("eth_sendTransaction", json!([{ "from": FIRST, "to": counter }]));
    assert_eq!(dev.call("eth_getTransactionReceipt", json!([waiting])), Value::Null);
    assert_eq!(dev.call("hardhat_dropTransaction", json!([waiting])), true);
    let waiting = dev.call("eth_sendTransaction", json!([{ "from": FIRST, "to": counter }]));
    dev.call("anvil_mine", json!([]));
    assert_eq!(dev.call("eth_getTransactionReceipt", json!([waiting]))["status"], "0x1");
    dev.call("evm_setAutomine", json!([true]));
    dev.call("anvil_reset", json!([{ "forking": { "blockNumber": null } }]));
    assert_eq!(dev.height(), 1);
    assert!(dev.ask("anvil_reset", json!([{ "forking": { "jsonRpcUrl": "http://x" } }])).is_err());
}

#[test]
fn values_are_set_and_accounts_impersonated_under_both_names() {
    let folder = folder();
    let dev = Dev::start(folder.path(), &[]);
    let counter = dev.counter();
    let code = dev.call("eth_getCode", json!([counter, "latest"]));
    for (family, last) in [("hardhat", 1), ("anvil", 2)] {
        let method = |name: &str| format!("{family}_{name}");
        let address = format!("0x{:040x}", 0xd00 + last);
        assert_eq!(dev.call(&method("setBalance"), json!([address, "0x64"])), true);
        assert_eq!(dev.call(&method("setNonce"), json!([address, "0x5"])), true);
        assert_eq!(dev.call(&method("setCode"), json!([address, code])), true);
        let word = format!("0x{:064x}", 41);
        assert_eq!(dev.call(&method("setStorageAt"), json!([address, "0x0", word])), true);
        assert_eq!(dev.number("eth_getBalance", json!([address, "latest"])), 100);
        assert_eq!(dev.number("eth_getTransactionCount", json!([address, "latest"])), 5);
        let from = json!({ "from": address, "to": address, "value": "0x0" });
        assert!(dev.ask("eth_sendTransaction", json!([from])).is_err());
        dev.call(&method("impersonateAccount"), json!([address]));
        let receipt = dev.send(from.clone());
        assert_eq!((&receipt["status"], &receipt["from"]), (&json!("0x1"), &json!(address)));
        assert_eq!(dev.number("eth_getStorageAt", json!([address, "0x0", "latest"])), 42);
        let found = dev.call("eth_getTransactionByHash", json!([receipt["transactionHash"]]));
        assert_eq!((&found["from"], &found["nonce"]), (&json!(address), &json!("0x5")));
        dev.call(&method("stopImpersonatingAccount"), json!([address]));
        assert!(dev.ask("eth_sendTransaction", json!([from])).is_err());
        dev.call(&method("setCoinbase"), json!([address]));
        dev.call(&method("setPrevRandao"), json!([word]));
        dev.call(&method("mine"), json!([]));
        let block = dev.block("latest");
        assert_eq!((&block["miner"], &block["mixHash"]), (&json!(address), &json!(word)));
    }
    dev.call("evm_setBlockGasLimit", json!(["0x1c9c380"]));
    dev.call("hardhat_setNextBlockBaseFeePerGas", json!(["0x3b9aca00"]));
    let receipt = dev.send(json!({ "from": FIRST, "to": counter }));
    assert_eq!(receipt["effectiveGasPrice"], "0x3b9aca00");
    let block = dev.block("latest");
    assert_eq!(
        (&block["gasLimit"], &block["baseFeePerGas"]),
        (&json!("0x1c9c380"), &json!("0x3b9aca00"))
    );
    assert_eq!(dev.call("eth_gasPrice", json!([])), "0x3b9aca00");
    // EIP-191 over "hi", signed by the first account; any library recovers it.
    let signature = dev.call("personal_sign", json!(["0x6869", FIRST]));
    assert_eq!(signature, dev.call("eth_sign", json!([FIRST, "0x6869"])));
    assert_eq!(signature.as_str().map(str::len), Some(132));
}

/// Code that reverts before a time: `if (timestamp < time) revert()`.
fn not_before(time: u64) -> String {
    format!("0x67{time:016x}4210600f57005b5f5ffd")
}

#[test]
fn estimates_are_for_the_block_that_comes() {
    let folder = folder();
    let dev = Dev::start(folder.path(), &["--no-predeploys"]);
    let time = hex(&dev.block("latest")["timestamp"]) + 10_000;
    dev.call("anvil_setCode", json!([SECOND, not_before(time)]));
    let call = json!({ "from": FIRST, "to": SECOND });
    for method in ["eth_call", "eth_estimateGas", "eth_sendTransaction"] {
        assert_eq!(dev.ask(method, json!([call])).expect_err("too early")["code"], 3, "{method}");
    }
    dev.call("evm_setNextBlockTimestamp", json!([time]));
    // The newest block is still what it was; the one to come is not.
    assert_eq!(dev.ask("eth_call", json!([call, "latest"])).expect_err("too early")["code"], 3);
    assert_eq!(dev.call("eth_call", json!([call, "pending"])), "0x");
    assert!(dev.ask("eth_estimateGas", json!([call, "latest"])).is_err());
    assert!(dev.number("eth_estimateGas", json!([call])) > 21_000);
    assert_eq!(dev.send(call)["status"], "0x1");
    assert_eq!(hex(&dev.block("latest")["timestamp"]), time);
}

#[test]
fn what_waits_is_seen_in_the_pending_block() {
    let folder = folder();
    let dev = Dev::start(folder.path(), &["--no-mining", "--no-predeploys"]);
    let transfer = json!({ "from": FIRST, "to": SECOND, "value": "0x64" });
    let before = dev.call("eth_getBalance", json!([SECOND, "latest"]));
    let hash = dev.call("eth_sendTransaction", json!([transfer]));
    let created = dev.call("eth_sendTransaction", json!([{ "from": FIRST, "data": COUNTER }]));
    assert_eq!(dev.call("eth_getBalance", json!([SECOND, "latest"])), before);
    assert_ne!(dev.call("eth_getBalance", json!([SECOND, "pending"])), before);
    assert_eq!(dev.number("eth_getTransactionCount", json!([FIRST, "pending"])), 2);
    assert_eq!(dev.number("eth_getTransactionCount", json!([FIRST, "latest"])), 0);
    let pending = dev.block("pending");
    assert_eq!(pending["transactions"], json!([hash, created]));
    assert_eq!((dev.height(), hex(&pending["number"])), (1, 2));
    let count = dev.number("eth_getBlockTransactionCountByNumber", json!(["pending"]));
    assert_eq!(count, 2);
    let full = dev.call("eth_getBlockByNumber", json!(["pending", true]));
    assert_eq!(full["transactions"][0]["from"], FIRST);
    // Built on what waits: the counter's code is not there before.
    let counter = "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512";
    assert_eq!(dev.call("eth_getCode", json!([counter, "latest"])), "0x");
    assert_ne!(dev.call("eth_getCode", json!([counter, "pending"])), "0x");
    let counted = dev.call("eth_sendTransaction", json!([{ "from": FIRST, "to": counter }]));
    let slot = |block: &str| dev.number("eth_getStorageAt", json!([counter, "0x0", block]));
    assert_eq!((slot("latest"), slot("pending")), (0, 1));
    dev.call("evm_mine", json!([]));
    assert_eq!(dev.call("eth_getTransactionReceipt", json!([counted]))["status"], "0x1");
    assert_eq!((slot("latest"), slot("pending")), (1, 1));
}

#[test]
fn transactions_that_are_sent_at_once_get_a_nonce_each() {
    const SENDERS: u64 = 8;
    const ROUNDS: u64 = 5;
    let folder = folder();
    let dev = Dev::start(folder.path(), &["--no-predeploys"]);
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let receipt = dev.send(json!({ "from": FIRST, "to": SECOND }));
                    assert_eq!(receipt["status"], "0x1", "{receipt}");
                }
            });
        }
    });
    let count = dev.number("eth_getTransactionCount", json!([FIRST, "latest"]));
    assert_eq!(count, SENDERS * ROUNDS);
}

#[test]
fn documents_and_transactions_are_signed_for_development_accounts() {
    let folder = folder();
    let dev = Dev::start(folder.path(), &["--no-predeploys"]);
    let member = |name: &str, kind: &str| json!({ "name": name, "type": kind });
    let document = json!({
        "types": { "Permit": [
            member("owner", "address"), member("spender", "address"), member("value", "uint256"),
            member("nonce", "uint256"), member("deadline", "uint256"),
        ] },
        "primaryType": "Permit",
        "domain": {
            "name": "My Token",
            "version": "1",
            "chainId": "0x7a69",
            "verifyingContract": "0x5fbdb2315678afecb367f032d93f642f64180aa3",
        },
        "message": {
            "owner": FIRST,
            "spender": SECOND,
            "value": "42",
            "nonce": 0,
            "deadline": format!("0x{}", "f".repeat(64)),
        },
    });
    // What ethers' wallet makes of it with the first account's key.
    let expected = "0x1dd5a18239fb4d46c787b54fe22e15f163e6d278232502b1cb0e85b73a7c3f8e\
        7ef6532a2a99f055c0cf36fa4763ae96886ab921655a72aa5c89b712f360217a1b";
    for given in [document.clone(), json!(document.to_string())] {
        assert_eq!(dev.call("eth_signTypedData_v4", json!([FIRST, given])), expected);
    }
    let unknown = "0x00000000000000000000000000000000000000aa";
    let error = dev.ask("eth_signTypedData_v4", json!([unknown, document])).expect_err("refused");
    assert!(error["message"].as_str().expect("text").contains("unknown account"), "{error}");
    let mut broken = document;
    broken["message"]["value"] = json!("-1");
    let error = dev.ask("eth_signTypedData_v4", json!([FIRST, broken])).expect_err("refused");
    assert_eq!(error["code"], -32_602, "{error}");
    let message = error["message"].as_str().expect("text");
    assert!(message.contains(r#"expected type "uint256""#), "{message}");
    // Signed, not sent.
    let transfer = json!({ "from": SECOND, "to": FIRST, "value": "0x1" });
    let raw = dev.call("eth_signTransaction", json!([transfer]));
    assert_eq!(dev.height(), 1);
    let hash = dev.call("eth_sendRawTransaction", json!([raw]));
    assert_eq!(dev.call("eth_getTransactionReceipt", json!([hash]))["from"], SECOND);
    assert!(dev.ask("eth_signTransaction", json!([{ "from": unknown, "to": FIRST }])).is_err());
    // Sent, not signed.
    assert_eq!(dev.call("anvil_addBalance", json!([unknown, "0x5"])), true);
    assert_eq!(dev.call("anvil_addBalance", json!([unknown, "0x5"])), true);
    let transfer = json!({ "from": unknown, "to": FIRST, "value": "0x4" });
    let hash = dev.call("eth_sendUnsignedTransaction", json!([transfer]));
    assert_eq!(dev.call("eth_getTransactionReceipt", json!([hash]))["from"], unknown);
    assert_eq!(dev.number("eth_getBalance", json!([unknown, "latest"])), 6);
    assert_eq!(dev.call("evm_setAccountNonce", json!([unknown, "0x9"])), true);
    assert_eq!(dev.number("eth_getTransactionCount", json!([unknown, "latest"])), 9);
    assert_eq!(dev.call("eth_requestAccounts", json!([])), dev.call("eth_accounts", json!([])));
    assert_eq!(dev.call("hardhat_setLoggingEnabled", json!([true])), true);
    assert!(dev.ask("hardhat_setMinGasPrice", json!(["0x1"])).is_err());
}

#[test]
fn proofs_are_answered_where_blocks_commit_to_ethereums_trie() {
    let folder = folder();
    let dev = Dev::start(folder.path(), &["--state", "mpt", "--hardfork", "osaka"]);
    let counter = dev.counter();
    dev.send(json!({ "from": FIRST, "to": counter }));
    let proof = dev.call("eth_getProof", json!([counter, ["0x0"], "latest"]));
    assert_eq!(proof["storageProof"][0]["value"], "0x1", "{proof}");
    assert!(proof["accountProof"].as_array().is_some_and(|nodes| !nodes.is_empty()));
    let plain = Dev::start(folder.path(), &[]);
    let error = plain.ask("eth_getProof", json!([FIRST, [], "latest"])).expect_err("refused");
    assert_eq!(error["code"], -32_004, "{error}");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("--state mpt")), "{error}");
    let wanted = json!([[{ "address": FIRST }]]);
    let error = plain.ask("heqi_getStateProof", wanted).expect_err("refused");
    assert_eq!(error["code"], -32_004, "{error}");
}

#[test]
fn filters_go_on_from_where_the_ledger_went_back_to() {
    let folder = folder();
    let dev = Dev::start(folder.path(), &[]);
    let filter = dev.call("eth_newBlockFilter", json!([]));
    let snapshot = dev.call("evm_snapshot", json!([]));
    for _ in 0..3 {
        dev.call("evm_mine", json!([]));
    }
    let changes = || dev.call("eth_getFilterChanges", json!([filter])).as_array().map(Vec::len);
    assert_eq!(changes(), Some(3));
    assert_eq!(dev.call("evm_revert", json!([snapshot])), true);
    dev.call("evm_mine", json!([]));
    assert_eq!(changes(), Some(1), "the block in place of another one");
}

#[test]
fn blocks_come_in_intervals() {
    let folder = folder();
    let dev = Dev::start(folder.path(), &["--block-time", "0.2"]);
    let begin = Instant::now();
    while dev.height() < 4 {
        assert!(begin.elapsed() < TIME, "no blocks come");
        std::thread::sleep(Duration::from_millis(50));
    }
    dev.call("evm_setIntervalMining", json!([0]));
    let height = dev.height();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(dev.height(), height);
}

#[test]
fn the_state_is_kept_in_a_file_where_one_is_given() {
    let folder = folder();
    let options = ["--state-file", "state.json", "--accounts", "2", "--balance", "5"];
    let dev = Dev::start(folder.path(), &options);
    let counter = dev.counter();
    dev.send(json!({ "from": FIRST, "to": counter }));
    let dump = dev.call("anvil_dumpState", json!([]));
    dev.stop();
    let dev = Dev::start(folder.path(), &options);
    assert_eq!(dev.number("eth_getStorageAt", json!([counter, "0x0", "latest"])), 1);
    assert_eq!(dev.number("eth_getTransactionCount", json!([FIRST, "latest"])), 2);
    let other = Dev::start(folder.path(), &[]);
    assert_eq!(other.call("anvil_loadState", json!([dump])), true);
    assert_eq!(other.number("eth_getStorageAt", json!([counter, "0x0", "latest"])), 1);
}

#[test]
fn mistakes_and_folders_of_nodes_are_refused() {
    let folder = folder();
    write(folder.path(), "network.json", "{}");
    let ended = heqi(folder.path(), &["dev", "--port", "0", "--state-file", "state.json"]);
    assert_eq!(code(&ended), 2);
    assert!(err(&ended).contains("error[CLI-0023]"), "{}", err(&ended));
    for wrong in [
        &["--gas-limit", "5"][..],
        &["--chain-id", "0"],
        &["--block-time", "0"],
        &["--mnemonic", " "],
        &["--accounts", "100000"],
    ] {
        let ended = heqi(folder.path(), &[&["dev", "--port", "0"], wrong].concat());
        assert_eq!(code(&ended), 1, "{wrong:?}");
        assert!(err(&ended).contains("error[CLI-0022]"), "{wrong:?}: {}", err(&ended));
    }
    let dev = Dev::start(folder.path(), &[]);
    let port = dev.started["rpc"].as_str().expect("a URL").rsplit(':').next().expect("a port");
    let ended = heqi(folder.path(), &["dev", "--port", port]);
    assert_eq!(code(&ended), 1);
    assert!(err(&ended).contains("error[CLI-0024]"), "{}", err(&ended));
}

/// Whatever stands in the parameters: an answer or a refusal in words, and the ledger goes on.
#[test]
fn hostile_parameters_are_refused_in_words() {
    let folder = folder();
    let dev = Dev::start(folder.path(), &["--no-predeploys"]);
    let methods = "eth_sendTransaction eth_sendUnsignedTransaction eth_signTransaction eth_sign \
        personal_sign eth_signTypedData_v4 anvil_addBalance evm_setAccountNonce \
        hardhat_setLoggingEnabled eth_getBlockByNumber eth_estimateGas evm_mine hardhat_mine \
        evm_setAutomine hardhat_getAutomine anvil_getIntervalMining evm_increaseTime evm_setTime \
        evm_setNextBlockTimestamp anvil_setBlockTimestampInterval anvil_removeBlockTimestampInterval \
        evm_setBlockGasLimit hardhat_setNextBlockBaseFeePerGas hardhat_setCoinbase \
        hardhat_setPrevRandao hardhat_setBalance hardhat_setNonce hardhat_setCode \
        hardhat_setStorageAt evm_snapshot evm_revert hardhat_reset anvil_dumpState anvil_loadState \
        hardhat_impersonateAccount anvil_autoImpersonateAccount hardhat_dropTransaction \
        anvil_dropAllTransactions anvil_removePoolTransactions hardhat_metadata anvil_nodeInfo";
    let values = [
        json!(null),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("0x"),
        json!("0xffffffffffffffff"),
        json!("0xfffffffffffffffe"),
        json!("0x0fffffffffffffff"),
        json!("0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
        json!("0x3ffffffffffff"),
        json!("0x51"),
        json!(FIRST),
        json!([]),
        json!({}),
        json!({ "timestamp": "0xffffffffffffffff", "blocks": "0xffffffffffffffff" }),
        json!({ "from": FIRST, "nonce": "0xffffffffffffffff", "gas": "0xffffffffffffffff" }),
        json!({ "from": FIRST, "to": FIRST, "value": "0xffffffffffffffffffffffffffffffff" }),
        json!({ "forking": 5 }),
        json!({ "accounts": {} }),
        json!({ "types": {}, "primaryType": "A", "domain": {}, "message": {} }),
        json!({ "types": { "A": [{ "name": "a", "type": "A[]" }] }, "primaryType": "A",
            "message": { "a": [{ "a": [] }, { "a": [1] }] } }),
        json!(format!("0x{}", "ff".repeat(100_000))),
    ];
    for method in methods.split_whitespace() {
        for (at, first) in values.iter().enumerate() {
            let second = &values[(at * 7 + 3) % values.len()];
            for params in [json!([first]), json!([first, second]), json!([FIRST, first, second])] {
                if let Err(error) = dev.ask(method, params.clone()) {
                    let shown: String = params.to_string().chars().take(200).collect();
                    assert_ne!(error["code"], -32_603, "{method} {shown}: {error}");
                    assert_ne!(error["code"], -32_601, "{method} {shown}: {error}");
                }
            }
        }
    }
    dev.call("hardhat_reset", json!([]));
    dev.counter();
}

#[test]
fn keys_are_printed_with_a_warning_unless_silent() {
    let folder = folder();
    for (options, words) in [
        (&["--lang", "en", "dev", "--port", "0"][..], "Its keys are PUBLIC"),
        (&["--lang", "zh", "dev", "--port", "0"], "密钥是公开的"),
    ] {
        let mut process = Command::new(env!("CARGO_BIN_EXE_heqi"))
            .args(options)
            .current_dir(folder.path())
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program was built with this test");
        let mut text = String::new();
        let mut lines = BufReader::new(process.stdout.take().expect("piped"));
        while !text.contains("127.0.0.1:") {
            assert!(lines.read_line(&mut text).expect("text") > 0, "{text}");
        }
        process.kill().expect("it runs");
        let mut rest = String::new();
        lines.read_to_string(&mut rest).expect("text");
        process.wait().expect("its own child");
        assert!(text.contains(words) && text.contains("0xac0974bec39a17e3"), "{text}");
        assert!(text.contains("test test test") && text.contains("31337"), "{text}");
    }
}
