//! The imported chain as the rest of a node sees a ledger.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use alloy_consensus::{Eip658Value, Header, ReceiptEnvelope, TxReceipt as _, Typed2718 as _};
use alloy_eips::{
    eip2124::ForkHash, eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use chain::{
    ChainError, ChainOptions, ChainStore, LogEntry, LogFilter, LogLimits, LogQueryError, TxLocation,
};
use execution::{BEACON_ROOTS_ADDRESS, ChainRules, HISTORY_ADDRESS, TransactionRules};
use eyre::Result;
use futures::future::BoxFuture;
use ledger_api::{
    AccountProof, Blocks, ChainBlock, ConsensusStatus, EthereumBlock, EthereumFork, FinalityProof,
    Head, Ledger, LedgerError, StateProof, ValidatorInfo,
};
use pool::{Origin, Pool, PoolConfig, Refusal};
use revm::primitives::hardfork::SpecId;
use state::{StateDiff, StateKey, StateReader as _, StateValue};
use types::{Extension, FeeMode, Genesis, Parameters, Profile, Receipt, Transaction};

use super::proof;
use crate::chain::{Chain, ImportedBlock, Position, block_reward};

/// Seconds from the head to the block that comes next.
const NEXT_BLOCK_SECONDS: u64 = 12;

/// Chain, state and pool; nothing is added to it.
pub struct ImportedLedger {
    chain: Chain,
    blocks: Vec<Shown>,
    genesis: Genesis,
    pool: Arc<Pool>,
    /// What a ledger of its own has; empty, and nobody asks it.
    store: ChainStore,
    _folder: tempfile::TempDir,
}

struct Shown {
    block: ChainBlock,
    receipts: Arc<Vec<Receipt>>,
    post_states: Option<Arc<Vec<B256>>>,
    senders: Arc<Vec<Address>>,
}

impl ImportedLedger {
    /// Shows a chain.
    ///
    /// # Errors
    /// No folder can be made.
    pub fn new(chain: Chain) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let genesis = genesis(&chain);
        let next = chain.head().block.header.gas_limit;
        let rules =
            TransactionRules { block_gas_limit: next, ..TransactionRules::from_genesis(&genesis) };
        Ok(Self {
            blocks: chain.blocks.iter().map(shown).collect(),
            store: ChainStore::open(folder.path(), ChainOptions::default())?,
            pool: Arc::new(Pool::new(PoolConfig::default(), rules)),
            genesis,
            chain,
            _folder: folder,
        })
    }

    fn head_number(&self) -> u64 {
        self.blocks.len() as u64 - 1
    }

    fn shown(&self, number: u64) -> Option<&Shown> {
        self.blocks.get(usize::try_from(number).ok()?)
    }

    fn imported(&self, number: u64) -> Option<&ImportedBlock> {
        self.chain.blocks.get(usize::try_from(number).ok()?)
    }

    fn admit(&self, encoded: Bytes) -> Result<B256, Refusal> {
        let transaction = Arc::new(Transaction::decode(encoded)?);
        let key = StateKey::Account(transaction.sender());
        let account = match self.chain.head().state.get(&key) {
            Some(StateValue::Account(record)) => Some(record),
            _ => None,
        };
        let hash = transaction.hash();
        self.pool.insert(transaction, account, Origin::Local)?;
        Ok(hash)
    }
}

/// Only chain id and fee mode of it matter: rules come from the chain's schedule.
fn genesis(chain: &Chain) -> Genesis {
    let block_gas_limit = chain.head().block.header.gas_limit;
    Genesis {
        format: 1,
        chain_id: chain.configuration.chain_id,
        ledger_id: 0,
        profile: Profile::Dev,
        time_ms: 0,
        parameters: Parameters {
            fee_mode: FeeMode::Metered,
            base_fee_wei: 0,
            block_gas_limit,
            ..Parameters::default()
        },
        validators: Vec::new(),
        observers: Vec::new(),
        validator_admin: Address::ZERO,
        predeploys: false,
        allocation: BTreeMap::new(),
    }
}

