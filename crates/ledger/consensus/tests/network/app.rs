//! The ledger under test: script, application, final blocks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy_primitives::B256;
use commonware_actor::Feedback;
use commonware_consensus::{
    Application, Heightable as _, Reporter,
    marshal::{Update, ancestry::Ancestry},
    types::{Epoch, Height},
};
use commonware_cryptography::{Digested, Signer as _, ed25519::PrivateKey};
use commonware_runtime::{Clock, deterministic};
use commonware_utils::Acknowledgement as _;
use consensus::{
    ConsensusBlock, Context, Digest, PeerSets, StrictScheme, ValidatorSource,
    pacing::{Work, now_ms, wait_until_time},
    validator_key,
};
use futures::StreamExt as _;
use types::{
    Block, DatabaseCommitment, Extension, Genesis, Header, Namespace, Parameters, StateCommitment,
    ValidatorKey, ValidatorSet,
};

pub fn private_key(seed: u64) -> PrivateKey {
    PrivateKey::from_seed(seed)
}

pub fn key(seed: u64) -> ValidatorKey {
    validator_key(&private_key(seed).public_key())
}

pub fn set(seeds: &[u64]) -> ValidatorSet {
    ValidatorSet::new(seeds.iter().copied().map(key).collect()).unwrap()
}

/// Which validators certify which epoch; the last set stays.
#[derive(Clone)]
pub struct Script {
    pub parameters: Parameters,
    pub sets: Vec<ValidatorSet>,
}

impl Script {
    pub fn new(epoch_blocks: u64, sets: &[&[u64]]) -> Self {
        let parameters = Parameters {
            epoch_blocks,
            interval_min_ms: 50,
            leader_timeout_ms: 1_000,
            ..Parameters::default()
        };
        Self { parameters, sets: sets.iter().map(|seeds| set(seeds)).collect() }
    }

    pub fn epoch_of(&self, height: u64) -> u64 {
        height / self.parameters.epoch_blocks
    }

    pub fn set(&self, epoch: u64) -> &ValidatorSet {
        let index = usize::try_from(epoch).unwrap().min(self.sets.len() - 1);
        &self.sets[index]
    }

    /// The set that certifies the block after `height`.
    fn after(&self, height: u64) -> &ValidatorSet {
        self.set(self.epoch_of(height + 1))
    }

    pub fn genesis(&self) -> ConsensusBlock {
        let validators = self
            .set(0)
            .keys()
            .iter()
            .map(|key| types::GenesisValidator { organisation: "org".into(), key: *key });
        let genesis = Genesis {
            format: 1,
            chain_id: 7001,
            ledger_id: 0,
            profile: types::Profile::Dev,
            time_ms: 0,
            parameters: self.parameters.clone(),
            validators: validators.collect(),
            observers: Vec::new(),
            validator_admin: Default::default(),
            predeploys: false,
            allocation: BTreeMap::new(),
        };
        let database = DatabaseCommitment {
            root: B256::ZERO,
            ops_root: B256::ZERO,
            range_start: 0,
            range_end: 1,
        };
        let empty = StateCommitment { accounts: database, storage: database, code: database };
        ConsensusBlock::new(genesis.block(empty).unwrap()).unwrap()
    }

    pub fn namespace(&self) -> Namespace {
        let genesis_hash = self.genesis().hash();
        Namespace { chain_id: 7001, genesis_hash, ledger_id: 0, incarnation: 0 }
    }

    /// The one valid child of `parent` for this context and time.
    fn child(&self, parent: &ConsensusBlock, context: &Context, time_ms: u64) -> ConsensusBlock {
        let number = parent.number() + 1;
        let extension = Extension {
            epoch: context.round.epoch().get(),
            view: context.round.view().get(),
            leader: validator_key(&context.leader),
            parent_view: context.parent.0.get(),
            time_ms,
            next_validators_hash: self.after(number).hash(),
            state: parent.extension().state,
            genesis_commitment: None,
        };
        let header = Header { parent_hash: parent.hash(), number, ..parent.header().clone() };
        ConsensusBlock::new(Block::new(header, extension, Vec::new())).unwrap()
    }
}

/// How a proposer goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// It names other validators than the script.
    WrongSet,
    /// It dates its blocks an hour ahead.
    Future,
}

/// Proposes and verifies by the script.
#[derive(Clone)]
pub struct ScriptApp {
    pub script: Script,
    pub fault: Fault,
}

