//! `heqi status`: where a node stands.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{Output, error::CliError, genesis::now_ms, http::Url};

/// Time for each question.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// Prints where the node at `url` stands.
pub fn show(url: &str, output: Output) -> Result<(), CliError> {
    let url = Url::parse(url)?;
    let status = collect(&url)?;
    if output.json {
        println!("{status}");
        return Ok(());
    }
    let text = |key: &str, value: String| {
        println!("{}", output.language.text(key, &[("value", value)]));
    };
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    text("status_url", url.to_string());
    text("status_version", shown(&status["version"]));
    text("status_chain_id", shown(&status["chain_id"]));
    text("status_height", shown(&status["height"]));
    text("status_hash", shown(&status["hash"]));
    text("status_age", shown(&status["age_seconds"]));
    text("status_peers", shown(&status["peers"]));
    text("status_ready", shown(&status["ready"]));
    for reason in status["reasons"].as_array().into_iter().flatten() {
        text(
            "status_reason",
            format!("{}: {}", shown(&reason["reason"]), shown(&reason["detail"])),
        );
    }
    Ok(())
}

fn collect(url: &Url) -> Result<Value, CliError> {
    let (_, ready) = url.get("/readyz?verbose", ANSWER_TIME_MAX)?;
    let ready: Value = serde_json::from_slice(&ready).unwrap_or_default();
    let call = |method: &str, params: Value| url.call(method, &params, ANSWER_TIME_MAX);
    let block = call("eth_getBlockByNumber", json!(["latest", false]))?;
    let time_s = quantity(&block["timestamp"]).unwrap_or(0);
    Ok(json!({
        "rpc": url.to_string(),
        "version": call("web3_clientVersion", json!([]))?,
        "chain_id": quantity(&call("eth_chainId", json!([]))?),
        "height": quantity(&block["number"]),
        "hash": block["hash"],
        "age_seconds": (now_ms() / 1000).saturating_sub(time_s),
        "peers": quantity(&call("net_peerCount", json!([]))?),
        "ready": ready["ready"],
        "reasons": ready["reasons"],
    }))
}

/// A JSON-RPC quantity (`0x1f`).
pub fn quantity(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}
