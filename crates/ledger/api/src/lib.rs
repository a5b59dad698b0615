//! What the rest of a node sees of a running ledger: one read and submit handle.
//!
//! `engine` implements [`Ledger`]; `rpc` and the gateway use it and know nothing of consensus,
//! state back ends or networks. Every method may be called from any thread and any runtime.

mod blocks;
mod development;
mod head_signal;
mod operators;
mod proofs;
mod snapshot;

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U256};
use execution::ChainRules;
use futures::future::BoxFuture;
use state::{StateDiff, StateError, StateKey, StateValue};
use types::{
    Certificate, Evidence, Extension, Genesis, Header, Namespace, StateCommitment, ValidatorKey,
};

pub use blocks::{Blocks, ChainBlock, EthereumBlock, EthereumFork};
pub use development::{
    BlockPlan, Development, DevelopmentError, DevelopmentInfo, Edit, Mining, NextBlock,
    PendingBlock,
};
pub use head_signal::HeadSignal;
pub use operators::{
    ClockOffset, ConsensusStatus, STORE_LAG_BLOCKS_MAX, Standing, StandingState, StoreHeights,
    ValidatorStatus,
};
pub use proofs::{AccountProof, SlotProof};
pub use snapshot::SnapshotPart;

/// The newest final block that all stores of this node hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Height.
    pub number: u64,
    /// Hash.
    pub hash: B256,
    /// Block time, milliseconds since the Unix epoch.
    pub time_ms: u64,
}

/// Proof that a block is final: a certificate of the block or of a descendant, and the headers
/// between them.
#[derive(Clone, Debug)]
pub struct FinalityProof {
    /// The validators that could sign, by index, with their organisations' names.
    pub validators: Vec<ValidatorInfo>,
    /// Certificate of the last header in `headers`.
    pub certificate: Certificate,
    /// From the block asked for up to the certified one, each with its extension.
    pub headers: Vec<(Header, Extension)>,
}

/// A validator as users see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorInfo {
    /// Consensus key.
    pub key: ValidatorKey,
    /// Name of its organisation; the key where no name is known.
    pub organisation: String,
}

/// A value of the state, proved against the state root of a final block.
#[derive(Clone, Debug)]
pub struct StateProof {
    /// The block whose `stateRoot` the proof meets.
    pub number: u64,
    /// Roots whose hash is the header's `stateRoot`.
    pub commitment: StateCommitment,
    /// One per key asked for.
    pub items: Vec<StateProofItem>,
}

/// Proof of one key.
#[derive(Clone, Debug)]
pub struct StateProofItem {
    /// What was asked for.
    pub key: StateKey,
    /// Its value, `None` where the proof shows absence.
    pub value: Option<StateValue>,
    /// Encoded QMDB proof (inclusion or exclusion), format in `docs/en/ledger-format.md`.
    pub proof: Bytes,
}

/// Why a question to the ledger was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// No such block on this node.
    #[error("block {0} is not known")]
    UnknownBlock(u64),
    /// The block exists, but this node does not keep it, or has not fetched it yet.
    #[error(
        "pruned history unavailable: block {height} is not kept here; the oldest available is \
         block {oldest}"
    )]
    Pruned {
        /// Height asked for.
        height: u64,
        /// Oldest height that can be answered.
        oldest: u64,
    },
    /// No certificate at or above the block yet.
    #[error("no finality certificate at or above block {0} on this node yet")]
    NoCertificate(u64),
    /// The node is stopping.
    #[error("the ledger is stopping")]
    Stopping,
}

