//! A ledger of one process: blocks are executed by the execution crate, stored in a chain store,
//! and become final when a test says so. State is a map per height.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use chain::{ChainOptions, ChainStore, FinalizedBlock};
use ed25519_dalek::{Signer as _, SigningKey};
use execution::{BlockEnvironment, BlockExecutor, BlockOutcome, BuildLimits, Mode};
use futures::future::BoxFuture;
use ledger_api::{
    ClockOffset, ConsensusStatus, FinalityProof, Head, Ledger, LedgerError, Standing,
    StandingState, StateProof, StateProofItem, StoreHeights, ValidatorInfo, ValidatorStatus,
};
use pool::{Origin, Pool, PoolConfig, Refusal};
use state::{StateError, StateKey, StateReader, StateValue};
use tokio::sync::watch;
use types::{
    AllocatedAccount, Block, Certificate, DatabaseCommitment, Evidence, Extension, FeeMode,
    Genesis, GenesisValidator, Header, Parameters, Profile, SignedVote, StateCommitment,
    Transaction, ValidatorKey, ValidatorSignature, VoteKind,
};

pub const CHAIN_ID: u64 = 20_771;
pub const LOGGER: Address = Address::with_last_byte(0x51);
pub const REVERTER: Address = Address::with_last_byte(0x52);
pub const INVALID: Address = Address::with_last_byte(0x53);
pub const READER: Address = Address::with_last_byte(0x54);
pub const PRICED: Address = Address::with_last_byte(0x55);

type Values = BTreeMap<StateKey, StateValue>;

pub struct TestLedger {
    genesis: Arc<Genesis>,
    genesis_block: Block,
    chain: ChainStore,
    pool: Arc<Pool>,
    states: Mutex<Vec<Arc<Values>>>,
    head: watch::Sender<Head>,
    /// Heights below are pruned.
    pub oldest_state: AtomicU64,
    /// What consensus claims to be final beyond the head.
    pub ahead: AtomicU64,
    _directory: tempfile::TempDir,
}

struct MemoryState(Arc<Values>);

impl StateReader for MemoryState {
    async fn read_many(&self, keys: &[StateKey]) -> Result<Vec<Option<StateValue>>, StateError> {
        Ok(keys.iter().map(|key| self.0.get(key).cloned()).collect())
    }
}

fn validator() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn validator_info() -> ValidatorInfo {
    let key = ValidatorKey(validator().verifying_key().to_bytes());
    ValidatorInfo { key, organisation: "harbour".into() }
}

fn absent_info() -> ValidatorInfo {
    ValidatorInfo { key: ValidatorKey([9; 32]), organisation: "pier".into() }
}

fn validator_status(
    validator: ValidatorInfo,
    connected: bool,
    clock_ms: Option<i64>,
) -> ValidatorStatus {
    let clock = clock_ms.map(|median_ms| ClockOffset { median_ms, samples: 3 });
    ValidatorStatus { validator, connected, last_vote_ms: None, votes_seen: 0, clock }
}

fn contract(code: &str) -> AllocatedAccount {
    AllocatedAccount { code: code.parse().unwrap(), nonce: 1, ..Default::default() }
}

pub fn genesis(fee_mode: FeeMode, rich: Address) -> Genesis {
    let base_fee_wei = if fee_mode == FeeMode::Free { 0 } else { 1_000 };
    let balance = U256::from(10).pow(U256::from(18));
    Genesis {
        format: 1,
        chain_id: CHAIN_ID,
        ledger_id: 0,
        profile: Profile::Dev,
        time_ms: 1_700_000_000_500,
        parameters: Parameters { fee_mode, base_fee_wei, ..Default::default() },
        validators: vec![GenesisValidator {
            organisation: "harbour".into(),
            key: validator_info().key,
        }],
        observers: Vec::new(),
        validator_admin: Address::with_last_byte(0x99),
        predeploys: false,
        allocation: BTreeMap::from([
            (rich, AllocatedAccount { balance, ..Default::default() }),
            // Stores its argument in slot 0, logs it with itself as topic, returns slot 0.
            (LOGGER, contract("0x60003560005560003560206000a160005460005260206000f3")),
            // Reverts with its argument.
            (REVERTER, contract("0x366000600037366000fd")),
            (INVALID, contract("0xfe")),
            // Logs and returns the price of gas.
            (PRICED, contract("0x3a5f5260205fa060205ff3")),
            // Returns the slot named by its argument.
            (READER, contract("0x6000355460005260206000f3")),
        ]),
    }
}

