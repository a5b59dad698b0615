//! Nodes that join a running devnet: one that follows, one that votes.

mod files;

use std::{net::TcpListener, path::Path, time::Duration};

use files::{code, err, folder, heqi, out};
use heqi::http::Url;
use serde_json::{Value, json};

const TIME: Duration = Duration::from_secs(5);

/// A network of two organisations in the background. Dropping it takes it down.
struct Network(tempfile::TempDir);

impl Network {
    fn start() -> Self {
        let network = Self(folder());
        let base = free_base().to_string();
        let up = ["devnet", "up", "--orgs", "2", "--detach", "--port-base", &base];
        let ended = heqi(network.path(), &up);
        assert_eq!(code(&ended), 0, "{}", err(&ended));
        network
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs a verb that must succeed; answers its JSON.
    fn devnet(&self, arguments: &[&str]) -> Value {
        let ended = heqi(self.path(), &[&["-o", "json", "devnet"], arguments].concat());
        let log = std::fs::read_to_string(self.path().join("devnet/carrier-x/node.log"));
        assert_eq!(code(&ended), 0, "{}\n{}", err(&ended), log.unwrap_or_default());
        serde_json::from_str(&out(&ended)).expect("JSON")
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        heqi(self.path(), &["devnet", "down"]);
    }
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
    (0..100).map(|step| 41_000 + 50 * step).find(free).expect("a free range")
}

fn ask(node: &Value, method: &str) -> Value {
    let url = Url::parse(node["rpc"].as_str().expect("a URL")).expect("a URL");
    url.call(method, &json!([]), TIME).unwrap_or_else(|error| panic!("{method}: {}", error.cause()))
}

#[test]
fn a_node_joins_as_an_observer_survives_a_restart_and_becomes_a_validator() {
    let network = Network::start();
    let joined = network.devnet(&["join", "--name", "Carrier X"]);
    assert_eq!((&joined["org"], &joined["role"]), (&json!("Carrier X"), &json!("observer")));
    let state = ask(&joined, "heqi_consensusState");
    assert_eq!(state["voting"], false);
    let first = &network.devnet(&["status"])["nodes"][0];
    assert_eq!(ask(first, "net_peerCount"), "0x2", "one validator and the observer");

    // The others' addresses are in its files, its own is on chain.
    network.devnet(&["stop", "Carrier X"]);
    network.devnet(&["start", "Carrier X"]);
    let again = network.devnet(&["join", "--name", "Carrier X"]);
    assert_eq!(again["role"], "observer", "joining again changes nothing");

    let voting = network.devnet(&["join", "--name", "Carrier X", "--validator"]);
    assert_eq!(voting["role"], "validator");
    let state = ask(&voting, "heqi_consensusState");
    assert_eq!(
        (&state["voting"], state["validators"].as_array().map(Vec::len)),
        (&json!(true), Some(3))
    );
    let refused = heqi(network.path(), &["devnet", "join", "--name", "Bank A"]);
    assert!(code(&refused) == 1 && err(&refused).contains("CLI-0012"), "{}", err(&refused));
}
