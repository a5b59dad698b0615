//! What one node answers while nothing else happens, question by question: a chain of many blocks
//! with events, and a block that is as full as a crowd of transactions makes it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, U64, keccak256};
use eyre::{Result, bail, ensure, eyre};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    bench::{Bench, reach},
    distribution::Distribution,
    holders::Holders,
    long,
    network::NodeEntry,
    phase::{Outcome, Settings},
    process::processor_micros,
    random::Random,
    rpc::Node,
    token::balance_of,
    workload::Workload,
};

/// Transactions of the crowd in one request.
const CROWD_BATCH: usize = 250;
/// Blocks that are looked at for the fullest one.
const CROWD_BLOCKS_MAX: u64 = 200;
/// Wait for the crowd to become final.
const CROWD_TIMEOUT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Balance,
    FullBlock,
    Logs,
    Receipts,
}

impl Question {
    const ALL: [Self; 4] = [Self::Balance, Self::FullBlock, Self::Logs, Self::Receipts];

    const fn method(self) -> &'static str {
        match self {
            Self::Balance => "eth_call",
            Self::FullBlock => "eth_getBlockByNumber",
            Self::Logs => "eth_getLogs",
            Self::Receipts => "eth_getBlockReceipts",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Balance => "balanceOf of a holder",
            Self::FullBlock => "fullest block with its transactions",
            Self::Logs => "transfers to one holder in all blocks",
            Self::Receipts => "receipts of the fullest block",
        }
    }
}

/// What one question showed.
#[derive(Clone, Debug, Serialize)]
pub struct Answered {
    /// In words.
    pub question: &'static str,
    /// Method.
    pub method: &'static str,
    /// Answers per second.
    pub per_second: f64,
    /// Errors.
    pub errors: u64,
    /// Mean length of an answer (bytes).
    pub answer_bytes: f64,
    /// Processor time of the node per answer (µs).
    pub node_cpu_us: Option<f64>,
    /// Question to answer.
    pub latency: Distribution,
}

/// What one node answered.
#[derive(Clone, Debug, Serialize)]
pub struct Questions {
    /// Connections, each with one question at a time.
    pub connections: usize,
    /// Blocks that logs are searched in.
    pub log_blocks: u64,
    /// Transactions of the fullest block.
    pub fullest_transactions: usize,
    /// By question.
    pub asked: Vec<Answered>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Blocks to make before.
    pub blocks: u64,
    /// Transactions that are sent at once, for a full block.
    pub crowd: usize,
    /// Connections.
    pub connections: usize,
    /// How long each question is asked.
    pub window: Duration,
}

/// Makes the chain, then asks.
///
/// # Errors
/// See [`long::run`]; the crowd does not become final; every answer to a question is an error.
pub async fn run(bench: &mut Bench, chain: Settings, plan: Plan) -> Result<(Outcome, Questions)> {
    let entry = bench.description.nodes[0].clone();
    let mut node = Node::new(&entry.rpc)?;
    let is_anvil = entry.org == "anvil";
    if is_anvil {
        // Otherwise ten thousand blocks take three hours.
        node.call::<Value>("evm_setIntervalMining", json!([0])).await?;
        node.call::<Value>("evm_setAutomine", json!([true])).await?;
    }
    let first = node.height().await? + 1;
    let workload = chain.workload;
    let (outcome, _) = long::run(bench, chain, plan.blocks).await?;
    let last = (first + plan.blocks - 1).min(node.height().await?);
    if is_anvil {
        node.call::<Value>("evm_setAutomine", json!([false])).await?;
    }
    let fullest = gather(bench, workload, plan.crowd, is_anvil).await?;
    let subject = Arc::new(Subject {
        entry,
        holders: bench.holders.clone(),
        token: bench.targets.token.address,
        blocks: (first, last),
        fullest: fullest.0,
    });
    let mut asked = Vec::new();
    for question in Question::ALL {
        asked.push(ask(&subject, question, plan).await?);
    }
    let questions = Questions {
        connections: plan.connections,
        log_blocks: last - first + 1,
        fullest_transactions: fullest.1,
        asked,
    };
    Ok((outcome, questions))
}

#[derive(Deserialize)]
struct Listed {
    transactions: Vec<B256>,
}

