//! `/.well-known/chain.json`: what wallets and lists of chains want to know, in the form of
//! ethereum-lists/chains. The URLs are those under which the node was asked.

use axum::{
    Json, Router,
    http::{HeaderMap, header},
    routing::get,
};
use serde_json::{Value, json};
use types::ChainId;

/// The route, under the rules for hosts and origins that JSON-RPC has.
pub(crate) fn router(chain_id: ChainId, origins: &[String], hosts: &[String]) -> Router {
    let entry = move |headers: HeaderMap| async move { Json(entry(chain_id, &headers)) };
    let router = Router::new().route("/.well-known/chain.json", get(entry));
    rpc::guard_hosts(router.layer(rpc::cors(origins)), hosts)
}

fn entry(chain_id: ChainId, headers: &HeaderMap) -> Value {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST.as_str()).filter(|host| is_host(host));
    // Set by a proxy that ends TLS; nobody is helped by lying in it to oneself.
    let secure = text("x-forwarded-proto") == Some("https");
    let (http, websocket) = if secure { ("https", "wss") } else { ("http", "ws") };
    let urls: Vec<String> = host
        .map(|host| [http, websocket].map(|scheme| format!("{scheme}://{host}")))
        .into_iter()
        .flatten()
        .collect();
    json!({
        "name": format!("Heqi {chain_id}"),
        "chain": "HEQI",
        "rpc": urls,
        "faucets": [],
        "nativeCurrency": { "name": "Heqi", "symbol": "HEQI", "decimals": 18 },
        "infoURL": "",
        "shortName": format!("heqi-{chain_id}"),
        "chainId": chain_id,
        "networkId": chain_id,
        "explorers": [],
    })
}

/// A name or address with an optional port, and nothing that means something in a URL.
fn is_host(host: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || ".-:[]_".contains(c);
    !host.is_empty() && host.len() <= 262 && host.chars().all(known)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::{body::Body, extract::Request, http::StatusCode};
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
        let origins = ["https://wallet.example".to_string()];
        let router = router(4_242, &origins, &["node.example".into()]);
        let mut request = Request::builder().uri("/.well-known/chain.json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (parts.status, parts.headers, body.to_vec())
    }

    #[tokio::test]
    async fn the_entry_names_the_chain_and_the_urls_it_was_asked_under() {
        let (status, headers, body) =
            ask(&[("host", "node.example:8545"), ("origin", "https://wallet.example")]).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers["access-control-allow-origin"], "https://wallet.example");
        let entry: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(entry["chainId"], 4_242);
        assert_eq!(entry["networkId"], 4_242);
        assert_eq!(entry["nativeCurrency"]["decimals"], 18);
        let urls = json!(["http://node.example:8545", "ws://node.example:8545"]);
        assert_eq!(entry["rpc"], urls);
        let proxied = [("host", "node.example"), ("x-forwarded-proto", "https")];
        let entry: Value = serde_json::from_slice(&ask(&proxied).await.2).unwrap();
        assert_eq!(entry["rpc"][0], "https://node.example");
    }

    /// What EIP-3085 and MetaMask demand of `wallet_addEthereumChain`.
    #[tokio::test]
    async fn behaviour_18_the_entry_can_be_given_to_a_wallet() {
        for (headers, schemes) in [
            (vec![("host", "localhost:8545")], ["http://localhost:8545", "ws://localhost:8545"]),
            (
                vec![("host", "node.example"), ("x-forwarded-proto", "https")],
                ["https://node.example", "wss://node.example"],
            ),
        ] {
            let entry: Value = serde_json::from_slice(&ask(&headers).await.2).unwrap();
            let chain_id = entry["chainId"].as_u64().unwrap();
            assert!(chain_id > 0 && chain_id < 4_503_599_627_370_476);
            assert_eq!(entry["networkId"], entry["chainId"]);
            assert_eq!(entry["rpc"], json!(schemes), "http only where the page is local");
            let currency = &entry["nativeCurrency"];
            assert_eq!(currency["decimals"], 18);
            let symbol = currency["symbol"].as_str().unwrap();
            assert!((2..=6).contains(&symbol.len()) && symbol.is_ascii(), "{symbol}");
            for name in ["name", "chain", "shortName"] {
                assert!(!entry[name].as_str().unwrap().is_empty(), "{name}");
            }
            for explorer in entry["explorers"].as_array().unwrap() {
                assert_eq!(explorer["standard"], "EIP3091");
            }
        }
    }

    #[tokio::test]
    async fn other_hosts_are_refused_and_odd_ones_not_repeated() {
        assert_eq!(ask(&[("host", "evil.example")]).await.0, StatusCode::FORBIDDEN);
        let mut headers = HeaderMap::new();
        headers.insert("host", "127.0.0.1\"><script>".parse().unwrap());
        assert_eq!(entry(1, &headers)["rpc"], json!([]));
    }
}
