//! Calling the `heqi` binary.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use eyre::{Result, WrapErr, eyre};
use rustix::process::{Pid, Signal, kill_process};

use crate::clock::until;

/// The binary and where its files go.
pub struct Program {
    heqi: PathBuf,
    /// Everything of this run is below.
    pub folder: PathBuf,
    /// First port.
    pub port_base: u16,
}

/// A process that ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; `None` after a signal.
    pub exit: Option<i32>,
    /// Standard error.
    pub text: String,
    /// Standard output.
    pub out: String,
}

impl Program {
    /// `heqi` and a folder that exist.
    pub fn new(heqi: PathBuf, folder: PathBuf, port_base: u16) -> Self {
        Self { heqi, folder, port_base }
    }

    /// Where another program of the same build is.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.heqi.with_file_name(name)
    }

    /// A command whose environment does not change its answers.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.heqi);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null()).env("LANG", "C");
        command.env_remove("LC_ALL").env_remove("HEQI_LOG").env_remove("ETH_RPC_URL");
        command
    }

    /// As [`Self::command`], run by `wrapper` with additional environment: the wrapper must end in
    /// a program that takes `NAME=VALUE` arguments and a command (`env`).
    pub fn command_within(
        &self,
        wrapper: &[&str],
        environment: &[(String, String)],
        arguments: &[&str],
    ) -> Command {
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).current_dir(&self.folder).stdin(Stdio::null());
        command.args(["-u", "HEQI_LOG", "-u", "LC_ALL", "LANG=C"]);
        command.args(environment.iter().map(|(name, value)| format!("{name}={value}")));
        command.arg(&self.heqi).args(arguments);
        command
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// It could not be started.
    pub fn run(&self, arguments: &[&str]) -> Result<Ended> {
        let output = self.command(arguments).output().wrap_err("heqi")?;
        Ok(Ended {
            exit: output.status.code(),
            text: String::from_utf8_lossy(&output.stderr).into(),
            out: String::from_utf8_lossy(&output.stdout).into(),
        })
    }

    /// Runs to the end and must succeed; answers standard output.
    ///
    /// # Errors
    /// Another exit code than 0.
    pub fn must(&self, arguments: &[&str]) -> Result<String> {
        let ended = self.run(arguments)?;
        match ended.exit {
            Some(0) => Ok(ended.out),
            exit => Err(eyre!("heqi {}: exit {exit:?}: {}", arguments.join(" "), ended.text)),
        }
    }

    /// Runs `heqi node run`, which is expected to end by itself within 20 s.
    ///
    /// # Errors
    /// It runs on (it is killed then) or could not be started.
    pub async fn node_that_ends(&self, config: &Path) -> Result<Ended> {
        let log = config.with_extension("ended.log");
        let mut node = self.node(config, &log)?;
        let exit = node.exit_within(Duration::from_secs(20)).await;
        let exit = exit.ok_or_else(|| eyre!("the node of {} runs on", config.display()))?;
        Ok(Ended { exit: exit.0, text: std::fs::read_to_string(&log)?, out: String::new() })
    }

    /// As [`Self::node`], with a limit of open files.
    ///
    /// # Errors
    /// It could not be started.
    pub fn node_with_open_files(&self, config: &Path, log: &Path, limit: u32) -> Result<Running> {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n \"$1\" && exec \"$2\" node run --config \"$3\"", "sh"]);
        command.arg(limit.to_string()).arg(&self.heqi).arg(config).current_dir(&self.folder);
        let child = command
            .stdin(Stdio::null())
            .stderr(File::create(log)?)
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Running { child })
    }

    /// Starts `heqi node run` with its log in `log`. Dropping it kills it.
    ///
    /// # Errors
    /// It could not be started.
    pub fn node(&self, config: &Path, log: &Path) -> Result<Running> {
        let mut command = self.command(&["node", "run", "--config"]);
        let child = command.arg(config).stderr(File::create(log)?).stdout(Stdio::null()).spawn()?;
        Ok(Running { child })
    }
}

/// A process of this program. Dropping it kills it.
pub struct Running {
    /// The process.
    pub child: Child,
}

impl Running {
    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let raw = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = raw {
            // It may have ended by itself.
            let _ = kill_process(pid, signal);
        }
    }

    /// Its exit code and the time it took to end.
    pub async fn exit_within(&mut self, limit: Duration) -> Option<(Option<i32>, Duration)> {
        let child = &mut self.child;
        until(limit, async || child.try_wait().ok().flatten().map(|status| status.code())).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; there is nothing else to do about it here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
