//! Hostile HTTP against one node while transactions go through another.

use std::time::Duration;

use eyre::{Result, eyre};
use load::process::resident_bytes;
use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    checks::{BAD_WORDS, Checks},
    lifecycle::kept,
    network::{NAMES, Network},
    program::Program,
    raw_http,
    traffic::Trickle,
};

/// Slowest transaction through another node meanwhile.
const SLOWEST_MAX: Duration = Duration::from_secs(2);
/// Time without an attack, for comparison.
const QUIET_TIME: Duration = Duration::from_secs(3);
/// Memory that the attack may cost for good, bytes: the documented limit of request bodies in
/// flight (256 MiB) and what their answers take.
const GROWTH_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Connections that never finish a request.
const SLOW: usize = 100;
/// Connections that say nothing; below `rpc.connections_max` (2048).
const IDLE: usize = 2_000 - SLOW;

/// All checks of this group.
///
/// # Errors
/// The network does not start.
pub async fn run(program: &Program, checks: &mut Checks) -> Result<()> {
    let network = Network::start(program, "requests", 4).await?;
    let (victim, witness) = (0, 1);
    let pid = network.pid(victim)?.ok_or_else(|| eyre!("no process"))?;
    let (before, log_start) = (resident_bytes(pid)?, network.log(victim).len());
    // Tells a slow machine from a slow answer to the attack.
    let quiet = Trickle::start(network.url(witness), 11);
    tokio::time::sleep(QUIET_TIME).await;
    let quiet = quiet.finish().await?;
    let trickle = Trickle::start(network.url(witness), 7);
    let port = network.rpc_port(victim);
    bodies(port, checks).await?;
    wrong_http(port, checks).await?;
    connections(port, checks).await?;
    floods(port, checks).await;
    let promises = trickle.finish().await?;
    let seen = format!("{promises}; slowest {:.1?} before the attack", quiet.slowest);
    let holds = promises.went_on() && promises.slowest < SLOWEST_MAX;
    checks.check("transactions through another node stay below 2 s", holds, &seen);
    checks.memory_bounded(before, resident_bytes(pid)?, GROWTH_BYTES_MAX);
    let log = network.log_after(victim, log_start);
    let bad = BAD_WORDS.iter().any(|bad| log.contains(bad)) || log.contains("\"level\":\"error\"");
    checks.check("no defect in the log", !bad, &format!("{} lines", log.lines().count()));
    network.ready(victim).await?;
    checks.check("the node is ready afterwards", true, NAMES[victim]);
    kept(&network, &[&promises], checks, "nothing final is lost").await
}

/// Bodies with the JSON-RPC code that they must get.
async fn bodies(port: u16, checks: &mut Checks) -> Result<()> {
    let call = |method: &str, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
    };
    let item = call("eth_chainId", "[]");
    let batch = format!("[{}]", vec![item.as_str(); 1_001].join(","));
    let nested = call("eth_call", &format!("[{}{}]", "[".repeat(500), "]".repeat(500)));
    let long_hex = call("eth_getBlockByHash", &format!("[\"0x{}\",false]", "f".repeat(1_000_000)));
    for (name, body, code) in [
        ("malformed", "{\"jsonrpc\":".to_string(), -32700),
        ("empty", String::new(), -32700),
        ("2 million brackets", "[".repeat(2_000_000), -32700),
        ("nested 500 deep", nested, -32700),
        ("no request", "{}".into(), -32600),
        ("batch of 1,001", batch, -32600),
        ("unknown method", call("eth_colour", "[]"), -32601),
        ("unknown namespace", call("debug_setHead", "[\"0x0\"]"), -32601),
        ("wrong type", call("eth_getBalance", "[{},5]"), -32602),
        ("too few parameters", call("eth_getBalance", "[]"), -32602),
        ("parameters of a wrong kind", call("eth_chainId", "\"x\""), -32602),
        ("a million hex digits", long_hex, -32602),
        ("a transaction of garbage", call("eth_sendRawTransaction", "[\"0x02ffff\"]"), -32000),
        ("no transaction at all", call("eth_sendRawTransaction", "[\"0x\"]"), -32000),
    ] {
        let answer = raw_http::post(port, body.as_bytes()).await?;
        let parsed: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let error = match parsed.as_array() {
            Some(items) => items[0]["error"].clone(),
            None => parsed["error"].clone(),
        };
        let message = error["message"].as_str().unwrap_or_default();
        let found = error["code"].as_i64();
        let holds = answer.status == 200
            && found.is_some_and(|found| allowed(found, code))
            && !message.is_empty();
        checks.check(name, holds, &format!("HTTP {}, {error}", answer.status));
    }
    Ok(())
}

