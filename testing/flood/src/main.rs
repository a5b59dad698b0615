//! `flood`: a validator that has turned hostile. It has the key and the configuration of a node,
//! connects to the other nodes as that node, and sends on one channel as fast as they take it.
//! `testing/processes` runs it against real nodes.

mod messages;
mod network;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use clap::Parser;
use commonware_p2p::{Recipients, Sender as _};
use commonware_runtime::{Clock as _, Runner as _, Spawner as _, Supervisor as _, tokio};
use eyre::Result;

use messages::Flood;

/// Longest wait for the first connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// Pause while the network's own queue is full, or nobody is connected.
const FULL_PAUSE: Duration = Duration::from_millis(2);
/// Messages between two looks at the clock.
const TURN_MESSAGES: usize = 16;

/// Floods the peers of a node in its name; the node itself must not run.
#[derive(Debug, Parser)]
struct Arguments {
    /// Configuration file of the node.
    #[arg(long)]
    config: PathBuf,
    /// What is sent.
    #[arg(long)]
    kind: messages::Kind,
    /// Channel of `garbage`, 0 to 8; others are not registered by any node.
    #[arg(long, default_value_t = 0)]
    channel: u64,
    /// Length of a message of `garbage`, bytes.
    #[arg(long, default_value_t = 1_024)]
    bytes: usize,
    /// How long, seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Bytes per second to each peer at most: a node on another machine has a line of its own.
    /// Default: a gigabit.
    #[arg(long, default_value_t = 125_000_000)]
    bytes_per_second: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let identity = network::Identity::load(&arguments.config)?;
    let flood =
        Flood::new(arguments.kind, arguments.channel, arguments.bytes, identity.chain_id())?;
    let folder = tempfile::tempdir()?;
    let settings = tokio::Config::new()
        .with_worker_threads(2)
        .with_storage_directory(folder.path().to_path_buf());
    let told =
        tokio::Runner::new(settings).start(|context| run(context, identity, flood, arguments));
    println!("{told}");
    Ok(())
}

async fn run(
    context: tokio::Context,
    identity: network::Identity,
    mut flood: Flood,
    arguments: Arguments,
) -> String {
    let mut senders = network::open(&context, identity, flood.channel());
    let begin = context.current();
    let end = begin + Duration::from_secs(arguments.seconds);
    let (mut messages, mut bytes) = (0u64, 0u64);
    let mut reached = BTreeSet::new();
    let mut last_reached = begin;
    while context.current() < end {
        for _ in 0..TURN_MESSAGES {
            let Some(message) = flood.next() else {
                context.sleep(CONNECT_TIME_MAX / 10).await;
                break;
            };
            let length = message.len() as u64;
            let peers = senders.send(Recipients::All, message, false);
            if peers.is_empty() {
                context.sleep(FULL_PAUSE).await;
                break;
            }
            messages += peers.len() as u64;
            bytes += length * peers.len() as u64;
            last_reached = context.current();
            reached.extend(peers);
            pace(&context, last_reached, length, arguments.bytes_per_second).await;
        }
        let waited = context.current().duration_since(begin).unwrap_or_default();
        if reached.is_empty() && waited > CONNECT_TIME_MAX {
            break;
        }
    }
    let until = last_reached.duration_since(begin).unwrap_or_default();
    // The runtime's tasks are ended rather than left to finish their queues.
    let _ = context.child("end").stop(0, Some(Duration::from_millis(200))).await;
    match reached.len() {
        0 => "no peer accepts this node".into(),
        count => format!(
            "{count} peers, {messages} messages and {} MiB handed to the network, the last after {:.1} s",
            bytes >> 20,
            until.as_secs_f64()
        ),
    }
}

/// Keeps to a line of so many bytes per second.
async fn pace(
    context: &tokio::Context,
    from: std::time::SystemTime,
    length: u64,
    bytes_per_second: u64,
) {
    let micros = length.saturating_mul(1_000_000) / bytes_per_second.max(1);
    if micros >= 1_000 {
        context.sleep_until(from + Duration::from_micros(micros)).await;
    }
}
