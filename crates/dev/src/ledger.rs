//! The development ledger as the rest of a program sees it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use alloy_primitives::{Address, B256, Bytes, U256};
use chain::{ChainStore, ChangedSlots, FinalizedBlock};
use execution::ChainRules;
use futures::future::{BoxFuture, ready};
use ledger_api::{
    AccountProof, ConsensusStatus, Development, DevelopmentError, FinalityProof, Head, Ledger,
    LedgerError, Standing, StandingState, StateProof, StoreHeights, ValidatorInfo,
};
use pool::{Pool, PoolConfig, Refusal};
use state::{StateDiff, StateError, StateKey, StateValue};
use types::{DatabaseCommitment, Genesis, StateCommitment, Transaction, ValidatorSet};

use crate::{
    accounts::DevAccount,
    config::{DevConfig, StateBackEnd},
    error::DevError,
    snapshots::{Settings, Snapshot},
    store::Store,
    timeline::{Timeline, changes},
    writer::Writer,
};

/// A ledger of one process. Share it behind an [`Arc`]; every method may be called from any thread.
/// Calls that make blocks take as long as the blocks do.
pub struct DevLedger {
    pub(crate) config: DevConfig,
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) accounts: Vec<DevAccount>,
    pub(crate) store: Store,
    pub(crate) pool: Arc<Pool>,
    /// The state after block 1, to which a reset leads.
    pub(crate) beginning: Snapshot,
    genesis_hash: B256,
    settings: RwLock<Settings>,
    writer: Mutex<Writer>,
}

impl DevLedger {
    /// With blocks 0 and 1, of which the latter applies the genesis file.
    ///
    /// # Errors
    /// Options that make no ledger, no room for the chain store.
    pub fn start(config: DevConfig) -> Result<Arc<Self>, DevError> {
        let accounts = config.derive_accounts()?;
        let genesis = Arc::new(config.genesis(&accounts)?);
        let timeline = Timeline::new(config.state == StateBackEnd::MerklePatricia);
        let commitment = commitment(timeline.version().root());
        let block = Arc::new(genesis.block(commitment)?);
        let genesis_hash = block.hash();
        let first = FinalizedBlock { block, receipts: Arc::default(), senders: Arc::default() };
        let store = Store::open(&first, timeline)?;
        let settings = Settings {
            base_fee_wei: config.base_fee_wei,
            gas_limit: config.gas_limit,
            beneficiary: genesis.parameters.fee_recipient,
        };
        let rules = execution::TransactionRules::from_genesis(&genesis);
        let writer = Writer::new(config.mining);
        let mut ledger = Self {
            beginning: Snapshot::before_everything(store.head.get(), settings),
            pool: Arc::new(Pool::new(PoolConfig::default(), rules)),
            settings: RwLock::new(settings),
            writer: Mutex::new(writer),
            config,
            genesis,
            accounts,
            store,
            genesis_hash,
        };
        ledger.make_block(&mut ledger.writer(), None, 0)?;
        ledger.pool.restart(ledger.pool_rules(&settings));
        let beginning = ledger.snapshot_now(&ledger.writer(), 0);
        ledger.beginning = beginning;
        Ok(Arc::new(ledger))
    }

