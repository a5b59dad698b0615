//! One node of a simulated network.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use commonware_p2p::simulated::Oracle;
use commonware_runtime::{Handle, Spawner as _, Supervisor as _, deterministic};
use commonware_utils::NZUsize;
use consensus::{PublicKey, validator_key};
use engine::{Config, Mesh, channel, quota};
use futures::channel::oneshot;
use ledger_api::Ledger;
use types::{Genesis, ValidatorKey};

use crate::{
    byzantine::{Sets, Tamper, TamperedSender, Tampering},
    machine::{Files, Host, Machine},
    wires::{WireReceiver, Wires},
};

/// Identity number `seed`.
pub fn identity(seed: u64) -> PrivateKey {
    PrivateKey::from_seed(seed)
}

/// Network key number `seed`. Derived once per process: it is asked for at every look.
pub fn public_key(seed: u64) -> PublicKey {
    static KEYS: Mutex<BTreeMap<u64, PublicKey>> = Mutex::new(BTreeMap::new());
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    keys.entry(seed).or_insert_with(|| identity(seed).public_key()).clone()
}

/// Consensus key number `seed`.
pub fn validator(seed: u64) -> ValidatorKey {
    validator_key(&public_key(seed))
}

/// What a node starts with.
pub struct Boot {
    /// Context of this life.
    pub context: deterministic::Context,
    /// The simulated network.
    pub oracle: Oracle<PublicKey, deterministic::Context>,
    /// The network's wires.
    pub wires: Wires,
    /// Told the validators of each epoch that the node enters.
    pub sets: Sets,
    /// Number of the node.
    pub seed: u64,
    /// The genesis file.
    pub genesis: Genesis,
    /// Folder of the chain store.
    pub folder: PathBuf,
    /// Files of everybody; the chain store is in `folder`.
    pub files: Files,
    /// Clock and disk.
    pub machine: Machine,
    /// What happens to its messages on their way out.
    pub tampering: Option<Tampering>,
    /// How many blocks keep their bodies, `None` for all.
    pub retained_blocks: Option<u64>,
    /// How it comes to the present with an empty folder.
    pub join: engine::Join,
    /// How many blocks the library's stores keep.
    pub windows: engine::Windows,
}

/// Height of the first block that a node executed and applied since it was started.
pub type FirstApplied = Arc<dyn Fn() -> Option<u64> + Send + Sync>;

/// A node on its way up.
pub struct Starting {
    /// Clock and disk.
    pub machine: Machine,
    ledger: oneshot::Receiver<(Arc<dyn Ledger>, FirstApplied)>,
    task: Handle<()>,
}

/// What a test sees of a running node.
pub struct Node {
    /// Read and submit handle.
    pub ledger: Arc<dyn Ledger>,
    /// What it executed first.
    pub first_applied: FirstApplied,
    /// Clock and disk.
    pub machine: Machine,
    task: Handle<()>,
}

impl Starting {
    /// Starts a node over what its last run left behind.
    pub async fn launch(boot: Boot) -> Self {
        let (config, mesh, seed) = (boot.config(), boot.mesh().await, boot.seed);
        let machine = boot.machine.clone();
        let (sender, ledger) = oneshot::channel();
        let host = Host::new(boot.context.child("node"), boot.files, boot.machine, seed);
        let task = host.spawn(move |host| async move {
            let running = match engine::start_on(host, config, mesh).await {
                Ok(running) => running,
                Err(error) => panic!("node {seed} does not start: {error}"),
            };
            let _ = sender.send((running.ledger, running.first_applied));
            let ended = running.consensus.await;
            panic!("consensus of node {seed} ended: {ended:?}");
        });
        Self { machine, ledger, task }
    }

    /// The node, if it is up.
    pub fn up(mut self) -> Result<Node, Self> {
        match self.ledger.try_recv() {
            Ok(Some((ledger, first_applied))) => {
                Ok(Node { ledger, first_applied, machine: self.machine, task: self.task })
            }
            // Still starting, or dead before it was up: the machine knows.
            Ok(None) | Err(oneshot::Canceled) => Err(self),
        }
    }

    /// The node, once it is up; `None` if it dies before.
    pub async fn wait(self) -> Option<Node> {
        let Self { machine, ledger, task } = self;
        let (ledger, first_applied) = ledger.await.ok()?;
        Some(Node { ledger, first_applied, machine, task })
    }

    /// Stops it.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

impl Node {
    /// Starts a node over what its last run left behind and waits until it is up.
    pub async fn start(boot: Boot) -> Self {
        Starting::launch(boot).await.wait().await.expect("a node that cannot start panics")
    }

    /// Stops the node without a word, in the middle of whatever it does.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err(), "the node ended by itself");
    }

    /// Stops it, dead or alive.
    pub async fn abort(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

type NodeMesh = Mesh<
    TamperedSender,
    WireReceiver,
    commonware_p2p::simulated::Manager<PublicKey, deterministic::Context>,
    commonware_p2p::simulated::Control<PublicKey, deterministic::Context>,
    Sets,
>;

impl Boot {
    fn config(&self) -> Config {
        Config {
            genesis: self.genesis.clone(),
            identity: identity(self.seed),
            listen: "127.0.0.1:1".parse().expect("an address"),
            peers: Vec::new(),
            chain_folder: self.folder.join(self.seed.to_string()),
            storage_folder: None,
            windows: self.windows,
            report_folder: self.folder.join(format!("reports-{}", self.seed)),
            chain_options: chain::ChainOptions {
                retained_blocks: self.retained_blocks,
                ..chain::ChainOptions::default()
            },
            partition_prefix: format!("node-{}", self.seed),
            pool: pool::PoolConfig::default(),
            worker_threads: NZUsize!(1),
            cache_pages: NZUsize!(256),
            join: self.join,
            stages: engine::StageTimes::default(),
            allow_private_addresses: true,
        }
    }

    async fn mesh(&self) -> NodeMesh {
        Mesh {
            votes: self.end(channel::VOTES).await,
            certificates: self.end(channel::CERTIFICATES).await,
            resolver: self.end(channel::RESOLVER).await,
            backfill: self.end(channel::BACKFILL).await,
            blocks: self.end(channel::BLOCKS).await,
            state_sync: self.end(channel::STATE_SYNC).await,
            transactions: self.end(channel::TRANSACTIONS).await,
            history: self.end(channel::HISTORY).await,
            provider: self.oracle.manager(),
            blocker: self.oracle.control(public_key(self.seed)),
            peer_sets: self.sets.clone(),
        }
    }

    async fn end(&self, number: u64) -> (TamperedSender, WireReceiver) {
        let key = public_key(self.seed);
        let registered = self.oracle.control(key.clone()).register(number, quota(number)).await;
        let (sender, receiver) = registered.expect("the simulated network runs");
        let tamper = match (&self.tampering, number) {
            (Some(Tampering::Proposals(forger)), channel::BLOCKS) => {
                Tamper::Blocks(Arc::clone(forger))
            }
            (Some(Tampering::Proposals(forger)), channel::VOTES) => {
                forger.vote_with(sender.clone());
                Tamper::Votes(Arc::clone(forger))
            }
            (Some(Tampering::Signatures), channel::VOTES) => Tamper::Signatures,
            _ => Tamper::Nothing,
        };
        (TamperedSender::new(sender, tamper), self.wires.receiver(key, receiver))
    }
}
