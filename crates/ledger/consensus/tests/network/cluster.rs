//! Several nodes on one simulated network, and what the tests do to them.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use commonware_cryptography::Signer as _;
use commonware_p2p::simulated::{Config as NetworkConfig, Link, Network as SimulatedNetwork};
use commonware_runtime::{Clock as _, Runner as _, Supervisor as _, deterministic};
use commonware_utils::{NZUsize, probability};
use consensus::{
    PublicKey, ledger_certificate, orchestrator::OrchestratorError, participants,
    verify_ledger_certificate,
};

use crate::{
    app::{Fault, Ledger, Load, Script, private_key},
    node::{self, Boot, Monitor, Network, Node},
};

/// Simulated time after which a run counts as stuck.
const RUN_MAX: Duration = Duration::from_secs(600);

pub const GOOD: Link = Link {
    latency: Duration::from_millis(5),
    jitter: Duration::from_millis(1),
    success_rate: probability!(1.0),
};

pub struct Cluster {
    pub context: deterministic::Context,
    pub network: Network,
    pub script: Script,
    pub busy: Arc<Mutex<bool>>,
    pub nodes: BTreeMap<u64, Node>,
    pub ledgers: BTreeMap<u64, Ledger>,
    pub monitors: BTreeMap<u64, Monitor>,
    boots: u64,
}

/// Runs `test` in the deterministic runtime; returns the digest of everything that happened.
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

impl Cluster {
    /// A network that knows the nodes `seeds`; none runs yet.
    pub async fn new(context: deterministic::Context, script: Script, seeds: &[u64]) -> Self {
        let config = NetworkConfig {
            max_size: 8 * 1024 * 1024,
            max_peers_per_set: NZUsize!(16),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(4),
        };
        let keys: Vec<PublicKey> = seeds.iter().map(|seed| public_key(*seed)).collect();
        let (network, oracle) =
            SimulatedNetwork::new_with_peers(context.child("network"), config, keys).await;
        network.start();
        let clock = Arc::new(context.child("clock"));
        let busy = Arc::new(Mutex::new(true));
        let mut cluster = Self {
            context,
            network: oracle,
            script: script.clone(),
            busy,
            nodes: BTreeMap::new(),
            ledgers: BTreeMap::new(),
            monitors: BTreeMap::new(),
            boots: 0,
        };
        for seed in seeds {
            let ledger = Ledger {
                script: script.clone(),
                state: script.clone(),
                fault: Fault::None,
                clock: clock.clone(),
                blocks: Arc::default(),
                tracked: Arc::default(),
            };
            cluster.ledgers.insert(*seed, ledger);
            cluster.monitors.insert(*seed, Monitor::new(script.clone()));
        }
        cluster.link(&[seeds], GOOD).await;
        cluster
    }

    /// All of `seeds` on good links, running.
    pub async fn running(context: deterministic::Context, script: Script, seeds: &[u64]) -> Self {
        let mut cluster = Self::new(context, script, seeds).await;
        for seed in seeds {
            cluster.boot(*seed).await;
        }
        cluster
    }

    /// Starts a node over what its last run left on disk.
    pub async fn boot(&mut self, seed: u64) {
        self.boot_with(seed, Boot::default()).await;
    }

    /// The same, with a certificate to start from.
    pub async fn boot_with(&mut self, seed: u64, boot: Boot) {
        self.boots += 1;
        let context = self
            .context
            .child("node")
            .with_attribute("seed", seed)
            .with_attribute("boot", self.boots);
        let load = Load { clock: Arc::new(self.context.child("load")), busy: self.busy.clone() };
        let (ledger, monitor) = (self.ledgers[&seed].clone(), self.monitors[&seed].clone());
        let node = node::start(context, self.network.clone(), seed, ledger, load, monitor, boot);
        let node = node.await;
        self.nodes.insert(seed, node);
    }

    /// Waits for a node that stops by itself, and says why it did.
    pub async fn stopped(&mut self, seed: u64) -> OrchestratorError {
        let handle = self.nodes.remove(&seed).unwrap().handle;
        let result = self.context.timeout(Duration::from_secs(60), handle).await;
        result.expect("it goes on").unwrap().unwrap_err()
    }

    /// Stops a node without a word, in the middle of whatever it does.
    pub async fn kill(&mut self, seed: u64) {
        let node = self.nodes.remove(&seed).unwrap();
        node.handle.abort();
        assert!(node.handle.await.is_err(), "node {seed} ended by itself");
    }

    /// Links exactly the nodes within each group.
    pub async fn link(&mut self, groups: &[&[u64]], link: Link) {
        let seeds: Vec<u64> = self.ledgers.keys().copied().collect();
        for from in &seeds {
            for to in seeds.iter().filter(|to| *to != from) {
                let (a, b) = (public_key(*from), public_key(*to));
                let _ = self.network.remove_link(a.clone(), b.clone()).await;
                if groups.iter().any(|group| group.contains(from) && group.contains(to)) {
                    self.network.add_link(a, b, link.clone()).await.unwrap();
                }
            }
        }
    }

    pub fn height(&self, seed: u64) -> u64 {
        self.ledgers[&seed].height()
    }

    /// Waits until each of `seeds` has applied `height`; fails after `limit` of simulated time.
    pub async fn reach(&self, seeds: &[u64], height: u64, limit: Duration) {
        let deadline = self.context.current() + limit;
        while seeds.iter().any(|seed| self.height(*seed) < height) {
            let heights: Vec<u64> = seeds.iter().map(|seed| self.height(*seed)).collect();
            assert!(
                self.context.current() < deadline,
                "nodes {seeds:?} at {heights:?}, wanted {height}"
            );
            self.context.sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn sleep(&self, seconds: u64) {
        self.context.sleep(Duration::from_secs(seconds)).await;
    }

    /// Nodes have the same block wherever both have one, and `seeds` have all up to `height`.
    pub fn assert_one_chain(&self, seeds: &[u64], height: u64) {
        for number in 1..=height {
            let expected = self.ledgers[&seeds[0]].hash(number);
            assert!(expected.is_some(), "node {} lacks block {number}", seeds[0]);
            for seed in seeds {
                assert_eq!(self.ledgers[seed].hash(number), expected, "block {number} of {seed}");
            }
        }
    }

    /// Every certificate that a node saw stands on its own: published form, the epoch's set, strict
    /// signatures, and the block it names is the one at that place in the chain.
    pub fn assert_certificates(&self, seed: u64) -> usize {
        let certificates = self.monitors[&seed].certificates.lock().unwrap().clone();
        for finalization in &certificates {
            let epoch = finalization.proposal.round.epoch().get();
            let set = self.script.set(epoch);
            let published = ledger_certificate(finalization, &participants(set).unwrap()).unwrap();
            verify_ledger_certificate(&self.script.namespace(), set, &published).unwrap();
        }
        certificates.len()
    }
}

pub fn public_key(seed: u64) -> PublicKey {
    private_key(seed).public_key()
}
