//! Readers beside the load: how much a network answers, and what that does to finality.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use alloy_primitives::{B256, keccak256};
use eyre::{Result, eyre};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    bench::Bench,
    distribution::Distribution,
    phase::{self, Outcome, Settings},
    random::Random,
    rpc::Node,
    token::balance_of,
};

/// What readers ask, in turn.
const METHODS: [&str; 4] =
    ["eth_getBlockByNumber", "eth_call", "eth_getTransactionReceipt", "eth_getLogs"];

/// What one method showed.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// Method.
    pub method: String,
    /// Answers per second.
    pub per_second: f64,
    /// Errors.
    pub errors: u64,
    /// Question to answer.
    pub latency: Distribution,
}

/// What reading beside the load showed.
#[derive(Clone, Debug, Serialize)]
pub struct Reads {
    /// Connections, each with one question at a time.
    pub readers: usize,
    /// Answers per second, all methods.
    pub requests_per_second: f64,
    /// By method.
    pub methods: Vec<Asked>,
    /// Finality without readers.
    pub finality_quiet: Distribution,
    /// Finality with readers.
    pub finality_read: Distribution,
    /// 99th percentile with readers in terms of that without.
    pub p99_ratio: f64,
}

#[derive(Default)]
struct Tally {
    latencies: [Vec<Duration>; METHODS.len()],
    errors: [u64; METHODS.len()],
}

#[derive(Deserialize)]
struct Block {
    number: String,
    transactions: Vec<B256>,
}

/// Runs the same phase twice, without and with readers.
///
/// # Errors
/// See [`phase::begin`] and [`phase::end`].
pub async fn run(
    bench: &mut Bench,
    settings: Settings,
    readers: usize,
) -> Result<(Vec<Outcome>, Reads)> {
    let named =
        |name: &str| Settings { name: format!("{}, {name}", settings.name), ..settings.clone() };
    let quiet = phase::run(bench, named("no readers")).await?;
    let running = phase::begin(bench, named("readers")).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = start(bench, readers, &stop)?;
    let began = Instant::now();
    running.window().await;
    stop.store(true, Ordering::Relaxed);
    let seconds = began.elapsed().as_secs_f64();
    let mut all = Tally::default();
    while let Some(tally) = tasks.join_next().await {
        let tally = tally.map_err(|error| eyre!("a reader failed: {error}"))?;
        for (into, from) in all.latencies.iter_mut().zip(tally.latencies) {
            into.extend(from);
        }
        for (into, from) in all.errors.iter_mut().zip(tally.errors) {
            *into += from;
        }
    }
    let (read, _) = phase::end(bench, running).await?;
    let reads = summary(readers, seconds, all, &quiet.finality, &read.finality);
    Ok((vec![quiet, read], reads))
}

fn start(bench: &Bench, readers: usize, stop: &Arc<AtomicBool>) -> Result<JoinSet<Tally>> {
    let mut tasks = JoinSet::new();
    let nodes = &bench.description.nodes;
    for number in 0..readers {
        let reader = Reader {
            node: Node::new(&nodes[number % nodes.len()].rpc)?,
            random: Random::new(number as u64),
            holders: bench.holders.clone(),
            token: bench.targets.token.address,
            newest: Block { number: "latest".to_owned(), transactions: vec![] },
        };
        tasks.spawn(reader.run(stop.clone()));
    }
    Ok(tasks)
}

struct Reader {
    node: Node,
    random: Random,
    holders: Arc<crate::holders::Holders>,
    token: alloy_primitives::Address,
    newest: Block,
}

impl Reader {
    async fn run(mut self, stop: Arc<AtomicBool>) -> Tally {
        let mut tally = Tally::default();
        while !stop.load(Ordering::Relaxed) {
            for (number, method) in METHODS.iter().enumerate() {
                let params = self.params(number);
                let start = Instant::now();
                let good = self.ask(number, method, params).await.is_ok();
                tally.latencies[number].push(start.elapsed());
                tally.errors[number] += u64::from(!good);
            }
        }
        tally
    }

    async fn ask(&mut self, number: usize, method: &str, params: Value) -> Result<()> {
        if number == 0 {
            self.newest = self.node.call(method, params).await?;
            return Ok(());
        }
        self.node.call::<IgnoredAny>(method, params).await.map(drop)
    }

    fn params(&mut self, number: usize) -> Value {
        match number {
            0 => json!(["latest", false]),
            1 => {
                let holder = self.holders.address(self.random.below(self.holders.total));
                json!([{ "to": self.token, "data": balance_of(holder) }, "latest"])
            }
            2 => {
                let count = self.newest.transactions.len() as u64;
                let pick = self.random.below(count) as usize;
                json!([self.newest.transactions.get(pick).copied().unwrap_or_default()])
            }
            _ => json!([{
                "fromBlock": self.newest.number, "toBlock": self.newest.number,
                "address": self.token,
                "topics": [keccak256("Transfer(address,address,uint256)")],
            }]),
        }
    }
}

fn summary(
    readers: usize,
    seconds: f64,
    tally: Tally,
    quiet: &Distribution,
    read: &Distribution,
) -> Reads {
    let asked = |((method, latencies), errors): ((&&str, Vec<Duration>), u64)| Asked {
        method: (*method).to_owned(),
        per_second: (latencies.len() as u64 - errors) as f64 / seconds,
        errors,
        latency: Distribution::of(latencies),
    };
    let methods: Vec<Asked> =
        METHODS.iter().zip(tally.latencies).zip(tally.errors).map(asked).collect();
    Reads {
        readers,
        requests_per_second: methods.iter().map(|asked| asked.per_second).sum(),
        methods,
        p99_ratio: if quiet.p99_ms > 0.0 { read.p99_ms / quiet.p99_ms } else { 0.0 },
        finality_quiet: quiet.clone(),
        finality_read: read.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Tally, summary};
    use crate::distribution::Distribution;

    #[test]
    fn answers_are_counted_without_errors() {
        let tally = Tally {
            latencies: std::array::from_fn(|_| vec![Duration::from_millis(2); 20]),
            errors: [5, 0, 0, 0],
        };
        let of = |ms| Distribution::of(vec![Duration::from_millis(ms)]);
        let found = summary(3, 10.0, tally, &of(100), &of(250));
        assert_eq!((found.methods[0].per_second, found.methods[0].errors), (1.5, 5));
        assert_eq!((found.requests_per_second, found.p99_ratio), (7.5, 2.5));
        assert_eq!(found.methods[3].latency.p99_ms, 2.0);
    }
}