fn commitment(height: u64) -> StateCommitment {
    let database = |name: u8| DatabaseCommitment {
        root: keccak256([&[name][..], &height.to_be_bytes()].concat()),
        ops_root: B256::ZERO,
        range_start: 0,
        range_end: height + 1,
    };
    StateCommitment { accounts: database(0), storage: database(1), code: database(2) }
}

impl TestLedger {
    /// With blocks 0 and 1.
    pub async fn start(genesis: Genesis) -> Arc<Self> {
        Self::start_with(genesis, ChainOptions::default()).await
    }

    /// With blocks 0 and 1 and settings of the chain store.
    pub async fn start_with(genesis: Genesis, options: ChainOptions) -> Arc<Self> {
        genesis.check().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let chain = ChainStore::open(directory.path(), options).unwrap();
        let block = genesis.block(commitment(0)).unwrap();
        chain
            .append(&FinalizedBlock {
                block: Arc::new(block.clone()),
                receipts: Arc::default(),
                senders: Arc::default(),
            })
            .unwrap();
        let rules = execution::TransactionRules::from_genesis(&genesis);
        let head = Head { number: 0, hash: block.hash(), time_ms: genesis.time_ms };
        let ledger = Arc::new(Self {
            genesis: Arc::new(genesis),
            genesis_block: block,
            chain,
            pool: Arc::new(Pool::new(PoolConfig::default(), rules)),
            states: Mutex::new(vec![Arc::default()]),
            head: watch::Sender::new(head),
            oldest_state: AtomicU64::new(0),
            ahead: AtomicU64::new(0),
            _directory: directory,
        });
        ledger.mine().await;
        ledger
    }

    /// Builds a block from the pool, stores it, and makes it visible.
    pub async fn mine(&self) -> Head {
        let hidden = self.mine_hidden().await;
        self.reveal(hidden)
    }

    /// Stores the next block everywhere, but leaves the head where it is.
    pub async fn mine_hidden(&self) -> Head {
        let parent = *self.head.borrow();
        let (parent_header, _) = self.chain.header(parent.number).unwrap().unwrap();
        let candidates = self.pool.content(10_000).executable;
        let environment = BlockEnvironment {
            number: parent.number + 1,
            time_ms: parent.time_ms + 250,
            beneficiary: parent_header.beneficiary,
            base_fee: parent_header.base_fee_per_gas.unwrap(),
            gas_limit: parent_header.gas_limit,
            prev_randao: keccak256(parent.hash),
            parent_hash: parent.hash,
            parent_beacon_block_root: B256::ZERO,
            difficulty: U256::ZERO,
            blob_base_fee: execution::BLOB_BASE_FEE_MIN,
        };
        let rules = execution::rules(&self.genesis, environment.number);
        let mode = Mode::Build(BuildLimits::default());
        let executor = BlockExecutor::new(environment.clone(), rules, candidates.clone(), mode);
        let values = self.states.lock().unwrap()[parent.number as usize].clone();
        let outcome =
            execution::drive(executor, &MemoryState(values.clone()), &execution::Here, None)
                .await
                .unwrap();
        let included: Vec<_> = outcome.included.iter().map(|at| candidates[*at].clone()).collect();
        let block = self.block(&parent_header, &environment, &outcome, &included);
        self.store(values, block, outcome, &included)
    }