/// Sends a crowd of transactions at once; height and transactions of the fullest block.
async fn gather(
    bench: &mut Bench,
    workload: Workload,
    crowd: usize,
    is_anvil: bool,
) -> Result<(u64, usize)> {
    let recipe = bench.recipe(workload).await?;
    let mut raw: Vec<Vec<String>> = vec![Vec::new(); bench.description.nodes.len()];
    for index in 0..crowd {
        let transfer = recipe.sign(index)?;
        raw[transfer.node].push(transfer.signed.raw);
        let (from, to) = recipe.parties(index);
        bench.book(workload, from as u64, to);
    }
    let mut reader = Node::new(&bench.description.nodes[0].rpc)?;
    let before = reader.height().await?;
    let mut tasks = JoinSet::new();
    for (entry, raw) in bench.description.nodes.iter().zip(raw) {
        let mut node = Node::new(&entry.rpc)?;
        tasks.spawn(async move { submit(&mut node, &raw).await });
    }
    while let Some(sent) = tasks.join_next().await {
        sent.map_err(|error| eyre!("a sender failed: {error}"))??;
    }
    if is_anvil {
        reader.call::<Value>("evm_mine", json!([])).await?;
    }
    fullest_after(&mut reader, before, crowd).await
}

async fn submit(node: &mut Node, raw: &[String]) -> Result<()> {
    for part in raw.chunks(CROWD_BATCH) {
        let part: Vec<&str> = part.iter().map(String::as_str).collect();
        for sent in node.submit(&part).await? {
            sent.map_err(|refusal| eyre!("refused: {}", refusal.message))?;
        }
    }
    Ok(())
}

async fn fullest_after(node: &mut Node, before: u64, crowd: usize) -> Result<(u64, usize)> {
    let (start, mut seen, mut fullest) = (Instant::now(), 0, (0, 0));
    for height in before + 1..=before + CROWD_BLOCKS_MAX {
        if seen >= crowd {
            break;
        }
        let left = CROWD_TIMEOUT.saturating_sub(start.elapsed());
        reach(node, height, left).await?;
        let block: Listed =
            node.call("eth_getBlockByNumber", json!([U64::from(height), false])).await?;
        let count = block.transactions.len();
        seen += count;
        if count > fullest.1 {
            fullest = (height, count);
        }
    }
    ensure!(
        seen >= crowd,
        "{seen} of {crowd} transactions are final after {CROWD_BLOCKS_MAX} blocks"
    );
    tokio::time::sleep(PAUSE).await;
    Ok(fullest)
}

struct Subject {
    entry: NodeEntry,
    holders: Arc<Holders>,
    token: Address,
    blocks: (u64, u64),
    fullest: u64,
}

impl Subject {
    fn params(&self, question: Question, random: &mut Random) -> Value {
        let holder = self.holders.address(random.below(self.holders.total));
        match question {
            Question::Balance => {
                json!([{ "to": self.token, "data": balance_of(holder) }, "latest"])
            }
            Question::FullBlock => json!([U64::from(self.fullest), true]),
            Question::Receipts => json!([U64::from(self.fullest)]),
            Question::Logs => json!([{
                "fromBlock": U64::from(self.blocks.0), "toBlock": U64::from(self.blocks.1),
                "address": self.token,
                "topics": [
                    keccak256("Transfer(address,address,uint256)"), null, holder.into_word(),
                ],
            }]),
        }
    }
}

#[derive(Default)]
struct Tally {
    latencies: Vec<Duration>,
    bytes: u64,
    errors: u64,
}

async fn ask(subject: &Arc<Subject>, question: Question, plan: Plan) -> Result<Answered> {
    let used = || subject.entry.pid.and_then(|pid| processor_micros(pid).ok());
    let (before, start) = (used(), Instant::now());
    let mut tasks = JoinSet::new();
    for number in 0..plan.connections {
        tasks.spawn(asker(subject.clone(), question, number as u64, start + plan.window));
    }
    let mut all = Tally::default();
    while let Some(tally) = tasks.join_next().await {
        let tally = tally.map_err(|error| eyre!("a reader failed: {error}"))??;
        all.latencies.extend(tally.latencies);
        all.bytes += tally.bytes;
        all.errors += tally.errors;
    }
    let (seconds, answers) = (start.elapsed().as_secs_f64(), all.latencies.len() as f64);
    if all.latencies.is_empty() {
        bail!("{}: {} errors and no answer", question.name(), all.errors);
    }
    let spent = before.zip(used()).map(|(before, after)| after.saturating_sub(before) as f64);
    Ok(Answered {
        question: question.name(),
        method: question.method(),
        per_second: answers / seconds,
        errors: all.errors,
        answer_bytes: all.bytes as f64 / answers,
        node_cpu_us: spent.map(|spent| spent / answers),
        latency: Distribution::of(all.latencies),
    })
}

async fn asker(
    subject: Arc<Subject>,
    question: Question,
    number: u64,
    end: Instant,
) -> Result<Tally> {
    let mut node = Node::new(&subject.entry.rpc)?;
    let mut random = Random::new(number);
    let mut tally = Tally::default();
    while Instant::now() < end {
        let params = subject.params(question, &mut random);
        let start = Instant::now();
        match node.ask(question.method(), params).await {
            Ok(bytes) => {
                tally.latencies.push(start.elapsed());
                tally.bytes += bytes as u64;
            }
            Err(_) => tally.errors += 1,
        }
    }
    Ok(tally)
}
