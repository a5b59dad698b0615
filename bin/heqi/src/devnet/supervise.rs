//! The foreground process of a network: reports nodes that end, starts nodes again when asked,
//! leaves nothing running.

use std::{
    fs,
    sync::mpsc::{Receiver, RecvTimeoutError},
    thread::sleep,
    time::{Duration, Instant},
};

use super::{
    process::{self, Started},
    record::Devnet,
};
use crate::{Output, error::CliError};

/// How often requests and processes are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Time that processes get to be reaped after they released their data.
const REAP_TIME_MAX: Duration = Duration::from_secs(2);

/// Stays until Ctrl-C or `heqi devnet down`.
pub fn stay(
    devnet: &Devnet,
    mut started: Vec<Started>,
    interrupted: &Receiver<()>,
    output: Output,
) -> Result<(), CliError> {
    let mut devnet = devnet.clone();
    while interrupted.recv_timeout(LOOK_INTERVAL) == Err(RecvTimeoutError::Timeout) {
        if devnet.down_request().exists() {
            break;
        }
        // `heqi devnet join` adds nodes.
        devnet = Devnet::load(&devnet.folder).unwrap_or(devnet);
        started.retain_mut(|node| !report_end(node, &devnet, output));
        start_requested(&devnet, &mut started, output);
    }
    eprintln!("{}", output.language.text("supervisor_stopping", &[]));
    let result = stop_started(started, &devnet, output);
    let _ = fs::remove_file(devnet.down_request());
    result
}

/// Stops every node of the network, whoever started it.
pub fn stop_started(
    mut started: Vec<Started>,
    devnet: &Devnet,
    output: Output,
) -> Result<(), CliError> {
    for node in &mut started {
        // The end of the pipe asks the node to stop even where it has not locked its data yet.
        drop(node.child.stdin.take());
    }
    let result = process::stop_all(&devnet.members());
    let end = Instant::now() + REAP_TIME_MAX;
    for node in &mut started {
        while matches!(node.child.try_wait(), Ok(None)) {
            if Instant::now() > end {
                // It neither holds data nor listens to its pipe: nothing can be lost.
                let _ = node.child.kill();
                let _ = node.child.wait();
                break;
            }
            sleep(Duration::from_millis(10));
        }
    }
    eprintln!("{}", output.language.text("all_stopped", &[]));
    result.map(|_| ())
}

fn report_end(node: &mut Started, devnet: &Devnet, output: Output) -> bool {
    let Ok(Some(status)) = node.child.try_wait() else { return false };
    let values = [
        ("org", node.member.name.clone()),
        ("pid", node.child.id().to_string()),
        ("cause", status.to_string()),
        ("path", devnet.folder.display().to_string()),
        ("node", node.member.node.clone()),
    ];
    eprintln!("{}", output.language.text("supervisor_ended", &values));
    true
}

fn start_requested(devnet: &Devnet, started: &mut Vec<Started>, output: Output) {
    for member in devnet.members() {
        if fs::remove_file(member.start_request()).is_err() || member.process().is_some() {
            continue;
        }
        match process::start(&member, true) {
            Ok(node) => {
                let values = [("org", member.name), ("pid", node.child.id().to_string())];
                eprintln!("{}", output.language.text("supervisor_started", &values));
                started.push(node);
            }
            Err(error) => {
                let values = [("org", member.name), ("cause", error.report(output.language))];
                eprintln!("{}", output.language.text("supervisor_failed", &values));
            }
        }
    }
}
