//! A snapshot of a running network of four: made, checked, damaged, restored as a node that joins.

mod files;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{Address, TxKind, U256, hex, keccak256};
use crypto::{EthereumKey, Secret};
use files::{code, err, folder, heqi, out};
use heqi::http::Url;
use serde_json::{Value, json};

const TIME: Duration = Duration::from_secs(40);
/// Time for a payment to become final, milliseconds: with a node down some views time out first.
const FINAL_MS: u64 = 30_000;
const LAST: &str = "regulator-r";

/// A network of four organisations in the background. Dropping it takes it down.
struct Network {
    folder: tempfile::TempDir,
    base: u16,
    chain_id: u64,
    sent: u64,
}

impl Network {
    fn start() -> Self {
        let (folder, base) = (folder(), free_base());
        let mut network = Self { folder, base, chain_id: 0, sent: 0 };
        let port = base.to_string();
        let up = ["devnet", "up", "--orgs", "4", "--fund", "--detach", "--port-base", &port];
        let ended = heqi(network.path(), &up);
        assert_eq!(code(&ended), 0, "{}", err(&ended));
        network.chain_id = number(&network.ask(0, "eth_chainId", json!([])));
        network
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn node(&self, name: &str) -> PathBuf {
        self.path().join("devnet").join(name)
    }

    fn ask(&self, node: u16, method: &str, params: Value) -> Value {
        let url = Url::local(self.base + 10 * node);
        let answer = url.call(method, &params, TIME);
        answer.unwrap_or_else(|error| panic!("{method}: {}", error.cause()))
    }

    /// Sends `count` payments, each to an account of its own; waits until all are final.
    fn pay(&mut self, count: u64) {
        let secret = keccak256("heqi devnet 0 1");
        let key = EthereumKey::from_secret(Secret::new(secret.0)).expect("a key");
        for _ in 0..count {
            let transaction = TxEip1559 {
                chain_id: self.chain_id,
                nonce: self.sent,
                gas_limit: 21_000,
                max_fee_per_gas: 2_000_000_000,
                to: TxKind::Call(payee(self.sent)),
                value: U256::from(1_000 + self.sent),
                ..TxEip1559::default()
            };
            let signature = key.sign_hash(transaction.signature_hash());
            let signed = TxEnvelope::from(transaction.into_signed(signature)).encoded_2718();
            let raw = hex::encode_prefixed(signed);
            let receipt = self.ask(0, "eth_sendRawTransactionSync", json!([raw, FINAL_MS]));
            assert_eq!(receipt["status"], "0x1");
            self.sent += 1;
        }
    }

    fn devnet(&self, arguments: &[&str]) {
        let ended = heqi(self.path(), &[&["devnet"], arguments].concat());
        assert_eq!(code(&ended), 0, "{}", err(&ended));
    }

    /// Every payment that node 3 shows.
    fn assert_paid(&self) {
        for payment in 0..self.sent {
            let balance = self.ask(3, "eth_getBalance", json!([payee(payment), "latest"]));
            assert_eq!(number(&balance), 1_000 + payment, "payment {payment}");
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        heqi(self.path(), &["devnet", "down"]);
    }
}

fn payee(payment: u64) -> Address {
    Address::from_word(keccak256(format!("payee {payment}")))
}

fn number(value: &Value) -> u64 {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).expect("a quantity");
    u64::from_str_radix(digits, 16).expect("a quantity")
}

/// A range of ports that was free a moment ago.
fn free_base() -> u16 {
    let free = |base: &u16| {
        (0..4).all(|node| {
            [0, 1]
                .iter()
                .all(|port| TcpListener::bind(("127.0.0.1", base + 10 * node + port)).is_ok())
        })
    };
    (0..100).map(|step| 46_000 + 50 * step).find(free).expect("a free range")
}

/// Runs `heqi snapshot` and answers exit code, standard output and standard error.
fn snapshot(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let ended = heqi(folder, &[&["snapshot"], arguments].concat());
    (code(&ended), out(&ended), err(&ended))
}

fn restore(network: &Network, data: &Path) -> (i32, String, String) {
    let data = data.display().to_string();
    snapshot(
        network.path(),
        &["restore", "--from", "snap", "--genesis", "devnet/genesis.json", "--data", &data],
    )
}

#[test]
fn a_snapshot_of_a_running_network_becomes_a_node_that_joins() {
    let mut network = Network::start();
    network.pay(20);
    let config = network.node("bank-a").join("node.toml").display().to_string();
    let create = ["-o", "json", "create", "--to", "snap", "--config", &config];
    let (exit, made, text) = snapshot(network.path(), &create);
    assert_eq!(exit, 0, "{text}");
    let made: Value = serde_json::from_str(&made).expect("JSON");
    let height = made["height"].as_u64().expect("a height");
    let block = network.ask(1, "eth_getBlockByNumber", json!([format!("0x{height:x}"), false]));
    assert_eq!((&block["hash"], &block["stateRoot"]), (&made["block_hash"], &made["state_root"]));
    let (exit, _, text) = snapshot(network.path(), &create);
    assert!(exit == 2 && text.contains("CLI-0010"), "it is not overwritten: {text}");
    damage_is_named(&network);

    // The node of one organisation loses everything but its key, and comes back from the snapshot
    // while the others go on.
    network.devnet(&["stop", "Regulator R"]);
    network.pay(10);
    let data = network.node(LAST).join("data");
    let (exit, _, text) = restore(&network, &data);
    assert!(exit == 2 && text.contains("CLI-0010"), "a folder in use is not overwritten: {text}");
    fs::remove_dir_all(&data).expect("its own folder");
    let (exit, told, text) = restore(&network, &data);
    assert_eq!(exit, 0, "{text}");
    assert!(told.contains(&format!("block     {height}")), "{told}");
    assert!(!data.with_extension("restoring").exists());
    network.devnet(&["start", "Regulator R"]);
    let end = Instant::now() + Duration::from_secs(60);
    let goal = number(&network.ask(0, "eth_blockNumber", json!([])));
    while number(&network.ask(3, "eth_blockNumber", json!([]))) < goal {
        assert!(Instant::now() < end, "{}", log(&network));
        std::thread::sleep(Duration::from_millis(200));
    }
    network.assert_paid();
    network.pay(3);
    std::thread::sleep(Duration::from_secs(1));
    network.assert_paid();
    assert!(log(&network).contains("joining by state sync"), "{}", log(&network));
}

fn log(network: &Network) -> String {
    fs::read_to_string(network.node(LAST).join("node.log")).unwrap_or_default()
}

/// What is wrong with a snapshot is named by `verify`, and restores nothing.
fn damage_is_named(network: &Network) {
    let verify = ["verify", "--from", "snap", "--genesis", "devnet/genesis.json"];
    let (exit, told, text) = snapshot(network.path(), &verify);
    assert_eq!(exit, 0, "{text}");
    assert!(told.contains("all as the block commits to"), "{told}");
    let (_, chinese, _) = snapshot(network.path(), &[&verify[..], &["--lang", "zh"]].concat());
    assert!(chinese.contains("全部与区块的承诺一致"), "{chinese}");

    let file = network.path().join("snap/accounts-000000.pages");
    let whole = fs::read(&file).expect("a file");
    let mut flipped = whole.clone();
    flipped[whole.len() / 3] ^= 4;
    let nowhere = network.path().join("restored");
    for (content, words) in [
        (Some(&flipped[..]), "accounts-000000.pages: its SHA-256"),
        (Some(&whole[..whole.len() / 2]), "accounts-000000.pages: it has"),
        (None, "accounts-000000.pages is missing"),
    ] {
        match content {
            Some(content) => fs::write(&file, content).expect("writable"),
            None => fs::remove_file(&file).expect("its own file"),
        }
        for (exit, _, text) in [snapshot(network.path(), &verify), restore(network, &nowhere)] {
            assert!(exit == 2 && text.contains("CLI-0018") && text.contains(words), "{text}");
        }
        let left = fs::read_dir(network.path()).expect("a folder");
        let left = left.map(|entry| entry.expect("an entry").file_name());
        assert!(!left.into_iter().any(|name| name.to_string_lossy().contains("restor")));
    }
    fs::write(&file, &whole).expect("writable");

    // Another network's genesis file.
    let key = out(&heqi(network.path(), &["keys", "new", "--out", "other.pem"]));
    let validator = format!("Other={key}");
    let admin = format!("0x{:040x}", 1);
    let new = ["genesis", "new", "--out", "other.json", "--chain-id", "5", "--validator"];
    let made =
        heqi(network.path(), &[&new[..], &[&validator, "--validator-admin", &admin]].concat());
    assert_eq!(code(&made), 0, "{}", err(&made));
    let wrong = ["verify", "--from", "snap", "--genesis", "other.json"];
    let (exit, _, text) = snapshot(network.path(), &wrong);
    assert!(exit == 2 && text.contains("CLI-0019"), "{text}");
}