    fn block(
        &self,
        parent: &Header,
        environment: &BlockEnvironment,
        outcome: &BlockOutcome,
        included: &[Arc<Transaction>],
    ) -> Block {
        let header = Header {
            parent_hash: environment.parent_hash,
            number: environment.number,
            gas_used: outcome.gas_used,
            logs_bloom: outcome.logs_bloom,
            transactions_root: outcome.transactions_root,
            receipts_root: outcome.receipts_root,
            mix_hash: environment.prev_randao,
            ..parent.clone()
        };
        let extension = Extension {
            epoch: 0,
            view: environment.number,
            leader: validator_info().key,
            parent_view: environment.number - 1,
            time_ms: environment.time_ms,
            next_validators_hash: outcome.next_validators.as_ref().unwrap().hash(),
            state: commitment(environment.number),
            genesis_commitment: None,
        };
        let encoded = included.iter().map(|transaction| transaction.encoded().clone()).collect();
        Block::new(header, extension, encoded)
    }

    fn store(
        &self,
        before: Arc<Values>,
        block: Block,
        outcome: BlockOutcome,
        included: &[Arc<Transaction>],
    ) -> Head {
        let mut after = (*before).clone();
        for (key, change) in &outcome.diff.changes {
            match &change.current {
                Some(value) => drop(after.insert(*key, value.clone())),
                None => drop(after.remove(key)),
            }
        }
        self.states.lock().unwrap().push(Arc::new(after));
        self.chain.append_history(block.number(), &outcome.diff).unwrap();
        let head =
            Head { number: block.number(), hash: block.hash(), time_ms: block.extension().time_ms };
        let senders = included.iter().map(|transaction| transaction.sender()).collect();
        self.chain
            .append(&FinalizedBlock {
                block: Arc::new(block),
                receipts: outcome.receipts.clone(),
                senders: Arc::new(senders),
            })
            .unwrap();
        head
    }

    /// Makes a stored block visible.
    pub fn reveal(&self, head: Head) -> Head {
        let block = self.chain.block(head.number).unwrap().unwrap();
        let senders = self.chain.senders(head.number).unwrap().unwrap();
        let included: Vec<_> = block
            .transactions()
            .iter()
            .zip(senders.iter())
            .map(|(encoded, sender)| {
                let transaction = Transaction::with_sender(encoded.clone(), *sender).unwrap();
                (*sender, transaction.nonce(), transaction.hash())
            })
            .collect();
        self.head.send_replace(head);
        self.pool.on_final(head.number, &included);
        head
    }

    fn account(&self, address: Address) -> Option<state::AccountRecord> {
        let number = self.head.borrow().number as usize;
        match self.states.lock().unwrap()[number].get(&StateKey::Account(address)) {
            Some(StateValue::Account(record)) => Some(*record),
            _ => None,
        }
    }

    fn read(&self, height: u64, keys: &[StateKey]) -> Result<Vec<Option<StateValue>>, LedgerError> {
        let oldest = self.oldest_state.load(Ordering::Relaxed);
        if height < oldest {
            return Err(StateError::Pruned { height, oldest }.into());
        }
        let states = self.states.lock().unwrap();
        let values = states.get(height as usize).ok_or(LedgerError::UnknownBlock(height))?;
        Ok(keys.iter().map(|key| values.get(key).cloned()).collect())
    }

    fn admit(&self, encoded: Bytes) -> Result<B256, Refusal> {
        let transaction = Arc::new(Transaction::decode(encoded)?);
        let account = self.account(transaction.sender());
        self.pool.insert(transaction.clone(), account, Origin::Local)?;
        Ok(transaction.hash())
    }
}

impl Ledger for TestLedger {
    fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    fn genesis_hash(&self) -> B256 {
        self.genesis_block.hash()
    }

    fn chain(&self) -> &ChainStore {
        &self.chain
    }

    fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    fn head(&self) -> Head {
        *self.head.borrow()
    }

