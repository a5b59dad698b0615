//! A network of nodes, and what tests do to it.

use std::{collections::BTreeMap, future::Future, path::Path, sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, Bytes};
use commonware_cryptography::Signer as _;
use commonware_p2p::simulated::{
    Config as NetworkConfig, Link, Network as SimulatedNetwork, Oracle,
};
use commonware_runtime::{Clock as _, Runner as _, Supervisor as _, deterministic};
use commonware_utils::{NZUsize, probability};
use consensus::{PublicKey, validator_key};
use ledger_api::Ledger;
use tempfile::TempDir;
use types::{Genesis, GenesisValidator, Parameters, Profile};

use crate::{
    Node,
    byzantine::{Sets, Tampering},
    machine::{Files, Host, Machine},
    node::{Boot, Starting, identity, public_key},
    wires::Wires,
};

/// Simulated time after which a run counts as stuck.
const RUN_MAX: Duration = Duration::from_secs(3_600);
/// Chain id of every simulated ledger.
pub const CHAIN_ID: u64 = 90_210;
/// Start of the deterministic clock: block times follow it.
const GENESIS_TIME_MS: u64 = 1;

/// A link without faults.
pub const GOOD: Link = Link {
    latency: Duration::from_millis(5),
    jitter: Duration::from_millis(1),
    success_rate: probability!(1.0),
};

/// Several nodes on one simulated network.
pub struct Network {
    /// The runtime.
    pub context: deterministic::Context,
    /// Running nodes by number.
    pub nodes: BTreeMap<u64, Node>,
    /// The genesis file.
    pub genesis: Genesis,
    /// The simulated network.
    pub oracle: Oracle<PublicKey, deterministic::Context>,
    /// The files of all nodes, but for their chain stores.
    pub files: Files,
    /// Where messages are cut, lost, doubled and overtaken.
    pub wires: Wires,
    /// The validators of each epoch, as the nodes enter them.
    pub sets: Sets,
    /// How many blocks keep their bodies on nodes that are started from now on, `None` for all.
    pub retained_blocks: Option<u64>,
    /// How nodes that are started from now on come to the present with an empty folder.
    pub join: engine::Join,
    /// How many blocks the library's stores keep on nodes that are started from now on.
    pub windows: engine::Windows,
    seeds: Vec<u64>,
    folder: Arc<TempDir>,
    starts: u64,
}

/// Stack of a thread on which futures of a state sync run unoptimised, bytes.
const DEEP_STACK_BYTES: usize = 64 * 1024 * 1024;

/// A folder for the chain stores of a network: in memory where the system has such a place.
pub fn temporary_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let builder = tempfile::Builder::new();
    let created = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
    created.expect("a temporary folder can be made")
}

/// Runs `test` in the deterministic runtime; answers the digest of everything that happened.
pub fn run<F: Future<Output = ()>>(
    seed: u64,
    test: impl FnOnce(deterministic::Context) -> F,
) -> String {
    let config = deterministic::Config::new().with_seed(seed).with_timeout(Some(RUN_MAX));
    deterministic::Runner::new(config).start(|context| async move {
        let auditor = context.auditor();
        test(context).await;
        auditor.state()
    })
}

/// [`run`] for tests whose futures nest deep, as those of a state sync do.
pub fn run_deep<F: Future<Output = ()>>(
    seed: u64,
    test: impl FnOnce(deterministic::Context) -> F + Send + 'static,
) {
    on_deep_stack(move || run(seed, test));
}

/// [`run_deep`] that lasts for an hour of the runtime's time, and goes on when a node panics.
pub fn run_through_panics<F: Future<Output = ()>>(
    seed: u64,
    test: impl FnOnce(deterministic::Context) -> F + Send + 'static,
) {
    let config = deterministic::Config::new()
        .with_seed(seed)
        .with_timeout(Some(Duration::from_secs(60 * 60)))
        .with_catch_panics(true);
    on_deep_stack(move || deterministic::Runner::new(config).start(test));
}

/// A test's own thread has too little room without optimisation.
fn on_deep_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(DEEP_STACK_BYTES);
    let running = thread.spawn(work).expect("the system gives a thread");
    running.join().unwrap_or_else(|reason| std::panic::resume_unwind(reason))
}

/// A genesis file with the given validators.
pub fn genesis(validators: &[u64], parameters: Parameters, validator_admin: Address) -> Genesis {
    Genesis {
        format: 1,
        chain_id: CHAIN_ID,
        ledger_id: 0,
        profile: Profile::Dev,
        time_ms: GENESIS_TIME_MS,
        parameters,
        validators: validators
            .iter()
            .map(|seed| GenesisValidator {
                organisation: format!("Organisation {seed}"),
                key: validator_key(&identity(*seed).public_key()),
            })
            .collect(),
        observers: Vec::new(),
        validator_admin,
        predeploys: false,
        allocation: BTreeMap::new(),
    }
}

impl Network {
    /// A network of `seeds`, all on good links, all running.
    pub async fn start(context: deterministic::Context, genesis: Genesis, seeds: &[u64]) -> Self {
        let mut network = Self::over(context, genesis, seeds, Arc::new(temporary_folder())).await;
        network.link(&[seeds], GOOD).await;
        for seed in seeds {
            network.boot(*seed).await;
        }
        network
    }

