//! `heqi devnet down|stop|start|reset`.

use std::{
    fs,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    create, process,
    process::Stopped,
    ready::READY_TIME_MAX,
    record::{Devnet, Member},
};
use crate::{
    Output,
    error::{self, CliError},
    http::Url,
};

/// Time that a killed process gets to release its data.
const DYING_TIME_MAX: Duration = Duration::from_secs(3);
/// Time that a supervising process gets to end.
const SUPERVISOR_TIME_MAX: Duration = Duration::from_secs(12);
/// How often files and nodes are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Stops everything.
pub fn down(folder: &Path, output: Output) -> Result<(), CliError> {
    let devnet = Devnet::load(folder)?;
    let _commands = Devnet::lock_commands(folder)?;
    stop_everything(&devnet)?;
    eprintln!("{}", output.language.text("all_stopped", &[]));
    Ok(())
}

fn stop_everything(devnet: &Devnet) -> Result<(), CliError> {
    if Devnet::lock_supervision(&devnet.folder)?.is_none() {
        let request = devnet.down_request();
        fs::write(&request, "").map_err(|error| CliError::file(&request, error))?;
        let end = Instant::now() + SUPERVISOR_TIME_MAX;
        while Devnet::lock_supervision(&devnet.folder)?.is_none() && Instant::now() < end {
            sleep(LOOK_INTERVAL);
        }
    }
    process::stop_all(&devnet.members()).map(|_| ())
}

/// Stops one node.
pub fn stop(folder: &Path, org: &str, output: Output) -> Result<(), CliError> {
    let devnet = Devnet::load(folder)?;
    let member = devnet.member(org)?;
    let _commands = Devnet::lock_commands(folder)?;
    let key = match process::stop_all(std::slice::from_ref(&member))?[0] {
        Stopped::NotRunning => "node_not_running",
        Stopped::Gracefully => "node_stopped",
        Stopped::Killed => "node_killed",
    };
    eprintln!("{}", output.language.text(key, &[("org", member.name.clone())]));
    print_member(&member, None, output);
    Ok(())
}

/// Starts one node and waits until it answers.
pub fn start(folder: &Path, org: &str, output: Output) -> Result<(), CliError> {
    let devnet = Devnet::load(folder)?;
    let member = devnet.member(org)?;
    let _commands = Devnet::lock_commands(folder)?;
    let pid = match running(&member) {
        Some(pid) => pid,
        None => start_and_wait(&devnet, &member)?,
    };
    let values = [("org", member.name.clone()), ("pid", pid.to_string())];
    eprintln!("{}", output.language.text("node_running", &values));
    print_member(&member, Some(pid), output);
    Ok(())
}

/// The process of a node that lives. One that was just killed holds its data for another moment.
pub fn running(member: &Member) -> Option<u32> {
    let end = Instant::now() + DYING_TIME_MAX;
    loop {
        let pid = member.process()?;
        let url = Url::local(member.rpc_port);
        if url.call("eth_blockNumber", &json!([]), Duration::from_secs(1)).is_ok()
            || Instant::now() > end
        {
            return Some(pid);
        }
        sleep(LOOK_INTERVAL);
    }
}

/// Starts a node, through the supervising process where there is one, and waits until it answers.
pub fn start_and_wait(devnet: &Devnet, member: &Member) -> Result<u32, CliError> {
    let supervision = Devnet::lock_supervision(&devnet.folder)?;
    let log_start = fs::metadata(member.log()).map_or(0, |metadata| metadata.len());
    let mut started = match supervision {
        Some(_) => Some(process::start(member, false)?),
        None => {
            let request = member.start_request();
            fs::write(&request, "").map_err(|error| CliError::file(&request, error))?;
            None
        }
    };
    let end = Instant::now() + READY_TIME_MAX;
    let url = Url::local(member.rpc_port);
    let mut seen = None;
    while Instant::now() < end {
        if let Some(error) = started.as_mut().and_then(process::Started::ended) {
            return Err(error);
        }
        let pid = member.process();
        if seen.is_some() && pid.is_none() {
            // Started by the supervisor, and gone again.
            let cause = process::failure_in_log(&member.log(), log_start).unwrap_or_default();
            let values = vec![
                ("org", member.name.clone()),
                ("cause", cause),
                ("log", member.log().display().to_string()),
            ];
            return Err(CliError::new(error::NODE_ENDED, values));
        }
        seen = pid.or(seen);
        let answers = url.call("eth_blockNumber", &json!([]), Duration::from_secs(2)).is_ok();
        if let (Some(pid), true) = (pid, answers) {
            return Ok(pid);
        }
        sleep(LOOK_INTERVAL);
    }
    let values = vec![
        ("seconds", READY_TIME_MAX.as_secs().to_string()),
        ("missing", member.name.clone()),
        ("path", devnet.folder.display().to_string()),
    ];
    Err(CliError::new(error::NOT_FINAL, values))
}

/// Forgets the chain.
pub fn reset(folder: &Path, output: Output) -> Result<(), CliError> {
    let mut devnet = Devnet::load(folder)?;
    let _commands = Devnet::lock_commands(folder)?;
    stop_everything(&devnet)?;
    create::renew(&mut devnet)?;
    let values = [
        ("path", folder.display().to_string()),
        ("chain_id", super::up::grouped(devnet.record.chain_id)),
    ];
    eprintln!("{}", output.language.text("reset_done", &values));
    if output.json {
        println!("{}", json!({"chain_id": devnet.record.chain_id}));
    }
    Ok(())
}

fn print_member(member: &Member, pid: Option<u32>, output: Output) {
    if output.json {
        println!("{}", super::show::node_json(member, pid));
    }
}
