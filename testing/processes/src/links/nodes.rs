//! Four nodes, each in a namespace of its own, with clock and disk under control.

use std::{fs, path::PathBuf, process::Stdio, time::Duration};

use eyre::{Result, WrapErr, eyre};
use load::rpc::Node;
use rustix::process::Signal;
use serde_json::Value;

use super::{
    shim::{Control, Shim},
    wires::{NODES, Wires},
};
use crate::{
    clock::until,
    network::{NAMES, SHORT_NAMES},
    program::{Program, Running},
};

/// Time for a node to become ready.
const READY_TIME: Duration = Duration::from_secs(60);
/// Time for a node to stop.
const STOP_TIME: Duration = Duration::from_secs(8);
/// Chain id of these networks.
const CHAIN_ID: &str = "7412001";
const ADMIN: &str = "0x0000000000000000000000000000000000000001";

/// The nodes. Dropping it kills them and removes their network.
pub struct Nodes {
    running: Vec<Running>,
    controls: Vec<Control>,
    folder: PathBuf,
    /// Their network.
    pub wires: Wires,
}

impl Nodes {
    /// Makes keys, genesis and configurations, and starts everything.
    ///
    /// # Errors
    /// A file cannot be written, a command fails, a node does not become ready.
    pub async fn start(program: &Program, wires: Wires) -> Result<Self> {
        let folder = program.folder.join("links");
        fs::create_dir_all(&folder)?;
        let shim = Shim::build(&folder)?;
        configure(program, &folder, &wires)?;
        let mut nodes = Self { running: Vec::new(), controls: Vec::new(), folder, wires };
        for node in 0..NODES {
            let own = nodes.node_folder(node);
            let (environment, control) = shim.control(&own.join("control"))?;
            nodes.controls.push(control);
            let config = own.join("node.toml").display().to_string();
            let mut command = program.command_within(
                &["ip", "netns", "exec", &nodes.wires.namespace(node), "env"],
                &environment,
                &["node", "run", "--config", &config],
            );
            let log = fs::File::create(nodes.log_file(node))?;
            let child = command.stderr(log).stdout(Stdio::null()).spawn().wrap_err("ip netns")?;
            nodes.running.push(Running { child });
        }
        for node in 0..NODES {
            nodes.ready(node).await?;
        }
        Ok(nodes)
    }

    /// Waits until a node is ready.
    ///
    /// # Errors
    /// It is not in time.
    pub async fn ready(&self, node: usize) -> Result<Duration> {
        let found = until(READY_TIME, async || self.readiness(node).await.filter(is_ready)).await;
        match found {
            Some((_, time)) => Ok(time),
            None => Err(eyre!("{} is not ready: {:?}", NAMES[node], self.readiness(node).await)),
        }
    }

    /// `/readyz?verbose` of a node; `None` where it does not answer.
    pub async fn readiness(&self, node: usize) -> Option<Value> {
        let address = self.wires.rpc_address(node);
        let text = crate::raw_http::get_from(&address, "/readyz?verbose").await.ok()?.body;
        serde_json::from_str(&text).ok()
    }

    /// Clock and disk of a node.
    pub fn control(&self, node: usize) -> &Control {
        &self.controls[node]
    }

    /// RPC address of a node.
    pub fn url(&self, node: usize) -> String {
        format!("http://{}", self.wires.rpc_address(node))
    }

    /// RPC client of a node.
    ///
    /// # Errors
    /// Never for these addresses.
    pub fn client(&self, node: usize) -> Result<Node> {
        Node::new(&self.url(node))
    }

    /// A node's log so far.
    pub fn log(&self, node: usize) -> String {
        fs::read_to_string(self.log_file(node)).unwrap_or_default()
    }

    /// Whether a node still runs.
    pub fn runs(&mut self, node: usize) -> bool {
        matches!(self.running[node].child.try_wait(), Ok(None))
    }

    /// Stops all in good order; answers how many did.
    pub async fn stop(&mut self) -> usize {
        self.running.iter().for_each(|node| node.signal(Signal::TERM));
        let mut stopped = 0;
        for node in &mut self.running {
            let exit = node.exit_within(STOP_TIME).await;
            stopped += usize::from(matches!(exit, Some((Some(0), _))));
        }
        stopped
    }

    fn node_folder(&self, node: usize) -> PathBuf {
        self.folder.join(SHORT_NAMES[node])
    }

    fn log_file(&self, node: usize) -> PathBuf {
        self.node_folder(node).join("node.log")
    }
}

fn is_ready(answer: &Value) -> bool {
    answer["ready"] == true
}

fn configure(program: &Program, folder: &std::path::Path, wires: &Wires) -> Result<()> {
    let mut keys = Vec::new();
    for name in SHORT_NAMES {
        fs::create_dir_all(folder.join(name))?;
        let key = folder.join(name).join("node-key.pem").display().to_string();
        program.must(&["keys", "new", "--out", &key])?;
        keys.push(program.must(&["keys", "show", &key])?.trim().to_string());
    }
    let validators: Vec<String> =
        NAMES.iter().zip(&keys).map(|(name, key)| format!("{name}={key}")).collect();
    let out = folder.join("genesis.json").display().to_string();
    let mut arguments = vec!["genesis", "new", "--chain-id", CHAIN_ID, "--validator-admin", ADMIN];
    validators.iter().for_each(|validator| arguments.extend(["--validator", validator]));
    arguments.extend(["--out", &out]);
    program.must(&arguments)?;
    for (node, name) in SHORT_NAMES.iter().enumerate() {
        let text = configuration(node, &keys, wires);
        fs::write(folder.join(name).join("node.toml"), text)?;
    }
    Ok(())
}

fn configuration(node: usize, keys: &[String], wires: &Wires) -> String {
    let mut text = format!(
        "organisation = \"{}\"\ngenesis_file = \"../genesis.json\"\n[p2p]\nlisten = \"{}\"\n",
        NAMES[node],
        wires.p2p_address(node)
    );
    for peer in (0..NODES).filter(|peer| *peer != node) {
        text += &format!(
            "[[p2p.peers]]\norganisation = \"{}\"\nkey = \"{}\"\naddress = \"{}\"\n",
            NAMES[peer],
            keys[peer],
            wires.p2p_address(peer)
        );
    }
    // All nodes share the processors of one machine, as in a devnet.
    text + &format!(
        "[rpc]\nlisten = \"{}\"\n[runtime]\nconsensus_threads = 2\nrpc_threads = 2\n\
         worker_threads = 2\n[log]\nformat = \"json\"\n",
        wires.rpc_address(node)
    )
}