impl<E: Clock> Application<E> for ScriptApp {
    type SigningScheme = StrictScheme;
    type Context = Context;
    type Block = ConsensusBlock;
    type Input = ();

    async fn propose(
        &mut self,
        (clock, context): (E, Context),
        mut ancestry: impl Ancestry<ConsensusBlock>,
        _: (),
    ) -> Option<Digested<ConsensusBlock>> {
        let parent = ancestry.next().await?;
        let ahead_ms = if self.fault == Fault::Future { 3_600_000 } else { 0 };
        let time_ms = now_ms(&clock).max(parent.inner().time_ms() + 1) + ahead_ms;
        let mut script = self.script.clone();
        if self.fault == Fault::WrongSet {
            script.sets = vec![set(&[77])];
        }
        let block = script.child(parent.inner(), &context, time_ms);
        let digest = Digest::from(block.hash().0);
        Some(Digested::precomputed(block, digest))
    }

    async fn verify(
        &mut self,
        (clock, context): (E, Context),
        mut ancestry: impl Ancestry<ConsensusBlock>,
    ) -> bool {
        let (Some(block), Some(parent)) = (ancestry.next().await, ancestry.next().await) else {
            return false;
        };
        let (block, parent) = (block.inner(), parent.inner());
        let expected = self.script.child(parent, &context, block.time_ms());
        let valid = *block == expected && block.time_ms() > parent.time_ms();
        if valid {
            wait_until_time(&clock, block.time_ms()).await;
        }
        valid
    }
}

/// What a node has on disk beside the library's files: its final blocks. Survives a crash.
#[derive(Clone)]
pub struct Ledger {
    pub script: Script,
    /// What this node's state says about validators; differs from the script if it diverged.
    pub state: Script,
    pub fault: Fault,
    pub clock: Arc<deterministic::Context>,
    pub blocks: Arc<Mutex<BTreeMap<u64, ConsensusBlock>>>,
    /// Epochs that the orchestrator announced to the network, in order.
    pub tracked: Arc<Mutex<Vec<(u64, ValidatorSet)>>>,
}

impl Ledger {
    pub fn height(&self) -> u64 {
        self.blocks.lock().unwrap().last_key_value().map_or(0, |(height, _)| *height)
    }

    pub fn hash(&self, height: u64) -> Option<B256> {
        self.blocks.lock().unwrap().get(&height).map(|block| block.hash())
    }
}

impl Reporter for Ledger {
    type Activity = Update<ConsensusBlock>;

    fn report(&mut self, update: Update<ConsensusBlock>) -> Feedback {
        if let Update::Block(block, acknowledgement) = update {
            let height = block.height().get();
            let mut blocks = self.blocks.lock().unwrap();
            let before = blocks.insert(height, block.inner().clone());
            assert!(before.is_none_or(|before| before == *block.inner()), "fork at {height}");
            assert!(height <= 1 || blocks.contains_key(&(height - 1)), "hole below {height}");
            acknowledgement.acknowledge();
        }
        Feedback::Ok
    }
}

impl ValidatorSource for Ledger {
    async fn validators(&self, epoch: Epoch, boundary: Height) -> Option<ValidatorSet> {
        while self.height() < boundary.get() {
            self.clock.sleep(Duration::from_millis(1)).await;
        }
        Some(self.state.set(epoch.get()).clone())
    }
}

impl PeerSets for Ledger {
    fn track(&mut self, epoch: Epoch, validators: &ValidatorSet) {
        self.tracked.lock().unwrap().push((epoch.get(), validators.clone()));
    }
}

/// Work for the pacing wrapper: always, or when the test says so.
#[derive(Clone)]
pub struct Load {
    pub clock: Arc<deterministic::Context>,
    pub busy: Arc<Mutex<bool>>,
}

impl Work for Load {
    async fn has_work(&self, _: &Digest) -> bool {
        *self.busy.lock().unwrap()
    }

    async fn wait_for_work(&self, _: &Digest) {
        while !*self.busy.lock().unwrap() {
            self.clock.sleep(Duration::from_millis(1)).await;
        }
    }

    async fn validator_change_pending(&self, _: &Digest) -> bool {
        false
    }

    async fn empty_run_length(&self, _: &Digest) -> u64 {
        u64::MAX
    }
}
