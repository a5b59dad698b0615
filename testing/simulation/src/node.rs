//! One node of a simulated network.

use std::{path::Path, sync::Arc};

use commonware_consensus::types::Epoch;
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use commonware_p2p::simulated::Oracle;
use commonware_runtime::{Handle, Spawner as _, Supervisor as _, deterministic};
use commonware_utils::NZUsize;
use consensus::{PeerSets, PublicKey, validator_key};
use engine::{Config, Mesh, channel, quota};
use ledger_api::Ledger;
use types::{Genesis, ValidatorKey, ValidatorSet};

/// Identity number `seed`.
pub fn identity(seed: u64) -> PrivateKey {
    PrivateKey::from_seed(seed)
}

/// Consensus key number `seed`.
pub fn validator(seed: u64) -> ValidatorKey {
    validator_key(&identity(seed).public_key())
}

/// What a test sees of a running node.
pub struct Node {
    /// Read and submit handle.
    pub ledger: Arc<dyn Ledger>,
    task: Handle<()>,
}

/// The simulated network connects everybody for ever; links are cut by the tests.
struct Everyone;

impl PeerSets for Everyone {
    fn track(&mut self, _epoch: Epoch, _validators: &ValidatorSet) {}
}

impl Node {
    /// Starts a node over what its last run left behind.
    pub async fn start(
        context: deterministic::Context,
        oracle: Oracle<PublicKey, deterministic::Context>,
        seed: u64,
        genesis: Genesis,
        folder: &Path,
    ) -> Self {
        let identity = identity(seed);
        let control = oracle.control(identity.public_key());
        let mut ends = Vec::new();
        for number in [
            channel::VOTES,
            channel::CERTIFICATES,
            channel::RESOLVER,
            channel::BACKFILL,
            channel::BLOCKS,
            channel::STATE_SYNC,
            channel::TRANSACTIONS,
        ] {
            ends.push(control.register(number, quota(number)).await.unwrap());
        }
        let mut ends = ends.into_iter();
        let mut end = || ends.next().unwrap();
        let mesh = Mesh {
            votes: end(),
            certificates: end(),
            resolver: end(),
            backfill: end(),
            blocks: end(),
            state_sync: end(),
            transactions: end(),
            provider: oracle.manager(),
            blocker: control,
            peer_sets: Everyone,
        };
        let config = Config {
            genesis,
            identity,
            listen: "127.0.0.1:1".parse().unwrap(),
            peers: Vec::new(),
            chain_folder: folder.join(seed.to_string()),
            chain_options: chain::ChainOptions::default(),
            partition_prefix: format!("node-{seed}"),
            pool: pool::PoolConfig::default(),
            worker_threads: NZUsize!(1),
            cache_pages: NZUsize!(256),
            allow_private_addresses: true,
        };
        let (sender, receiver) = futures::channel::oneshot::channel();
        let task = context.child("node").spawn(move |context| async move {
            let running = engine::start_on(context, config, mesh).await.unwrap();
            let _ = sender.send(running.ledger);
            let ended = running.consensus.await;
            panic!("consensus of node {seed} ended: {ended:?}");
        });
        Self { ledger: receiver.await.unwrap(), task }
    }

    /// Stops the node without a word, in the middle of whatever it does.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err(), "the node ended by itself");
    }
}