/// A refused transaction may be told as a wrong parameter where it is none at all.
fn allowed(found: i64, expected: i64) -> bool {
    found == expected || (expected == -32000 && found == -32602)
}

async fn wrong_http(port: u16, checks: &mut Checks) -> Result<()> {
    let head = "host: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let huge = format!("POST / HTTP/1.1\r\n{head}content-length: 1073741824\r\n\r\n{{");
    let foreign = "POST / HTTP/1.1\r\nhost: evil.example\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    let lying = format!("POST / HTTP/1.1\r\n{head}content-length: -5\r\n\r\n{{}}");
    let long_header =
        format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(1_000_000));
    let many_headers =
        format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(5_000));
    let random: String = (0..4_000u32).map(|n| char::from((n * 37 % 94 + 33) as u8)).collect();
    for (name, bytes, statuses) in [
        ("body of 1 GiB announced", huge, &[413][..]),
        ("host of another site", foreign.into(), &[403]),
        ("negative length", lying, &[400]),
        ("header of 1 MB", long_header, &[400, 431]),
        ("5,000 headers", many_headers, &[400, 431]),
        ("no HTTP", format!("{random}\r\n\r\n"), &[400]),
        ("unknown path", format!("GET /../../etc/passwd HTTP/1.1\r\n{head}\r\n"), &[404, 405]),
        ("wrong verb", format!("DELETE / HTTP/1.1\r\n{head}\r\n"), &[405]),
    ] {
        let answer = raw_http::send(port, bytes.as_bytes()).await;
        let seen = match &answer {
            Ok(answer) => format!("HTTP {} {:.120}", answer.status, answer.body.trim()),
            Err(error) => format!("{error:#}"),
        };
        checks.check(name, answer.is_ok_and(|answer| statuses.contains(&answer.status)), &seen);
    }
    Ok(())
}

/// Slow and silent connections: others are still served.
async fn connections(port: u16, checks: &mut Checks) -> Result<()> {
    let mut held = Vec::new();
    for _ in 0..SLOW {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"POST / HTTP/1.1\r\nhost: localhost\r\n").await?;
        held.push(stream);
    }
    for _ in 0..IDLE {
        held.push(TcpStream::connect(("127.0.0.1", port)).await?);
    }
    let mut slowest = Duration::ZERO;
    let mut served = 0;
    for byte in b"x-slow: aaaaaaaaaaaa" {
        for stream in held.iter_mut().take(SLOW) {
            // The node may close it whenever it likes.
            let _ = stream.write_all(&[*byte]).await;
        }
        let begin = std::time::Instant::now();
        let body = br#"{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}"#;
        served +=
            usize::from(raw_http::post(port, body).await.is_ok_and(|answer| answer.status == 200));
        slowest = slowest.max(begin.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let seen = format!(
        "{} connections held, {served} of 20 requests answered, slowest {slowest:?}",
        held.len()
    );
    checks.check(
        "100 slow and 1,900 silent connections",
        served == 20 && slowest < SLOWEST_MAX,
        &seen,
    );
    Ok(())
}

/// Twenty of the largest bodies at one time.
async fn floods(port: u16, checks: &mut Checks) {
    let mut body = vec![b'['];
    body.resize(25 * 1024 * 1024 - 1, b' ');
    body.push(b']');
    let body = std::sync::Arc::new(body);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let body = body.clone();
        tasks.spawn(async move { raw_http::post(port, &body).await.map(|answer| answer.status) });
    }
    let mut statuses = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        statuses.push(ended.ok().and_then(Result::ok).unwrap_or_default());
    }
    let known = statuses.iter().all(|status| [200, 413, 429, 503].contains(status));
    checks.check("20 bodies of 25 MiB at one time", known, &format!("HTTP {statuses:?}"));
}
