//! Methods that only development ledgers answer.

use serde_json::json;

use super::client::Server;
use crate::methods::{METHODS, Tier};

#[tokio::test]
async fn a_network_does_not_know_the_methods_of_development_ledgers() {
    let server = Server::start().await;
    let mut asked = 0;
    for method in METHODS.iter().filter(|method| method.tier == Tier::Development) {
        let (code, message) = server.error(method.name, json!([])).await;
        assert_eq!(code, -32601, "{}: {message}", method.name);
        asked += 1;
    }
    assert!(asked > 50, "{asked}");
    let modules = server.ok("rpc_modules", json!([])).await;
    for space in ["evm", "hardhat", "anvil", "personal"] {
        assert_eq!(modules.get(space), None, "{space}");
    }
    assert_eq!(server.ok("eth_accounts", json!([])).await, json!([]));
}