    fn wait_beyond(&self, number: u64) -> BoxFuture<'static, Head> {
        let mut head = self.head.subscribe();
        Box::pin(async move {
            let found = head.wait_for(|head| head.number > number).await.map(|head| *head);
            match found {
                Ok(head) => head,
                Err(_) => futures::future::pending().await,
            }
        })
    }

    fn read_state(
        &self,
        height: u64,
        keys: Vec<StateKey>,
    ) -> BoxFuture<'_, Result<Vec<Option<StateValue>>, LedgerError>> {
        Box::pin(async move { self.read(height, &keys) })
    }

    fn submit(&self, encoded: Bytes) -> BoxFuture<'_, Result<B256, Refusal>> {
        Box::pin(async move { self.admit(encoded) })
    }

    fn finality_proof(&self, number: u64) -> BoxFuture<'_, Result<FinalityProof, LedgerError>> {
        Box::pin(async move {
            let (header, extension) =
                self.chain.header(number).unwrap().ok_or(LedgerError::UnknownBlock(number))?;
            let mut certificate = Certificate {
                epoch: 0,
                view: number,
                parent_view: number.saturating_sub(1),
                block_hash: header.hash_slow(),
                signatures: vec![],
            };
            let signature = validator().sign(&certificate.signed_bytes(&self.namespace()));
            let key = validator_info().key;
            certificate
                .signatures
                .push(ValidatorSignature { key, signature: signature.to_bytes() });
            let validators = vec![validator_info()];
            Ok(FinalityProof { validators, certificate, headers: vec![(header, extension)] })
        })
    }

    fn state_proof(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<StateProof, LedgerError>> {
        Box::pin(async move {
            let number = self.head().number;
            let values = self.read(number, &keys)?;
            let items = keys
                .into_iter()
                .zip(values)
                .map(|(key, value)| StateProofItem { key, value, proof: vec![1, 2].into() })
                .collect();
            Ok(StateProof { number, commitment: commitment(number), items })
        })
    }

    fn validators(&self, _: u64) -> BoxFuture<'_, Result<Vec<ValidatorInfo>, LedgerError>> {
        Box::pin(async move { Ok(vec![validator_info()]) })
    }

    fn consensus_status(&self) -> BoxFuture<'_, ConsensusStatus> {
        Box::pin(async move {
            ConsensusStatus {
                finalized_height: self.head().number + self.ahead.load(Ordering::Relaxed),
                voting: true,
                own_key: Some(validator_info().key),
                quorum: 1,
                leader: Some(validator_info().key),
                validators: vec![
                    validator_status(validator_info(), true, None),
                    validator_status(absent_info(), false, Some(-40)),
                ],
                standing: Standing { state: StandingState::NoQuorum, detail: "alone".into() },
                heights: StoreHeights {
                    consensus: 50,
                    state: 50,
                    history: 50,
                    chain: 50,
                    certificates: 10,
                },
                others_ahead_ms: Some(-40),
                ..Default::default()
            }
        })
    }

    fn peer_count(&self) -> usize {
        3
    }
}

impl TestLedger {
    /// Hash of the newest visible block.
    pub fn head_hash(&self) -> B256 {
        self.head.borrow().hash
    }

    /// Keeps two conflicting votes of the validator.
    pub fn keep_evidence(&self) -> Evidence {
        let vote = |kind, block_hash: Option<B256>| {
            let message = Bytes::from(format!("{kind:?} {block_hash:?}").into_bytes());
            let signature = validator().sign(&message).to_bytes();
            SignedVote { kind, block_hash, parent_view: 8, message, signature }
        };
        let evidence = Evidence {
            validator: validator_info().key,
            epoch: 2,
            view: 9,
            seen_ms: 5,
            votes: [
                vote(VoteKind::Nullify, None),
                vote(VoteKind::Finalize, Some(B256::repeat_byte(4))),
            ],
        };
        assert!(self.chain.put_evidence(&evidence).unwrap());
        evidence
    }
}
