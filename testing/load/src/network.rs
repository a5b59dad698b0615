//! The network under load: a devnet of our own, one that already runs, or anvil beside it.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use eyre::{Context, Result, bail, eyre};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::rpc::Node;

const ANVIL_START_TIMEOUT: Duration = Duration::from_secs(10);
/// Roomy, so that anvil's block size is not what limits it.
const ANVIL_GAS_LIMIT: &str = "1000000000";

/// One node as `heqi devnet up -o json` describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct NodeEntry {
    /// Organisation.
    pub org: String,
    /// JSON-RPC address.
    pub rpc: String,
    /// Process, unknown for a network given by addresses, null for a stopped node.
    #[serde(default)]
    pub pid: Option<u32>,
    /// Data folder.
    #[serde(default)]
    pub data: Option<PathBuf>,
}

/// What `heqi devnet up|status -o json` prints, as far as it is needed here.
#[derive(Clone, Debug, Deserialize)]
pub struct Description {
    /// All nodes.
    pub nodes: Vec<NodeEntry>,
}

/// A devnet in its own folder. Dropping it takes it down.
pub struct Devnet {
    binary: PathBuf,
    directory: PathBuf,
    // dropped last: removes the folder, unless it was taken out
    parent: Option<TempDir>,
}

/// What a new devnet looks like.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Organisations, each with one validator.
    pub validators: usize,
    /// Least time between two blocks (ms), where it is not the default.
    pub interval_ms: Option<u64>,
}

impl Default for Layout {
    fn default() -> Self {
        Self { validators: 4, interval_ms: None }
    }
}

impl Devnet {
    /// Starts a new network of four and waits for block 1.
    ///
    /// # Errors
    /// The command fails or prints something else.
    pub fn start(binary: &Path) -> Result<(Self, Description)> {
        Self::start_with(binary, Layout::default())
    }

    /// Starts a new network and waits for block 1.
    ///
    /// # Errors
    /// The command fails or prints something else.
    pub fn start_with(binary: &Path, layout: Layout) -> Result<(Self, Description)> {
        let parent = tempfile::Builder::new().prefix("heqi-load-").tempdir()?;
        let binary = binary.canonicalize().wrap_err_with(|| binary.display().to_string())?;
        let devnet = Self { binary, directory: parent.path().join("net"), parent: Some(parent) };
        let orgs = layout.validators.to_string();
        let up = ["--orgs", &orgs, "--detach", "-o", "json"];
        let mut output = devnet.run(&["up"], &up)?;
        if let Some(interval_ms) = layout.interval_ms {
            devnet.run(&["down"], &[])?;
            devnet.change_interval(interval_ms)?;
            output = devnet.run(&["up"], &up)?;
        }
        let description = serde_json::from_slice(&output.stdout).wrap_err("devnet up -o json")?;
        Ok((devnet, description))
    }

