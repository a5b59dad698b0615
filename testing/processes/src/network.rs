//! A devnet of this run.

use std::{fs, path::PathBuf, time::Duration};

use eyre::{Result, WrapErr, eyre};
use load::rpc::Node;
use serde_json::Value;

use crate::{clock::until, program::Program, raw_http};

/// Folder names of the four organisations.
pub const SHORT_NAMES: [&str; 4] = ["bank-a", "supplier-b", "court-c", "regulator-r"];
/// Their names.
pub const NAMES: [&str; 4] = ["Bank A", "Supplier B", "Court C", "Regulator R"];
/// Time for a node to become ready.
const READY_TIME: Duration = Duration::from_secs(45);

/// Four nodes of real processes. Dropping it takes them down.
pub struct Network<'a> {
    program: &'a Program,
    /// Its folder.
    pub folder: PathBuf,
    base: u16,
}

impl<'a> Network<'a> {
    /// Where the network `number` of this run is; nothing is started.
    pub fn place(program: &'a Program, name: &str, number: u16) -> Self {
        let base = program.port_base + number * 100;
        Self { program, folder: program.folder.join(name), base }
    }

    /// The binary.
    pub fn program(&self) -> &'a Program {
        self.program
    }

    /// Starts it and waits until all nodes are ready.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(program: &'a Program, name: &str, number: u16) -> Result<Self> {
        let network = Self::place(program, name, number);
        network.up().await?;
        Ok(network)
    }

    /// `devnet up --detach`, and all nodes ready.
    ///
    /// # Errors
    /// It does not start.
    pub async fn up(&self) -> Result<()> {
        self.devnet("up", &["--detach", "--port-base", &self.base.to_string()])?;
        self.all_ready().await
    }

    /// Waits until `/readyz` of all nodes is 200.
    ///
    /// # Errors
    /// One is not ready in time.
    pub async fn all_ready(&self) -> Result<()> {
        for number in 0..SHORT_NAMES.len() {
            self.ready(number).await?;
        }
        Ok(())
    }

    /// Waits until `/readyz` of a node is 200.
    ///
    /// # Errors
    /// It is not ready in time.
    pub async fn ready(&self, number: usize) -> Result<Duration> {
        let found = until(READY_TIME, async || self.readiness(number).await.filter(is_ready)).await;
        let Some((_, time)) = found else {
            let seen = self.readiness(number).await;
            return Err(eyre!("{} is not ready: {seen:?}", NAMES[number]));
        };
        Ok(time)
    }

    /// `/readyz?verbose` of a node; `None` where it does not answer.
    pub async fn readiness(&self, number: usize) -> Option<Value> {
        let answer = raw_http::get(self.rpc_port(number), "/readyz?verbose").await.ok()?;
        serde_json::from_str(&answer.body).ok()
    }

    /// RPC port of a node, counted from 0.
    pub fn rpc_port(&self, number: usize) -> u16 {
        self.base + 10 * u16::try_from(number).unwrap_or(u16::MAX)
    }

    /// p2p port of a node.
    pub fn p2p_port(&self, number: usize) -> u16 {
        self.rpc_port(number) + 1
    }

    /// RPC address of a node.
    pub fn url(&self, number: usize) -> String {
        format!("http://127.0.0.1:{}", self.rpc_port(number))
    }

    /// RPC client of a node.
    ///
    /// # Errors
    /// Never for these addresses.
    pub fn client(&self, number: usize) -> Result<Node> {
        Node::new(&self.url(number))
    }

    /// Folder of a node.
    pub fn node_folder(&self, number: usize) -> PathBuf {
        self.folder.join(SHORT_NAMES[number])
    }

    /// A node's log so far.
    pub fn log(&self, number: usize) -> String {
        fs::read_to_string(self.node_folder(number).join("node.log")).unwrap_or_default()
    }

    /// What a node logged after `start` (bytes).
    pub fn log_after(&self, number: usize, start: usize) -> String {
        self.log(number).get(start..).unwrap_or_default().to_string()
    }

    /// Process id of a node, where it runs.
    ///
    /// # Errors
    /// `devnet status` fails.
    pub fn pid(&self, number: usize) -> Result<Option<u32>> {
        let text = self.devnet("status", &["-o", "json"])?;
        let status: Value = serde_json::from_str(&text).wrap_err("devnet status -o json")?;
        Ok(status["nodes"][number]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()))
    }

    /// `heqi devnet VERB --dir …`, which must succeed.
    ///
    /// # Errors
    /// It fails.
    pub fn devnet(&self, verb: &str, rest: &[&str]) -> Result<String> {
        let folder = self.folder.display().to_string();
        let arguments = [&["devnet", verb, "--dir", &folder][..], rest].concat();
        self.program.must(&arguments)
    }
}

impl Drop for Network<'_> {
    fn drop(&mut self) {
        if !self.folder.join("devnet.json").exists() {
            return;
        }
        if let Err(error) = self.devnet("down", &[]) {
            println!("  a network was not taken down: {error:#}");
        }
    }
}

/// Whether the answer of `/readyz?verbose` says ready.
pub fn is_ready(answer: &Value) -> bool {
    answer["ready"] == true
}