    /// The accounts with their keys.
    pub fn dev_accounts(&self) -> &[DevAccount] {
        &self.accounts
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settings(&self) -> Settings {
        *self.settings.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_settings(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    fn validator_set(&self) -> Option<ValidatorSet> {
        self.genesis.validator_set().ok()
    }
}

/// One root stands for the whole state.
pub(crate) fn commitment(root: B256) -> StateCommitment {
    let empty =
        DatabaseCommitment { root: B256::ZERO, ops_root: B256::ZERO, range_start: 0, range_end: 0 };
    StateCommitment { accounts: DatabaseCommitment { root, ..empty }, storage: empty, code: empty }
}

fn not_here(what: &str) -> LedgerError {
    let text = format!("a development ledger has no {what}");
    LedgerError::State(StateError::Store(text))
}

/// A failure of the ledger itself, as one of those that submitting knows.
fn refusal(error: DevelopmentError) -> Refusal {
    match error {
        DevelopmentError::Refused(refusal) => refusal,
        // Time has no room for another block.
        DevelopmentError::Value(text) => Refusal::Dropped(text),
        other => Refusal::State(StateError::Store(other.to_string())),
    }
}

impl Ledger for DevLedger {
    fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    fn genesis_hash(&self) -> B256 {
        self.genesis_hash
    }

    fn chain(&self) -> &ChainStore {
        &self.store.chain
    }

    fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    fn head(&self) -> Head {
        self.store.head.get()
    }

    fn wait_beyond(&self, number: u64) -> BoxFuture<'static, Head> {
        Box::pin(self.store.head.beyond(number))
    }

    fn read_state(
        &self,
        height: u64,
        keys: Vec<StateKey>,
    ) -> BoxFuture<'_, Result<Vec<Option<StateValue>>, LedgerError>> {
        Box::pin(ready(self.store.read(height, &keys)))
    }

    fn submit(&self, encoded: Bytes) -> BoxFuture<'_, Result<B256, Refusal>> {
        Box::pin(async move {
            if self.pool.contains(&alloy_primitives::keccak256(&encoded)) {
                return Err(Refusal::AlreadyKnown);
            }
            let transaction = Arc::new(Transaction::decode(encoded)?);
            self.admit(transaction).map_err(refusal)
        })
    }

    fn finality_proof(&self, number: u64) -> BoxFuture<'_, Result<FinalityProof, LedgerError>> {
        Box::pin(ready(Err(LedgerError::NoCertificate(number))))
    }

    fn state_proof(&self, _keys: Vec<StateKey>) -> BoxFuture<'_, Result<StateProof, LedgerError>> {
        Box::pin(ready(Err(not_here("QMDB proofs; start it with --state mpt for eth_getProof"))))
    }

    fn validators(&self, _number: u64) -> BoxFuture<'_, Result<Vec<ValidatorInfo>, LedgerError>> {
        let set = self.validator_set();
        let keys = set.iter().flat_map(|set| set.keys().iter().copied());
        Box::pin(ready(Ok(keys.map(|key| self.validator_info(key)).collect())))
    }

    fn consensus_status(&self) -> BoxFuture<'_, ConsensusStatus> {
        let head = self.head().number;
        let heights = StoreHeights {
            consensus: head,
            state: head,
            history: head,
            chain: head,
            certificates: head,
        };
        let standing = Standing {
            state: StandingState::Idle,
            detail: "a development ledger makes blocks when asked".to_owned(),
        };
        let status =
            ConsensusStatus { finalized_height: head, heights, standing, ..Default::default() };
        Box::pin(ready(status))
    }

    fn peer_count(&self) -> usize {
        0
    }

    fn rules(&self, height: u64) -> Option<ChainRules> {
        Some(self.rules_at(height))
    }

    fn oldest_state(&self) -> u64 {
        0
    }

    fn root_with(&self, height: u64, diff: &StateDiff) -> Option<B256> {
        self.store.timeline().root_with(height, &changes(diff.clone()))
    }

    fn account_proof(
        &self,
        height: u64,
        address: Address,
        slots: Vec<U256>,
    ) -> BoxFuture<'_, Result<Option<AccountProof>, LedgerError>> {
        Box::pin(ready(Ok(self.store.prove(height, address, &slots))))
    }

    fn changed_slots(&self, address: Address, max: usize) -> Result<ChangedSlots, LedgerError> {
        let mut slots = self.store.timeline().slots(address);
        let all = slots.len() < max;
        slots.truncate(max);
        Ok(ChangedSlots { slots, all })
    }

    fn development(&self) -> Option<&dyn Development> {
        Some(self)
    }
}