    /// Gives a network that is down another genesis: the same but for one parameter.
    fn change_interval(&self, interval_ms: u64) -> Result<()> {
        let genesis = self.directory.join("genesis.json");
        change_json(&genesis, |value| value["parameters"]["interval_min_ms"] = interval_ms.into())?;
        let output = Command::new(&self.binary)
            .args(["genesis", "hash", "-o", "json"])
            .arg(&genesis)
            .output()
            .wrap_err("genesis hash")?;
        if !output.status.success() {
            bail!("genesis hash: {}", String::from_utf8_lossy(&output.stderr));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let hash = hash_in(&text).ok_or_else(|| eyre!("genesis hash printed {text}"))?;
        change_json(&self.directory.join("devnet.json"), |value| {
            value["genesis_hash"] = hash.into();
        })?;
        for entry in std::fs::read_dir(&self.directory)?.flatten() {
            let data = entry.path().join("data");
            if data.exists() {
                std::fs::remove_dir_all(&data)?;
            }
        }
        Ok(())
    }

    /// Where the network lives.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Leaves data and logs on disk when the network is taken down, and says where.
    pub fn keep_files(&mut self) -> &Path {
        if let Some(parent) = self.parent.take() {
            // the folder is only not removed; its path is known already
            drop(parent.keep());
        }
        &self.directory
    }

    /// Starts one stopped node again.
    ///
    /// # Errors
    /// The command fails.
    pub fn start_node(&self, org: &str) -> Result<()> {
        self.run(&["start"], &[org]).map(|_| ())
    }

    /// What is running now.
    ///
    /// # Errors
    /// The command fails or prints something else.
    pub fn status(&self) -> Result<Description> {
        let output = self.run(&["status"], &["-o", "json"])?;
        serde_json::from_slice(&output.stdout).wrap_err("devnet status -o json")
    }

    fn run(&self, verb: &[&str], rest: &[&str]) -> Result<Output> {
        let output = Command::new(&self.binary)
            .arg("devnet")
            .args(verb)
            .arg("--dir")
            .arg(&self.directory)
            .args(rest)
            .stdin(Stdio::null())
            .output()
            .wrap_err_with(|| self.binary.display().to_string())?;
        if !output.status.success() {
            bail!(
                "devnet {}: {}: {}{}",
                verb.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(output)
    }
}

fn change_json(path: &Path, change: impl FnOnce(&mut Value)) -> Result<()> {
    let mut value = serde_json::from_slice(&std::fs::read(path)?)?;
    change(&mut value);
    std::fs::write(path, serde_json::to_vec_pretty(&value)?)?;
    Ok(())
}

/// The 32-byte hash in the output of a command.
fn hash_in(text: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric();
    let mut words = text.split(|c| !is_part(c));
    words.find(|word| word.len() == 66 && word.starts_with("0x")).map(str::to_owned)
}

impl Drop for Devnet {
    fn drop(&mut self) {
        if let Err(error) = self.run(&["down"], &[]) {
            eprintln!("the devnet was not taken down: {error:#}");
        }
    }
}

/// An anvil process with 1 s blocks and free fees. Dropping it ends it.
pub struct Anvil(Child);

impl Anvil {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// It does not start or does not answer within 10 s.
    pub async fn start(binary: &Path) -> Result<(Self, Description)> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
        let child = Command::new(binary)
            .args(["--port", &port, "--block-time", "1", "--silent"])
            .args(["--base-fee", "0", "--gas-price", "0", "--gas-limit", ANVIL_GAS_LIMIT])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .wrap_err_with(|| binary.display().to_string())?;
        let pid = child.id();
        let anvil = Self(child);
        let rpc = format!("http://127.0.0.1:{port}");
        let start = Instant::now();
        while Node::new(&rpc)?.chain_id().await.is_err() {
            if start.elapsed() > ANVIL_START_TIMEOUT {
                bail!("anvil does not answer after {ANVIL_START_TIMEOUT:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let node = NodeEntry { org: "anvil".to_owned(), rpc, pid: Some(pid), data: None };
        Ok((anvil, Description { nodes: vec![node] }))
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // it may have ended already; nothing else can be done about it here
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A network given by its addresses: no process figures.
///
/// # Errors
/// No address.
pub fn from_addresses(addresses: &[String]) -> Result<Description> {
    let nodes: Vec<NodeEntry> = addresses
        .iter()
        .enumerate()
        .map(|(number, rpc)| NodeEntry {
            org: format!("node{}", number + 1),
            rpc: rpc.clone(),
            pid: None,
            data: None,
        })
        .collect();
    if nodes.is_empty() {
        return Err(eyre!("no node address was given"));
    }
    Ok(Description { nodes })
}

#[cfg(test)]
mod tests {
    use super::hash_in;

    #[test]
    fn a_hash_is_found_in_what_a_command_prints() {
        let hash = format!("0x{}", "ab".repeat(32));
        assert_eq!(hash_in(&format!("{{\"hash\":\"{hash}\"}}\n")), Some(hash.clone()));
        assert_eq!(hash_in(&format!("{hash}\n")), Some(hash));
        assert_eq!(hash_in("0xab"), None);
    }
}
