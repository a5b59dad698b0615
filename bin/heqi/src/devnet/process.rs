//! Starting and stopping node processes.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::record::Member;
use crate::error::{self, CliError};

/// Time that a node gets to stop in good order; its own limit is 5 s.
const STOP_TIME_MAX: Duration = Duration::from_secs(8);
/// Time that a killed process gets to disappear.
const KILL_TIME_MAX: Duration = Duration::from_secs(2);
/// How often a process is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// End of a log that is searched for an error, bytes.
const LOG_TAIL_BYTES_MAX: u64 = 64 * 1024;
/// Log at which a start begins a new file and keeps the old one as `node.log.1`, bytes.
const LOG_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A started node.
pub struct Started {
    /// Whose node.
    pub member: Member,
    /// The process. In the foreground its standard input is a pipe whose end stops it.
    pub child: Child,
    /// Length of the log before the start.
    log_start: u64,
}

/// Starts a node; `supervised` ones stop when this process ends.
pub fn start(member: &Member, supervised: bool) -> Result<Started, CliError> {
    let refused =
        |error: std::io::Error| CliError::new(error::PROCESS, vec![("cause", error.to_string())]);
    let (log, log_start) = open_log(&member.log())?;
    let mut command = Command::new(std::env::current_exe().map_err(refused)?);
    command.args(["node", "run", "--config"]).arg(member.config());
    if supervised {
        command.arg("--stop-with-parent");
    }
    let child = command
        .stdin(if supervised { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::null())
        .stderr(log)
        // A group of its own: Ctrl-C reaches the supervisor only, which stops nodes in good order,
        // and closing the terminal does not reach detached nodes.
        .process_group(0)
        .spawn()
        .map_err(refused)?;
    Ok(Started { member: member.clone(), child, log_start })
}

fn open_log(path: &Path) -> Result<(File, u64), CliError> {
    let failed = |error: std::io::Error| CliError::file(path, error);
    let length = fs::metadata(path).map_or(0, |metadata| metadata.len());
    if length > LOG_BYTES_MAX {
        fs::rename(path, path.with_extension("log.1")).map_err(failed)?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    Ok((file, length))
}

impl Started {
    /// The error of a process that ended, `None` while it runs.
    pub fn ended(&mut self) -> Option<CliError> {
        let status = match self.child.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let cause = failure_in_log(&self.member.log(), self.log_start)
            .unwrap_or_else(|| format!("    {status}"));
        Some(CliError::new(
            error::NODE_ENDED,
            vec![
                ("org", format!("{} ({})", self.member.name, self.member.node)),
                ("cause", cause),
                ("log", self.member.log().display().to_string()),
            ],
        ))
    }
}

/// The last error that a node wrote after `start`, indented.
pub fn failure_in_log(path: &Path, start: u64) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let start = start.max(length.saturating_sub(LOG_TAIL_BYTES_MAX));
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let from_json = text.lines().rev().find_map(error_of_line);
    let lines = from_json.unwrap_or_else(|| {
        let whole = text.trim();
        // Before logs begin, the node writes one plain error.
        whole.rfind("error[").map_or(whole, |at| &whole[at..]).to_string()
    });
    let indented: Vec<String> = lines.lines().map(|line| format!("    {line}")).collect();
    (!indented.is_empty()).then(|| indented.join("\n"))
}

fn error_of_line(line: &str) -> Option<String> {
    let event: Value = serde_json::from_str(line).ok()?;
    if event["level"] != "error" {
        return None;
    }
    let (code, text) = (event["code"].as_str()?, event["msg"].as_str()?);
    let next = event["next"].as_str().map(|next| format!("\n  next: {next}")).unwrap_or_default();
    Some(format!("error[{code}]: {text}{next}"))
}

/// How a node stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// There was none.
    NotRunning,
    /// In good order.
    Gracefully,
    /// By force.
    Killed,
}

/// Stops all these nodes at once.
pub fn stop_all(members: &[Member]) -> Result<Vec<Stopped>, CliError> {
    let running: Vec<Option<u32>> = members.iter().map(Member::process).collect();
    for pid in running.iter().flatten() {
        send(*pid, Signal::TERM);
    }
    let end = Instant::now() + STOP_TIME_MAX;
    let mut answers = Vec::new();
    for (member, pid) in members.iter().zip(running) {
        answers.push(match pid {
            None => Stopped::NotRunning,
            Some(pid) if gone(member, pid, end) => Stopped::Gracefully,
            Some(pid) => {
                send(pid, Signal::KILL);
                if !gone(member, pid, Instant::now() + KILL_TIME_MAX) {
                    let values = vec![("org", member.name.clone()), ("pid", pid.to_string())];
                    return Err(CliError::new(error::NOT_STOPPED, values));
                }
                Stopped::Killed
            }
        });
    }
    Ok(answers)
}

/// The lock is looked at, not the process id alone: ids are given anew.
fn gone(member: &Member, pid: u32, end: Instant) -> bool {
    loop {
        if member.process() != Some(pid) {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        sleep(LOOK_INTERVAL);
    }
}

fn send(pid: u32, signal: Signal) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    // It may have ended by itself in between, which is what was wanted.
    let _ = kill_process(pid, signal);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_nodes_own_error_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("node.log");
        assert_eq!(failure_in_log(&log, 0), None);
        let old = "{\"level\":\"error\",\"code\":\"NOD-0001\",\"msg\":\"old\"}\n";
        let start = old.len() as u64;
        let json =
            "{\"level\":\"error\",\"code\":\"NOD-0013\",\"msg\":\"port\",\"next\":\"stop it\"}\n";
        fs::write(&log, format!("{old}{{\"level\":\"info\"}}\n{json}{{\"level\":\"info\"}}\n"))
            .unwrap();
        let found = failure_in_log(&log, start).unwrap();
        assert_eq!(found, "    error[NOD-0013]: port\n      next: stop it");
        fs::write(&log, format!("{old}error[NOD-0003]: line 4\n  next: y\n")).unwrap();
        let found = failure_in_log(&log, start).unwrap();
        assert_eq!(found, "    error[NOD-0003]: line 4\n      next: y");
        fs::write(&log, old).unwrap();
        assert_eq!(failure_in_log(&log, start), None);
    }

    #[test]
    fn long_logs_are_kept_aside_and_searched_at_their_end_only() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("node.log");
        let file = File::create(&log).unwrap();
        file.set_len(LOG_BYTES_MAX + 1).unwrap();
        assert!(failure_in_log(&log, 0).unwrap().len() < 2 * LOG_TAIL_BYTES_MAX as usize * 3);
        let (_, start) = open_log(&log).unwrap();
        assert_eq!(start, 0);
        assert!(folder.path().join("node.log.1").exists());
    }
}
