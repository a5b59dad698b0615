//! Behaviour 18 on the node's side: what a browser wallet asks between "add network" and "confirmed",
//! in MetaMask's order, from a web page of another origin.

use alloy_primitives::{Address, U256};
use serde_json::{Value, json};
use types::FeeMode;

use super::{
    client::{Server, modern, poor, rich},
    ledger::{CHAIN_ID, LOGGER},
};

const PAGE: &str = "https://wallet.example";

/// A call as the wallet's background page makes it.
async fn ask(server: &Server, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 7_316_201_873_u64, "method": method,
        "params": params });
    let headers =
        format!("host: localhost\r\norigin: {PAGE}\r\ncontent-type: application/json\r\n");
    let answer = server.request("POST", &headers, body.to_string().as_bytes()).await;
    assert!(answer.head.contains(&format!("access-control-allow-origin: {PAGE}")), "{method}");
    let answer = answer.json();
    assert_eq!(answer["id"], 7_316_201_873_u64);
    answer.get("result").unwrap_or_else(|| panic!("{method}: {answer}")).clone()
}

async fn server(mode: FeeMode) -> Server {
    Server::with(mode, |config| config.cors_origins = vec![PAGE.to_owned()]).await
}

#[tokio::test]
async fn behaviour_18_a_wallet_adds_the_network_and_sends() {
    for (mode, account, base) in
        [(FeeMode::Free, poor(), 0_u128), (FeeMode::Metered, rich(), 1_000_u128)]
    {
        let server = server(mode).await;
        // `wallet_addEthereumChain`: the endpoint must name the chain that the page asked for.
        assert_eq!(ask(&server, "eth_chainId", json!([])).await, format!("{CHAIN_ID:#x}"));
        assert_eq!(ask(&server, "net_version", json!([])).await, CHAIN_ID.to_string());
        // An EIP-1559 network is one whose newest block has a base fee.
        let block = ask(&server, "eth_getBlockByNumber", json!(["latest", false])).await;
        assert_eq!(block["baseFeePerGas"], format!("{base:#x}"));
        assert_eq!(ask(&server, "eth_gasPrice", json!([])).await, format!("{base:#x}"));
        let percentiles = json!(["0x5", "latest", [10, 20, 30]]);
        let history = ask(&server, "eth_feeHistory", percentiles).await;
        assert_eq!(history["reward"][0], json!(["0x0", "0x0", "0x0"]));
        let code = ask(&server, "eth_getCode", json!([LOGGER, "latest"])).await;
        assert_ne!(code, "0x", "a contract, not a person");
        let from = account.address();
        ask(&server, "eth_getBalance", json!([from, "latest"])).await;
        let nonce = ask(&server, "eth_getTransactionCount", json!([from, "pending"])).await;
        let call = json!([{ "from": from, "to": LOGGER, "value": "0x0", "gasPrice": "0x0",
            "data": format!("{:#066x}", 7), "type": "0x0" }]);
        let gas = ask(&server, "eth_estimateGas", call).await;
        let number =
            |value: &Value| u64::from_str_radix(&value.as_str().unwrap()[2..], 16).unwrap();

        // Confirmed in the wallet: 1 wei of tip where the price was 0.
        let mut transaction = modern(number(&nonce), LOGGER, &U256::from(7).to_be_bytes::<32>());
        transaction.gas_limit = number(&gas) * 3 / 2;
        transaction.max_fee_per_gas = base * 2 + 1;
        let raw = account.sign(transaction);
        let hash = ask(&server, "eth_sendRawTransaction", json!([raw])).await;
        assert_eq!(ask(&server, "eth_getTransactionReceipt", json!([hash])).await, Value::Null);
        let found = ask(&server, "eth_getTransactionByHash", json!([hash])).await;
        assert_eq!((&found["blockNumber"], &found["nonce"]), (&Value::Null, &nonce));
        server.ledger.mine().await;
        let receipt = ask(&server, "eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"], "0x1");
        let paid = if mode == FeeMode::Free { 0 } else { base + 1 };
        assert_eq!(receipt["effectiveGasPrice"], format!("{paid:#x}"));
        let block = json!([receipt["blockHash"], false]);
        let block = ask(&server, "eth_getBlockByHash", block).await;
        assert_eq!(block["transactions"], json!([hash]));
        let next = ask(&server, "eth_getTransactionCount", json!([from, "latest"])).await;
        assert_eq!(number(&next), number(&nonce) + 1);
    }
}

/// Keys stay in the wallet: the node has no method that a page could use instead of asking it.
#[tokio::test]
async fn behaviour_18_nodes_offer_nothing_that_wallets_do() {
    let server = server(FeeMode::Free).await;
    for method in [
        "eth_requestAccounts",
        "wallet_addEthereumChain",
        "wallet_switchEthereumChain",
        "wallet_requestPermissions",
        "eth_sendTransaction",
        "eth_sign",
        "eth_signTypedData_v4",
        "personal_sign",
    ] {
        assert_eq!(server.error(method, json!([Address::ZERO])).await.0, -32601, "{method}");
    }
    assert_eq!(server.ok("eth_accounts", json!([])).await, json!([]));
}
