//! Waiting until a network works.

use std::{
    sync::mpsc::Receiver,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    process::Started,
    record::{Devnet, Member},
};
use crate::{
    error::{self, CliError},
    http::Url,
    status::quantity,
};

/// Time until block 1 must be final on all nodes.
pub const READY_TIME_MAX: Duration = Duration::from_secs(60);
/// How often nodes are asked.
const ASK_INTERVAL: Duration = Duration::from_millis(50);
/// Time for one answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

/// What a node answers now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Newest final block.
    pub height: Option<u64>,
    /// Connected peers.
    pub peers: Option<u64>,
}

/// Asks a node where it stands.
pub fn ask(member: &Member) -> Answer {
    let url = Url::local(member.rpc_port);
    let number = |method: &str| {
        url.call(method, &json!([]), ANSWER_TIME_MAX).ok().and_then(|value| quantity(&value))
    };
    Answer { height: number("eth_blockNumber"), peers: number("net_peerCount") }
}

/// Waits until every node of `members` has block 1; answers the lowest height. `None` when
/// `interrupted` was told to stop waiting.
///
/// # Errors
/// A process ended, or the time is over.
pub fn wait(
    devnet: &Devnet,
    members: &[Member],
    started: &mut [Started],
    interrupted: Option<&Receiver<()>>,
) -> Result<Option<u64>, CliError> {
    let end = Instant::now() + READY_TIME_MAX;
    loop {
        if let Some(error) = started.iter_mut().find_map(Started::ended) {
            return Err(error);
        }
        if interrupted.is_some_and(|receiver| receiver.try_recv().is_ok()) {
            return Ok(None);
        }
        let heights: Vec<u64> =
            members.iter().map(|member| ask(member).height.unwrap_or(0)).collect();
        match heights.iter().min() {
            Some(0) => {}
            lowest => return Ok(lowest.copied()),
        }
        if Instant::now() > end {
            let waiting = members.iter().zip(&heights).filter(|(_, height)| **height == 0);
            let missing: Vec<&str> = waiting.map(|(member, _)| member.name.as_str()).collect();
            return Err(CliError::new(
                error::NOT_FINAL,
                vec![
                    ("seconds", READY_TIME_MAX.as_secs().to_string()),
                    ("missing", missing.join(", ")),
                    ("path", devnet.folder.display().to_string()),
                ],
            ));
        }
        sleep(ASK_INTERVAL);
    }
}
