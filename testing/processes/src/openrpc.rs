//! Requests made from Ethereum's own descriptions of its methods (OpenRPC), valid and spoiled ones,
//! and from the list of all our methods: every answer must be JSON-RPC, none a defect.

mod descriptions;
mod knowledge;
mod making;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use eyre::{Result, eyre};
use load::{http::Connection, process::resident_bytes, random::Random};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::{descriptions::Descriptions, knowledge::Knowledge, making::Maker};
use crate::{
    checks::{BAD_WORDS, Checks},
    hostile::memory::{MEMORY_BYTES_MAX, Memory},
    lifecycle::kept,
    network::{NAMES, Network},
    program::Program,
    traffic::Trickle,
};

/// Connections, each with one HTTP request at a time.
const CONNECTIONS: u64 = 8;
/// Most JSON-RPC requests in one HTTP request.
const BATCH_MAX: u64 = 40;
/// Code of a defect in the node.
const INTERNAL_ERROR: i64 = -32603;
/// Wrong answers that are shown.
const SHOWN_MAX: usize = 5;
/// Characters of a request that are shown.
const SHOWN_CHARS_MAX: usize = 4_000;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// What was counted so far.
#[derive(Default)]
struct Counts {
    asked: AtomicU64,
    results: AtomicU64,
    limited: AtomicU64,
    errors: Mutex<BTreeMap<i64, u64>>,
    methods: Mutex<BTreeMap<String, u64>>,
    wrong: Mutex<Vec<String>>,
    wrong_count: AtomicU64,
}

impl Counts {
    fn wrong(&self, what: &str, body: &str) {
        self.wrong_count.fetch_add(1, Ordering::Relaxed);
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() < SHOWN_MAX {
            let body: String = body.chars().take(SHOWN_CHARS_MAX).collect();
            wrong.push(format!("{what}\n    request: {body}"));
        }
    }
}

/// All checks of this group.
///
/// # Errors
/// The network does not start, or the descriptions cannot be read.
pub async fn run(program: &Program, requests: u64, seed: u64, checks: &mut Checks) -> Result<()> {
    let Some(descriptions) = descriptions::find()? else {
        checks.not_run("requests from descriptions", &descriptions::missing());
        return Ok(());
    };
    let network = Network::start(program, "openrpc", 5).await?;
    let (victim, witness) = (0, 1);
    let pid = network.pid(victim)?.ok_or_else(|| eyre!("no process"))?;
    let knowledge = Arc::new(Knowledge::gather(&network.url(victim)).await?);
    let log_start = network.log(victim).len();
    let memory = Memory::watch(vec![pid]);
    let trickle = Trickle::start(network.url(witness), 23);
    let begun = Instant::now();
    let counts = ask(&network.url(victim), descriptions, knowledge, requests, seed).await?;
    let promises = trickle.finish().await?;
    tell(&counts, begun, seed);
    answers(&counts, requests, checks);
    let most = memory.take().into_iter().max().unwrap_or_default();
    let seen = format!("{} MiB at most, {} MiB now", most >> 20, resident_bytes(pid)? >> 20);
    checks.check("memory stays below 1,536 MiB", most < MEMORY_BYTES_MAX, &seen);
    checks.check("the others go on", promises.went_on(), &promises.to_string());
    let log = network.log_after(victim, log_start);
    let bad = BAD_WORDS.iter().any(|bad| log.contains(bad)) || log.contains("\"level\":\"error\"");
    checks.check("no defect in the log", !bad, &format!("{} lines", log.lines().count()));
    checks.check("the same process", network.pid(victim)? == Some(pid), &pid.to_string());
    network.ready(victim).await?;
    checks.check("the node is ready afterwards", true, NAMES[victim]);
    kept(&network, &[&promises], checks, "nothing final is lost").await
}

async fn ask(
    url: &str,
    descriptions: Descriptions,
    knowledge: Arc<Knowledge>,
    requests: u64,
    seed: u64,
) -> Result<Counts> {
    let counts = Arc::new(Counts::default());
    let descriptions = Arc::new(descriptions);
    let mut tasks = JoinSet::new();
    for number in 0..CONNECTIONS {
        let random = Random::new(seed ^ (number << 48));
        let maker = Maker::new(descriptions.clone(), knowledge.clone(), random);
        let connection = Connection::new(url)?;
        tasks.spawn(asker(connection, maker, counts.clone(), requests));
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| eyre!("an asker failed: {error}"))?;
    }
    Arc::into_inner(counts).ok_or_else(|| eyre!("an asker still counts"))
}

