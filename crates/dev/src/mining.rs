//! Making blocks: the executor, the pool and the formats of a node, the moment chosen by a user.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, Bytes};
use chain::FinalizedBlock;
use execution::{
    BlockEnvironment, BlockExecutor, BlockOutcome, BuildLimits, Here, InvalidTransaction, Mode,
    drive,
};
use futures::FutureExt as _;
use ledger_api::{BlockPlan, DevelopmentError, Head, Mining, PendingBlock};
use pool::{Order, Refusal};
use state::{StateDiff, StateKey, StateValue};
use types::{Block, Extension, Header, Transaction, ValidatorKey, blank_header, next_mix_hash};

use crate::{
    clock::{check_after, check_range},
    config::StateBackEnd,
    error::DevError,
    ledger::{DevLedger, commitment},
    store::Newest,
    timeline::{Changes, Version, changes},
    writer::Writer,
};

/// Candidates are chosen for so many blocks' worth of gas limits, as a node does.
const GAS_OVERSUBSCRIPTION: u64 = 4;

/// A block that was made.
pub(crate) struct Made {
    /// Transactions in it.
    pub(crate) included: usize,
    /// Transactions that left the pool without having been executed.
    pub(crate) dropped: Vec<(B256, InvalidTransaction)>,
}

/// A block that was executed.
struct Next {
    block: FinalizedBlock,
    changes: Changes,
    version: Version,
    /// Nonces that it leaves accounts with.
    nonces: Vec<(Address, u64)>,
    included: Vec<Arc<Transaction>>,
    /// Transactions that can be in no block.
    rejected: Vec<(B256, InvalidTransaction)>,
}

impl DevLedger {
    /// Makes a block of at most `count_max` transactions of the pool.
    pub(crate) fn make_block(
        &self,
        writer: &mut Writer,
        timestamp: Option<u64>,
        count_max: usize,
    ) -> Result<Made, DevError> {
        let next = self.next_block(writer, timestamp, count_max)?;
        self.store.append(&next.block, next.changes, next.version)?;
        let header = next.block.block.header();
        writer.clock.made(header.timestamp);
        writer.prev_randao = None;
        self.tell_pool(header.number, &next.included, next.nonces);
        for (hash, reason) in &next.rejected {
            self.pool.drop_invalid(*hash, &reason.to_string());
        }
        Ok(Made { included: next.included.len(), dropped: next.rejected })
    }

    /// The block that would be made now.
    pub(crate) fn pending_block(&self) -> Result<PendingBlock, DevError> {
        let writer = self.writer();
        let Next { block, changes, .. } = self.next_block(&writer, None, usize::MAX)?;
        Ok(PendingBlock { block, changes })
    }

    /// Executes a block of at most `count_max` transactions of the pool; nothing is kept.
    fn next_block(
        &self,
        writer: &Writer,
        timestamp: Option<u64>,
        count_max: usize,
    ) -> Result<Next, DevError> {
        let header = self.next_header(writer, self.store.head.get(), timestamp)?;
        let candidates = self.candidates(&header, count_max);
        let mut outcome = self.execute(&header, &candidates)?;
        let nonces = nonces(&outcome.diff);
        let changes = changes(std::mem::take(&mut outcome.diff));
        let version = self.store.timeline().version_after(&changes);
        let block = self.put_together(header, version.root(), &candidates, &outcome);
        let included: Vec<Arc<Transaction>> =
            outcome.included.iter().map(|index| Arc::clone(&candidates[*index])).collect();
        let senders = included.iter().map(|transaction| transaction.sender()).collect();
        let block = FinalizedBlock {
            block: Arc::new(block),
            receipts: Arc::clone(&outcome.receipts),
            senders: Arc::new(senders),
        };
        let rejected = outcome.rejected.into_iter();
        let rejected = rejected.map(|one| (candidates[one.index].hash(), one.reason)).collect();
        Ok(Next { block, changes, version, nonces, included, rejected })
    }

    /// Header fields that are known before execution.
    fn next_header(
        &self,
        writer: &Writer,
        head: Head,
        timestamp: Option<u64>,
    ) -> Result<Header, DevError> {
        let parent = self.store.chain.header(head.number)?;
        let (parent, _) = parent.ok_or_else(|| DevError::Option("the head is gone".into()))?;
        let settings = self.settings();
        let number = head.number.saturating_add(1);
        let timestamp = timestamp.unwrap_or_else(|| writer.clock.next_timestamp(parent.timestamp));
        check_after(timestamp, parent.timestamp)?;
        let leader = self.leader().0;
        let mix_hash =
            writer.prev_randao.unwrap_or_else(|| next_mix_hash(parent.mix_hash, &leader, number));
        Ok(Header {
            parent_hash: head.hash,
            beneficiary: settings.beneficiary,
            number,
            gas_limit: settings.gas_limit,
            timestamp,
            mix_hash,
            base_fee_per_gas: Some(settings.base_fee_wei),
            ..blank_header()
        })
    }

    fn leader(&self) -> ValidatorKey {
        self.genesis.validators.first().map(|validator| validator.key).unwrap_or_default()
    }

    fn candidates(&self, header: &Header, count_max: usize) -> Vec<Arc<Transaction>> {
        // The first block applies the allocation and carries no transactions, as on every ledger.
        if header.number == 1 {
            return Vec::new();
        }
        let limits = BuildLimits::default();
        self.pool.select(
            &HashSet::new(),
            &BTreeMap::new(),
            header.gas_limit.saturating_mul(GAS_OVERSUBSCRIPTION),
            limits.transaction_bytes_max,
            limits.transactions_max.min(count_max),
            Order::Arrival,
        )
    }

