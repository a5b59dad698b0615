//! Four network namespaces of the kernel. Each has a cable to the switch of this process, over
//! which the nodes speak, and one to this machine, over which they are asked.

use std::{fs::OpenOptions, process::Command};

use eyre::{Result, WrapErr, ensure, eyre};

use super::switch::{Switch, address};

/// Nodes, each in a namespace.
pub const NODES: usize = 4;
/// Port of a node for its peers.
pub const P2P_PORT: u16 = 30_545;
/// Port of a node for requests.
pub const RPC_PORT: u16 = 8_545;

/// The namespaces. Dropping it removes them with everything in them.
pub struct Wires {
    cables: Cables,
    third: u32,
    /// Between the nodes.
    pub switch: Switch,
}

/// What is missing here, if something is.
pub fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("root is needed to make network namespaces".into());
    }
    for (program, arguments, package) in
        [("ip", "-V", "iproute2"), ("cc", "--version", "a C compiler")]
    {
        if let Err(error) = Command::new(program).arg(arguments).output() {
            return Some(format!("{package} is needed: {program}: {error}"));
        }
    }
    None
}

impl Wires {
    /// Makes them. `missing` must have found nothing.
    ///
    /// # Errors
    /// The kernel has no network namespaces, veth or macvtap devices.
    pub fn lay() -> Result<Self> {
        let pid = std::process::id();
        let third = 1 + pid % 250;
        // Made first, so that a failure on the way removes what there is.
        let cables = Cables { tag: format!("hq{pid}") };
        let lay = |node| lay_one(&cables.tag, third, node).wrap_err(format!("namespace {node}"));
        let ports: Result<Vec<_>> = (0..NODES).map(lay).collect();
        let switch = Switch::start(ports?);
        Ok(Self { cables, third, switch })
    }

    /// Namespace of a node.
    pub fn namespace(&self, node: usize) -> String {
        namespace(&self.cables.tag, node)
    }

    /// Address of a node for its peers.
    pub fn p2p_address(&self, node: usize) -> String {
        format!("10.213.0.{}:{P2P_PORT}", node + 1)
    }

    /// Address of a node for requests.
    pub fn rpc_address(&self, node: usize) -> String {
        format!("10.213.{}.{}:{RPC_PORT}", self.third, 4 * node + 2)
    }
}

/// Removes what there is of the namespaces.
struct Cables {
    tag: String,
}

impl Drop for Cables {
    fn drop(&mut self) {
        for node in 0..NODES {
            for link in [format!("{}p{node}", self.tag), format!("{}c{node}", self.tag)] {
                // It may never have been made.
                let _ = ip(&format!("link del {link}"));
            }
            let _ = ip(&format!("netns del {}", namespace(&self.tag, node)));
        }
    }
}

fn namespace(tag: &str, node: usize) -> String {
    format!("{tag}n{node}")
}

fn lay_one(tag: &str, third: u32, node: usize) -> Result<std::fs::File> {
    let inside = namespace(tag, node);
    let (peers, control, tap) =
        (format!("{tag}p{node}"), format!("{tag}c{node}"), format!("{tag}t{node}"));
    let (mine, theirs) = (4 * node + 1, 4 * node + 2);
    for line in [
        format!("netns add {inside}"),
        format!("-n {inside} link set lo up"),
        format!("link add {control} type veth peer name control netns {inside}"),
        format!("addr add 10.213.{third}.{mine}/30 dev {control}"),
        format!("link set {control} up"),
        format!("-n {inside} addr add 10.213.{third}.{theirs}/30 dev control"),
        format!("-n {inside} link set control up"),
        format!("link add {peers} type veth peer name peers netns {inside}"),
        // One frame per segment, so that loss hits what it hits on a wire.
        format!("-n {inside} link set peers address {} gso_max_segs 1", address(node)),
        format!("-n {inside} addr add 10.213.0.{}/24 dev peers", node + 1),
        format!("-n {inside} link set peers up"),
        format!("link set {peers} up"),
        format!("link add link {peers} name {tap} type macvtap mode passthru"),
        format!("link set {tap} up"),
    ] {
        ip(&line)?;
    }
    let index = std::fs::read_to_string(format!("/sys/class/net/{tap}/ifindex"))?;
    let device = format!("/dev/tap{}", index.trim());
    OpenOptions::new().read(true).write(true).open(&device).wrap_err(device)
}

fn ip(line: &str) -> Result<()> {
    let output = Command::new("ip").args(line.split(' ')).output();
    let output = output.map_err(|error| eyre!("ip: {error}"))?;
    let cause = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {line}: {}", cause.trim());
    Ok(())
}