fn shown(imported: &ImportedBlock) -> Shown {
    let old = imported.receipts.iter().filter_map(|receipt| match receipt.status_or_post_state() {
        Eip658Value::PostState(root) => Some(root),
        Eip658Value::Eip658(_) => None,
    });
    let post_states: Vec<B256> = old.collect();
    let receipts = imported.receipts.iter().zip(&imported.successes).map(receipt).collect();
    Shown {
        block: ChainBlock::Ethereum(Arc::new(EthereumBlock::new(imported.block.clone()))),
        receipts: Arc::new(receipts),
        post_states: (!post_states.is_empty()).then(|| Arc::new(post_states)),
        senders: Arc::new(imported.senders.clone()),
    }
}

fn receipt((receipt, success): (&ReceiptEnvelope, &bool)) -> Receipt {
    Receipt {
        transaction_type: receipt.ty(),
        success: *success,
        cumulative_gas_used: receipt.cumulative_gas_used(),
        logs: receipt.logs().to_vec(),
    }
}

impl Blocks for ImportedLedger {
    fn number(&self, hash: B256) -> Result<Option<u64>, ChainError> {
        Ok(self.chain.block_by_hash(hash).map(|found| found.block.header.number))
    }

    fn header(&self, number: u64) -> Result<Option<(Header, Option<Extension>)>, ChainError> {
        Ok(self.shown(number).map(|found| (found.block.header().clone(), None)))
    }

    fn hash(&self, number: u64) -> Result<Option<B256>, ChainError> {
        Ok(self.shown(number).map(|found| found.block.hash()))
    }

    fn block(&self, number: u64) -> Result<Option<ChainBlock>, ChainError> {
        Ok(self.shown(number).map(|found| found.block.clone()))
    }

    fn receipts(&self, number: u64) -> Result<Option<Arc<Vec<Receipt>>>, ChainError> {
        Ok(self.shown(number).map(|found| found.receipts.clone()))
    }

    fn post_states(&self, number: u64) -> Option<Arc<Vec<B256>>> {
        self.shown(number)?.post_states.clone()
    }

    fn senders(&self, number: u64) -> Result<Option<Arc<Vec<Address>>>, ChainError> {
        Ok(self.shown(number).map(|found| found.senders.clone()))
    }

    fn transaction(&self, hash: B256) -> Result<Option<TxLocation>, ChainError> {
        let place = self.chain.transaction_position(hash);
        Ok(place.map(|(number, index)| TxLocation { number: number as u64, index: index as u32 }))
    }

    fn logs(
        &self,
        filter: &LogFilter,
        range: RangeInclusive<u64>,
        limits: LogLimits,
    ) -> Result<Vec<LogEntry>, LogQueryError> {
        filter.check()?;
        let mut found = Vec::new();
        for number in range {
            let Some(shown) = self.shown(number) else { break };
            found.extend(logs(shown).into_iter().filter(|entry| filter.matches(&entry.log)));
            if found.len() > limits.entries_max {
                return Err(LogQueryError::TooMany { limit: limits.entries_max });
            }
        }
        Ok(found)
    }

    fn lowest(&self) -> u64 {
        0
    }

    fn fork(&self) -> Option<EthereumFork> {
        let configuration = &self.chain.configuration;
        let (activation_time, passed) = configuration.forks_passed(self.head().time_ms / 1000);
        let contracts = [
            ("BEACON_ROOTS_ADDRESS", BEACON_ROOTS_ADDRESS),
            ("CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS", CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS),
            (
                "DEPOSIT_CONTRACT_ADDRESS",
                configuration.deposit_contract_address.unwrap_or_default(),
            ),
            ("HISTORY_STORAGE_ADDRESS", HISTORY_ADDRESS),
            ("WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS", WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS),
        ];
        Some(EthereumFork {
            activation_time,
            fork_hash: fork_hash(self.blocks[0].block.hash(), &passed),
            system_contracts: contracts.map(|(name, at)| (name.to_owned(), at)).into(),
        })
    }
}

/// EIP-2124: CRC-32 (IEEE) of block 0's hash and of the forks passed, as alloy computes it.
fn fork_hash(genesis: B256, passed: &[u64]) -> [u8; 4] {
    passed.iter().fold(ForkHash::from(genesis), |hash, fork| hash + *fork).0
}