async fn asker(mut connection: Connection, mut maker: Maker, counts: Arc<Counts>, requests: u64) {
    while counts.asked.load(Ordering::Relaxed) < requests {
        let size = if maker.chance(50) { 1 } else { 2 + maker.below(BATCH_MAX - 1) };
        let calls: Vec<Value> = (0..size).map(|id| maker.request(id)).collect();
        counts.asked.fetch_add(size, Ordering::Relaxed);
        let body = match size {
            1 => calls[0].to_string(),
            _ => Value::from(calls.clone()).to_string(),
        };
        match connection.post(body.as_bytes()).await {
            Ok(answer) => judge(&calls, &answer, &body, &mut maker, &counts),
            Err(error) if format!("{error:#}").contains("HTTP status 429") => {
                counts.limited.fetch_add(size, Ordering::Relaxed);
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                counts.wrong(&format!("{error:#}"), &body);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Compares an HTTP answer with the calls of its request.
fn judge(calls: &[Value], answer: &[u8], body: &str, maker: &mut Maker, counts: &Counts) {
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else {
        return counts.wrong("the answer is no JSON", body);
    };
    if calls.len() == 1 {
        return one(&calls[0], &answer, maker, counts);
    }
    let Some(items) = answer.as_array().filter(|items| items.len() == calls.len()) else {
        return counts.wrong("a batch is answered by something else than as many answers", body);
    };
    for (call, item) in calls.iter().zip(items) {
        one(call, item, maker, counts);
    }
}

fn one(call: &Value, answer: &Value, maker: &mut Maker, counts: &Counts) {
    let method = call["method"].as_str().unwrap_or("no method");
    let mut methods = counts.methods.lock().unwrap_or_else(PoisonError::into_inner);
    *methods.entry(method.to_owned()).or_default() += 1;
    drop(methods);
    if let Some(wrong) = fault(call, answer) {
        return counts.wrong(&format!("{wrong}: {answer:.400}"), &call.to_string());
    }
    match answer["error"]["code"].as_i64() {
        Some(code) => {
            let mut errors = counts.errors.lock().unwrap_or_else(PoisonError::into_inner);
            *errors.entry(code).or_default() += 1;
        }
        None => {
            counts.results.fetch_add(1, Ordering::Relaxed);
            maker.learn(method, &answer["result"]);
        }
    }
}

/// What is wrong with an answer: JSON-RPC 2.0 section 5, and no defect.
fn fault(call: &Value, answer: &Value) -> Option<&'static str> {
    let object = answer.as_object()?;
    let error = object.get("error");
    let wrong = [
        (object.get("jsonrpc") != Some(&json!("2.0")), "no version"),
        (object.get("id") != call.get("id"), "another id"),
        (error.is_some() == object.contains_key("result"), "not one of result and error"),
        (error.is_some_and(|error| error["code"].as_i64().is_none()), "an error without code"),
        (
            error.is_some_and(|error| error["message"].as_str().is_none_or(str::is_empty)),
            "an error without words",
        ),
        (
            error.is_some_and(|error| error["code"].as_i64() == Some(INTERNAL_ERROR)),
            "an internal error",
        ),
    ];
    wrong.into_iter().find(|(is_wrong, _)| *is_wrong).map(|(_, what)| what)
}

fn tell(counts: &Counts, begun: Instant, seed: u64) {
    let errors = counts.errors.lock().unwrap_or_else(PoisonError::into_inner);
    let methods = counts.methods.lock().unwrap_or_else(PoisonError::into_inner);
    println!(
        "  {} requests in {:.0} s (seed {seed}): {} results, errors by code {errors:?}, {} limited",
        counts.asked.load(Ordering::Relaxed),
        begun.elapsed().as_secs_f64(),
        counts.results.load(Ordering::Relaxed),
        counts.limited.load(Ordering::Relaxed),
    );
    let least = methods.iter().min_by_key(|(_, count)| **count);
    println!("  {} methods, the least asked {least:?}", methods.len());
}

fn answers(counts: &Counts, requests: u64, checks: &mut Checks) {
    let asked = counts.asked.load(Ordering::Relaxed);
    let results = counts.results.load(Ordering::Relaxed);
    let limited = counts.limited.load(Ordering::Relaxed);
    let wrong = counts.wrong_count.load(Ordering::Relaxed);
    for wrong in counts.wrong.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        println!("    {wrong}");
    }
    let seen = format!("{wrong} wrong of {asked}");
    checks.check("every answer is JSON-RPC and none a defect", wrong == 0, &seen);
    // Requests that all miss would show nothing.
    let seen = format!("{results} results, {limited} limited of {asked}");
    let enough = asked >= requests && results > asked / 10 && limited < asked / 10;
    checks.check("many requests are good ones", enough, &seen);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::fault;

    #[test]
    fn answers_are_judged() {
        let call = json!({ "jsonrpc": "2.0", "id": 3, "method": "m", "params": [] });
        let error = |code: i64| json!({ "jsonrpc": "2.0", "id": 3, "error": { "code": code, "message": "no" } });
        assert_eq!(fault(&call, &error(-32602)), None);
        assert_eq!(fault(&call, &json!({ "jsonrpc": "2.0", "id": 3, "result": null })), None);
        assert_eq!(fault(&call, &error(-32603)), Some("an internal error"));
        assert!(fault(&call, &json!({ "jsonrpc": "2.0", "id": 4, "result": 1 })).is_some());
        assert!(fault(&call, &json!({ "jsonrpc": "2.0", "id": 3 })).is_some());
        let both = json!({ "jsonrpc": "2.0", "id": 3, "result": 1, "error": { "code": 1, "message": "x" } });
        assert!(fault(&call, &both).is_some());
    }
}