    /// A network of `seeds` over what an earlier one left in `folder`, neither linked nor started.
    pub async fn over(
        context: deterministic::Context,
        genesis: Genesis,
        seeds: &[u64],
        folder: Arc<TempDir>,
    ) -> Self {
        let config = NetworkConfig {
            max_size: engine::message_bytes_max(),
            max_peers_per_set: NZUsize!(16),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(4),
        };
        let keys: Vec<PublicKey> = seeds.iter().map(|seed| public_key(*seed)).collect();
        let (network, oracle) =
            SimulatedNetwork::new_with_peers(context.child("network"), config, keys).await;
        network.start();
        Self {
            context,
            nodes: BTreeMap::new(),
            genesis,
            oracle,
            files: Files::default(),
            wires: Wires::new(0),
            sets: Sets::default(),
            seeds: seeds.to_vec(),
            folder,
            retained_blocks: None,
            join: engine::Join::Replay,
            windows: engine::Windows::default(),
            starts: 0,
        }
    }

    /// Starts a node over what its last run left behind.
    pub async fn boot(&mut self, seed: u64) {
        let boot = self.next_life(seed, Machine::default(), None);
        self.nodes.insert(seed, Node::start(boot).await);
    }

    /// Starts a node without waiting for it.
    pub async fn launch(
        &mut self,
        seed: u64,
        machine: Machine,
        tampering: Option<Tampering>,
    ) -> Starting {
        Starting::launch(self.next_life(seed, machine, tampering)).await
    }

    fn next_life(&mut self, seed: u64, machine: Machine, tampering: Option<Tampering>) -> Boot {
        self.starts += 1;
        let context = self
            .context
            .child("node")
            .with_attribute("seed", seed)
            .with_attribute("start", self.starts);
        Boot {
            context,
            oracle: self.oracle.clone(),
            wires: self.wires.clone(),
            sets: self.sets.clone(),
            seed,
            genesis: self.genesis.clone(),
            folder: self.folder.path().to_owned(),
            files: self.files.clone(),
            machine,
            tampering,
            retained_blocks: self.retained_blocks,
            join: self.join,
            windows: self.windows,
        }
    }

    /// Kills a node.
    pub async fn kill(&mut self, seed: u64) {
        self.nodes.remove(&seed).unwrap().kill().await;
    }

    /// Links exactly the nodes within each group.
    pub async fn link(&mut self, groups: &[&[u64]], link: Link) {
        for from in &self.seeds {
            for to in self.seeds.iter().filter(|to| *to != from) {
                let (a, b) = (public_key(*from), public_key(*to));
                let _ = self.oracle.remove_link(a.clone(), b.clone()).await;
                let linked = groups.iter().any(|group| group.contains(from) && group.contains(to));
                if linked {
                    self.oracle.add_link(a, b, link.clone()).await.unwrap();
                }
            }
        }
    }

    /// The ledger of a running node.
    pub fn ledger(&self, seed: u64) -> Arc<dyn Ledger> {
        Arc::clone(&self.nodes[&seed].ledger)
    }

    /// Waits until each of `seeds` holds `height`.
    pub async fn reach(&self, seeds: &[u64], height: u64, limit: Duration) {
        let deadline = self.context.current() + limit;
        loop {
            let heights: Vec<u64> =
                seeds.iter().map(|seed| self.nodes[seed].ledger.head().number).collect();
            if heights.iter().all(|found| *found >= height) {
                return;
            }
            assert!(
                self.context.current() < deadline,
                "nodes {seeds:?} are at {heights:?}, wanted {height}"
            );
            self.context.sleep(Duration::from_millis(20)).await;
        }
    }

    /// The disks of all nodes, as a node that is no one's sees them: for tests that look into files,
    /// damage or remove them.
    pub fn disk(&self) -> Host {
        let nobody = u64::MAX;
        let context = self.context.child("disk");
        Host::new(context, self.files.clone(), Machine::default(), nobody)
    }

    /// Waits.
    pub async fn sleep(&self, time: Duration) {
        self.context.sleep(time).await;
    }

    /// Submits through one node; answers the hash.
    pub async fn submit(&self, seed: u64, encoded: Bytes) -> B256 {
        self.nodes[&seed].ledger.submit(encoded).await.unwrap()
    }

    /// Waits until a node shows the receipt of each transaction as a success.
    pub async fn succeeded(&self, seed: u64, hashes: &[B256], limit: Duration) {
        let deadline = self.context.current() + limit;
        let ledger = self.ledger(seed);
        for hash in hashes {
            loop {
                let location = ledger.chain().transaction(*hash).unwrap();
                if let Some(location) = location.filter(|at| at.number <= ledger.head().number) {
                    let receipts = ledger.chain().receipts(location.number).unwrap().unwrap();
                    let index = usize::try_from(location.index).unwrap();
                    assert!(receipts[index].success, "{hash} failed");
                    break;
                }
                assert!(self.context.current() < deadline, "{hash} is not final on node {seed}");
                self.context.sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// All of `seeds` have the same blocks and receipts up to the lowest head among them; answers
    /// that height.
    pub fn assert_one_chain(&self, seeds: &[u64]) -> u64 {
        let ledgers: Vec<_> = seeds.iter().map(|seed| self.ledger(*seed)).collect();
        let lowest = ledgers.iter().map(|ledger| ledger.head().number).min().unwrap();
        for number in 0..=lowest {
            let first = ledgers[0].chain().block(number).unwrap().unwrap();
            let receipts = ledgers[0].chain().receipts(number).unwrap().unwrap();
            for ledger in &ledgers[1..] {
                let other = ledger.chain().block(number).unwrap().unwrap();
                assert_eq!(first.hash(), other.hash(), "block {number}");
                assert_eq!(receipts, ledger.chain().receipts(number).unwrap().unwrap());
            }
        }
        lowest
    }
}