fn logs(shown: &Shown) -> Vec<LogEntry> {
    let mut entries = Vec::new();
    for (index, receipt) in shown.receipts.iter().enumerate() {
        let transaction_hash = alloy_primitives::keccak256(&shown.block.transactions()[index]);
        for log in &receipt.logs {
            entries.push(LogEntry {
                log: log.clone(),
                block_number: shown.block.number(),
                block_hash: shown.block.hash(),
                block_timestamp: shown.block.header().timestamp,
                transaction_hash,
                transaction_index: index as u32,
                log_index: entries.len() as u32,
            });
        }
    }
    entries
}

impl Ledger for ImportedLedger {
    fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    fn genesis_hash(&self) -> B256 {
        self.blocks[0].block.hash()
    }

    fn chain(&self) -> &ChainStore {
        &self.store
    }

    fn blocks(&self) -> &dyn Blocks {
        self
    }

    fn first_state(&self) -> u64 {
        0
    }

    fn oldest_state(&self) -> u64 {
        0
    }

    fn rules(&self, height: u64) -> Option<ChainRules> {
        let parent = self.imported(height.saturating_sub(1).min(self.head_number()))?;
        let beyond = height.saturating_sub(self.head_number()).saturating_mul(NEXT_BLOCK_SECONDS);
        let timestamp = match self.imported(height) {
            Some(block) => block.block.header.timestamp,
            None => self.chain.head().block.header.timestamp.saturating_add(beyond),
        };
        let difficulty_before = if height == 0 { U256::ZERO } else { parent.total_difficulty };
        let schedule = self.chain.configuration.schedule(Position {
            number: height,
            timestamp,
            difficulty_before,
        });
        let earlier = self.blocks.iter().map(|shown| (shown.block.number(), shown.block.hash()));
        let hashes = earlier.take_while(|(number, _)| *number < height).collect();
        let spec = schedule.rules.spec;
        let chain_id = self.chain.configuration.chain_id;
        Some(ChainRules {
            blobs: schedule.blobs.filter(|_| spec.is_enabled_in(SpecId::CANCUN)),
            block_reward: block_reward(spec).unwrap_or_default(),
            ..ChainRules::ethereum(chain_id, spec, hashes)
        })
    }

    fn root_with(&self, height: u64, diff: &StateDiff) -> Option<B256> {
        let mut state = self.imported(height)?.state.clone();
        state.apply(diff).ok()?;
        Some(state.root())
    }

    fn account_proof(
        &self,
        height: u64,
        address: Address,
        slots: Vec<U256>,
    ) -> BoxFuture<'_, Result<Option<AccountProof>, LedgerError>> {
        Box::pin(async move {
            let block = self.imported(height).ok_or(LedgerError::UnknownBlock(height))?;
            Ok(Some(proof::account(&block.state, address, &slots)))
        })
    }

    fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    fn head(&self) -> Head {
        let head = self.chain.head();
        let time_ms = head.block.header.timestamp.saturating_mul(1000);
        Head { number: self.head_number(), hash: head.hash, time_ms }
    }

    fn wait_beyond(&self, _number: u64) -> BoxFuture<'static, Head> {
        Box::pin(futures::future::pending())
    }

    fn read_state(
        &self,
        height: u64,
        keys: Vec<StateKey>,
    ) -> BoxFuture<'_, Result<Vec<Option<StateValue>>, LedgerError>> {
        Box::pin(async move {
            let block = self.imported(height).ok_or(LedgerError::UnknownBlock(height))?;
            Ok(block.state.read_many(&keys).await?)
        })
    }

    fn submit(&self, encoded: Bytes) -> BoxFuture<'_, Result<B256, Refusal>> {
        Box::pin(async move { self.admit(encoded) })
    }

    fn finality_proof(&self, number: u64) -> BoxFuture<'_, Result<FinalityProof, LedgerError>> {
        Box::pin(async move { Err(LedgerError::NoCertificate(number)) })
    }

    fn state_proof(&self, _: Vec<StateKey>) -> BoxFuture<'_, Result<StateProof, LedgerError>> {
        Box::pin(async move { Err(LedgerError::NoCertificate(self.head_number())) })
    }

    fn validators(&self, _: u64) -> BoxFuture<'_, Result<Vec<ValidatorInfo>, LedgerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn consensus_status(&self) -> BoxFuture<'_, ConsensusStatus> {
        Box::pin(async { ConsensusStatus::default() })
    }

    fn peer_count(&self) -> usize {
        0
    }
}