/// A running ledger.
pub trait Ledger: Send + Sync + 'static {
    /// The genesis file.
    fn genesis(&self) -> &Genesis;

    /// Hash of block 0.
    fn genesis_hash(&self) -> B256;

    /// What every consensus signature of this ledger begins with.
    fn namespace(&self) -> Namespace {
        let genesis = self.genesis();
        Namespace {
            chain_id: genesis.chain_id,
            genesis_hash: self.genesis_hash(),
            ledger_id: genesis.ledger_id,
            incarnation: 0,
        }
    }

    /// Blocks, receipts, logs and old values. Holds every block up to [`Self::head`].
    fn chain(&self) -> &chain::ChainStore;

    /// Blocks, receipts and logs as readers see them; [`Self::chain`] but where a chain of Ethereum
    /// was imported.
    fn blocks(&self) -> &dyn Blocks {
        self.chain()
    }

    /// Root of the state after block `height` with `diff` on top of it; `None` where that is not
    /// known without building the block.
    fn root_with(&self, _height: u64, _diff: &StateDiff) -> Option<B256> {
        None
    }

    /// Transactions not yet final.
    fn pool(&self) -> &Arc<pool::Pool>;

    /// The newest final block. A receipt, block or value is visible only up to here, and what is
    /// visible in one is visible in all.
    fn head(&self) -> Head;

    /// Resolves with the head once its height exceeds `number`.
    fn wait_beyond(&self, number: u64) -> BoxFuture<'static, Head>;

    /// Values after block `height`, in the order of `keys`.
    fn read_state(
        &self,
        height: u64,
        keys: Vec<StateKey>,
    ) -> BoxFuture<'_, Result<Vec<Option<StateValue>>, LedgerError>>;

    /// Admits a transaction (EIP-2718 bytes) to the pool and announces it to the peers; answers
    /// its hash.
    fn submit(&self, encoded: Bytes) -> BoxFuture<'_, Result<B256, pool::Refusal>>;

    /// Proof that block `number` is final.
    fn finality_proof(&self, number: u64) -> BoxFuture<'_, Result<FinalityProof, LedgerError>>;

    /// Proofs at the head, all against one root; at most 64 keys.
    fn state_proof(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<StateProof, LedgerError>>;

    /// Validators that certify the block after `number`.
    fn validators(&self, number: u64) -> BoxFuture<'_, Result<Vec<ValidatorInfo>, LedgerError>>;

    /// Where consensus stands.
    fn consensus_status(&self) -> BoxFuture<'_, ConsensusStatus>;

    /// Connected peers.
    fn peer_count(&self) -> usize;

    /// A validator with its organisation's name; the key where no name is known.
    fn validator_info(&self, key: ValidatorKey) -> ValidatorInfo {
        let known = self.genesis().validators.iter().find(|validator| validator.key == key);
        let organisation =
            known.map_or_else(|| key.to_string(), |found| found.organisation.clone());
        ValidatorInfo { key, organisation }
    }

    /// Evidence against validators that signed conflicting votes, at most `limit` entries.
    ///
    /// # Errors
    /// The store cannot be read.
    fn evidence(&self, limit: usize) -> Result<Vec<Evidence>, LedgerError> {
        let found = self.chain().evidence(limit);
        found.map_err(|error| StateError::Store(error.to_string()).into())
    }

    /// A part of a snapshot; `None` where this node does not hold it, any more or yet. One that
    /// knows no snapshots holds none.
    fn snapshot_part(
        &self,
        _part: SnapshotPart,
    ) -> BoxFuture<'_, Result<Option<Bytes>, LedgerError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// The rules of the block at `height` (beyond the head: of the next one), where they do not
    /// follow from the genesis file alone: development ledgers, imported chains. `None` elsewhere.
    fn rules(&self, _height: u64) -> Option<ChainRules> {
        None
    }

    /// The height whose state answers questions at block 0. A ledger's block 1 applies the genesis
    /// file, so it is 1; 0 where block 0 has a state.
    fn first_state(&self) -> u64 {
        1
    }

    /// The oldest height whose state can be read.
    fn oldest_state(&self) -> u64 {
        self.chain().oldest_state()
    }

    /// Merkle Patricia proof of an account and some of its slots after block `height`; `None` where
    /// the state is no Merkle Patricia trie.
    fn account_proof(
        &self,
        _height: u64,
        _address: Address,
        _slots: Vec<U256>,
    ) -> BoxFuture<'_, Result<Option<AccountProof>, LedgerError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Slots of an account that blocks changed, ascending, at most `max` of them, and whether it has
    /// no others. Blocks; for threads of their own.
    ///
    /// # Errors
    /// The store cannot be read.
    fn changed_slots(
        &self,
        address: Address,
        max: usize,
    ) -> Result<chain::ChangedSlots, LedgerError> {
        let found = self.chain().changed_slots(address, max);
        found.map_err(|error| StateError::Store(error.to_string()).into())
    }

    /// What only a development ledger can do; `None` on every other.
    fn development(&self) -> Option<&dyn Development> {
        None
    }

    /// Whoever hosts the ledger tells it what is wrong with the disk, so that the ledger can say
    /// so when asked why it stands still; `None` when nothing is.
    fn report_storage(&self, _trouble: Option<String>) {}
}