    fn execute(
        &self,
        header: &Header,
        candidates: &[Arc<Transaction>],
    ) -> Result<BlockOutcome, DevError> {
        let executor = BlockExecutor::new(
            BlockEnvironment::of_header(header, header.timestamp.saturating_mul(1_000)),
            self.rules_next(header.number, &self.settings()),
            candidates.to_vec(),
            Mode::Build(BuildLimits::default()),
        );
        let executed = drive(executor, &Newest(&self.store), &Here, None).now_or_never();
        Ok(executed.expect("values are in memory and the EVM runs here: nothing waits")?)
    }

    fn put_together(
        &self,
        header: Header,
        root: B256,
        candidates: &[Arc<Transaction>],
        outcome: &BlockOutcome,
    ) -> Block {
        let state = commitment(root);
        let next = outcome.next_validators.as_ref();
        let extension = Extension {
            epoch: header.number / self.genesis.parameters.epoch_blocks.max(2),
            view: header.number,
            leader: self.leader(),
            parent_view: header.number.saturating_sub(1),
            time_ms: header.timestamp.saturating_mul(1_000),
            next_validators_hash: next.map(types::ValidatorSet::hash).unwrap_or_default(),
            state,
            genesis_commitment: None,
        };
        let header = Header {
            gas_used: outcome.gas_used,
            transactions_root: outcome.transactions_root,
            receipts_root: outcome.receipts_root,
            logs_bloom: outcome.logs_bloom,
            state_root: match self.config.state {
                StateBackEnd::MerklePatricia => root,
                StateBackEnd::Plain => state.state_root(),
            },
            extra_data: Bytes::copy_from_slice(extension.hash().as_slice()),
            ..header
        };
        let encoded = outcome.included.iter().map(|index| candidates[*index].encoded().clone());
        Block::as_given(header, extension, encoded.collect())
    }

    fn tell_pool(&self, number: u64, included: &[Arc<Transaction>], nonces: Vec<(Address, u64)>) {
        let included: Vec<(Address, u64, B256)> = included
            .iter()
            .map(|transaction| (transaction.sender(), transaction.nonce(), transaction.hash()))
            .collect();
        self.pool.on_final(number, &included);
        for (address, nonce) in nonces {
            self.pool.on_account(address, nonce);
        }
    }

    /// Takes a transaction in; where blocks are made with each one, it is in a block afterwards.
    pub(crate) fn admit(&self, transaction: Arc<Transaction>) -> Result<B256, DevelopmentError> {
        let mut writer = self.writer();
        let hash = transaction.hash();
        let sender = StateKey::Account(transaction.sender());
        let account = match self.store.timeline().current(&sender) {
            Some(StateValue::Account(record)) => Some(record),
            _ => None,
        };
        self.pool.insert(transaction, account, pool::Origin::Local)?;
        if writer.mining == Mining::Instant {
            let dropped = self.make_executable(&mut writer)?;
            if let Some((_, reason)) = dropped.into_iter().find(|(dropped, _)| *dropped == hash) {
                return Err(Refusal::from(reason).into());
            }
        }
        Ok(hash)
    }

    /// A block for each transaction that can be executed; answers what was dropped.
    pub(crate) fn make_executable(
        &self,
        writer: &mut Writer,
    ) -> Result<Vec<(B256, InvalidTransaction)>, DevError> {
        let mut dropped = Vec::new();
        while self.pool.has_executable(&HashSet::new(), &BTreeMap::new()) {
            let made = self.make_block(writer, None, 1)?;
            let stuck = made.included == 0 && made.dropped.is_empty();
            dropped.extend(made.dropped);
            if stuck {
                break;
            }
        }
        Ok(dropped)
    }

    /// Makes the blocks of a plan.
    pub(crate) fn make_planned(&self, plan: BlockPlan) -> Result<u64, DevelopmentError> {
        if plan.blocks > BlockPlan::BLOCKS_MAX {
            let limit = BlockPlan::BLOCKS_MAX;
            let text = format!("{} blocks in one call exceed the limit of {limit}", plan.blocks);
            return Err(DevelopmentError::Value(text));
        }
        let mut writer = self.writer();
        let mut timestamp = plan.timestamp;
        for made in 0..plan.blocks {
            if made > 0 {
                timestamp = match plan.interval_s {
                    Some(interval) => Some(self.after_interval(interval)?),
                    None => None,
                };
            }
            self.make_block(&mut writer, timestamp, usize::MAX)?;
        }
        Ok(self.store.head.get().number)
    }

    fn after_interval(&self, interval_s: u64) -> Result<u64, DevelopmentError> {
        let last = self.store.head.get().time_ms / 1_000;
        let next = last.saturating_add(interval_s.max(1));
        check_range(next)?;
        Ok(next)
    }

    /// Makes the block that is due, where blocks are made in intervals; answers how long to wait
    /// for the next one.
    pub(crate) fn tick(&self) -> Result<Option<Duration>, DevError> {
        let mut writer = self.writer();
        let Mining::Interval(interval_ms) = writer.mining else {
            return Ok(None);
        };
        let interval = Duration::from_millis(interval_ms);
        let passed = writer.ticked.elapsed();
        if passed < interval {
            return Ok(Some(interval - passed));
        }
        writer.ticked = Instant::now();
        self.make_block(&mut writer, None, usize::MAX)?;
        Ok(Some(interval))
    }
}

/// Nonces that a block left accounts with.
fn nonces(diff: &StateDiff) -> Vec<(Address, u64)> {
    let changed = diff.changes.iter();
    changed
        .filter_map(|(key, change)| match (key, &change.current) {
            (StateKey::Account(address), Some(StateValue::Account(record))) => {
                (record.nonce > 0).then_some((*address, record.nonce))
            }
            _ => None,
        })
        .collect()
}
