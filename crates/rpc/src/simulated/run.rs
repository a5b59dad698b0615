//! Executes planned blocks and puts their headers and answers together.

use std::sync::Arc;

use alloy_consensus::{Transaction as _, constants::EMPTY_OMMER_ROOT_HASH};
use alloy_eips::{eip4844::DATA_GAS_PER_BLOB, eip7685::Requests};
use alloy_primitives::{Address, B256, Bytes, U256};
use chain::LogEntry;
use execution::{
    BLOB_BASE_FEE_MIN, BlockEnvironment, ChainRules, SpecId,
    simulate::{BlockSimulation, CallResult, Checks, Outcome},
    trace::Patience,
};
use serde_json::{Value, json};
use types::{EMPTY_REQUESTS_HASH, Header, Receipt, Transaction, receipts_root_and_bloom};

use super::{
    call::{Defaults, transaction},
    errors::refused,
    plan::{Base, PlannedBlock},
};
use crate::{
    block_rlp,
    chain_rules::{blob_base_fee, next_base_fee, next_excess_blob_gas, rules_at},
    error::{RpcError, code},
    json_text::JsonText,
    methods::TextList,
    quantity::{data, quantity},
    render::{self, Place},
    revert::reverted,
    service::Context,
    simulate::HeightState,
};

/// How the answer is made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Checks and logs.
    pub checks: Checks,
    /// Whether blocks show whole transactions.
    pub full_transactions: bool,
}

/// Runs the blocks on the state after `base`. Blocks; for threads of their own.
///
/// # Errors
/// A call that could not be a transaction, limits of gas, time and the answer.
pub fn run(
    context: &Context,
    base: &Base,
    blocks: Vec<PlannedBlock>,
    options: Options,
    reader: Arc<HeightState>,
    patience: Patience,
) -> Result<JsonText, RpcError> {
    let rules = rules_at(&context.service, base.header.number);
    let simulation = BlockSimulation::new(
        rules.block_hashes.clone(),
        rules.spec,
        reader,
        patience,
        options.checks,
    );
    let gas_left = context.service.config.call_gas_max;
    let state_height = base.state_height;
    let mut run = Run { context, state_height, simulation, options, gas_left };
    let mut parent = base.clone();
    let mut list = TextList::begin()?;
    for block in blocks {
        let (shown, header) = run.block(&parent, block)?;
        list.push(&shown)?;
        parent = Base { hash: header.hash_slow(), header, state_height };
    }
    list.end()
}

struct Run<'a> {
    context: &'a Context,
    state_height: u64,
    simulation: BlockSimulation<HeightState>,
    options: Options,
    /// Gas that all further calls together may use.
    gas_left: u64,
}

/// What the calls of one block came to.
#[derive(Default)]
struct Done {
    transactions: Vec<Transaction>,
    receipts: Vec<Receipt>,
    outcomes: Vec<Outcome>,
    gas_used: u64,
    blob_gas_used: u64,
}

impl Run<'_> {
    fn block(
        &mut self,
        parent: &Base,
        mut block: PlannedBlock,
    ) -> Result<(Value, Header), RpcError> {
        let rules = rules_at(&self.context.service, block.number);
        let mut header = preliminary(parent, &block, &rules, self.options.checks.validation);
        let environment = environment(&header, &block, &rules);
        let state = &block.state().0;
        self.simulation.begin(environment.clone(), rules.clone(), state).map_err(refused)?;
        let mut done = Done::default();
        for call in block.take_calls() {
            call.check(&rules)?;
            let transaction = self.transaction(call, &header, &done, &rules)?;
            let outcome = self.simulation.call(&transaction).map_err(refused)?;
            self.gas_left = self.gas_left.saturating_sub(gas_used(&outcome));
            done.add(transaction, outcome);
        }
        let credits = credits(&header, &block, &rules);
        let requests = self.simulation.end(&credits).map_err(refused)?;
        self.complete(&mut header, &done, requests, &rules);
        let shown = self.shown(&header, &block, &done, &rules, &environment);
        Ok((shown, header))
    }

    fn transaction(
        &mut self,
        object: crate::call_request::CallObject,
        header: &Header,
        done: &Done,
        rules: &ChainRules,
    ) -> Result<Transaction, RpcError> {
        let from = object.call.from.unwrap_or_default();
        let nonce = match object.nonce {
            Some(nonce) => nonce,
            None => self.simulation.nonce(from).map_err(refused)?,
        };
        let left = header.gas_limit.saturating_sub(done.gas_used);
        let gas = object.call.gas.unwrap_or(left);
        if gas > left {
            let (used, limit) = (done.gas_used, header.gas_limit);
            let message = format!("block gas limit reached: {used} >= {limit}");
            return Err(RpcError::new(code::BLOCK_GAS_LIMIT, message));
        }
        let gas = gas.min(self.gas_left);
        let has_base_fee = header.base_fee_per_gas.is_some();
        let defaults = Defaults { chain_id: rules.chain_id, nonce, gas, has_base_fee };
        Ok(transaction(object.call, defaults))
    }

    /// The fields that follow from execution. The state root is known only where the state is a
    /// Merkle Patricia trie; else it is zero.
    fn complete(&self, header: &mut Header, done: &Done, requests: Vec<Bytes>, rules: &ChainRules) {
        let encoded: Vec<Bytes> =
            done.transactions.iter().map(|transaction| transaction.encoded().clone()).collect();
        header.transactions_root = types::transactions_root(&encoded);
        (header.receipts_root, header.logs_bloom) = receipts_root_and_bloom(&done.receipts);
        header.gas_used = done.gas_used;
        if rules.spec.is_enabled_in(SpecId::CANCUN) {
            header.blob_gas_used = Some(done.blob_gas_used);
        }
        if rules.spec.is_enabled_in(SpecId::PRAGUE) {
            header.requests_hash = Some(requests_hash(requests));
        }
        let diff = self.simulation.diff();
        let root = self.context.service.ledger.root_with(self.state_height, &diff);
        header.state_root = root.unwrap_or_default();
    }

    fn shown(
        &self,
        header: &Header,
        block: &PlannedBlock,
        done: &Done,
        rules: &ChainRules,
        environment: &BlockEnvironment,
    ) -> Value {
        let hash = header.hash_slow();
        let withdrawals = header.withdrawals_root.map(|_| block.withdrawals());
        let encoded: Vec<Bytes> =
            done.transactions.iter().map(|transaction| transaction.encoded().clone()).collect();
        let size = block_rlp::encode(header, &encoded, &[], withdrawals).len();
        let transactions = done.transactions.iter().enumerate().map(|(index, transaction)| {
            if !self.options.full_transactions {
                return json!(transaction.hash());
            }
            let fee_rules = rules.transaction_rules(environment);
            let place = Place {
                number: header.number,
                hash,
                timestamp: header.timestamp,
                index,
                price: execution::effective_gas_price(transaction, &fee_rules),
            };
            shown_transaction(transaction, place)
        });
        let transactions = transactions.collect();
        let shown = render::header(header, None, hash);
        let mut shown = render::block_parts(shown, size, transactions, Vec::new(), withdrawals);
        let calls = done.transactions.iter().zip(&done.outcomes).enumerate();
        let calls = calls.map(|(index, (transaction, outcome))| {
            shown_call(outcome, (header, hash), (index, transaction.hash()))
        });
        shown["calls"] = Value::Array(calls.collect());
        shown
    }
}

impl Done {
    fn add(&mut self, transaction: Transaction, outcome: Outcome) {
        self.gas_used = self.gas_used.saturating_add(gas_used(&outcome));
        let blobs = transaction.envelope().blob_versioned_hashes().map_or(0, <[B256]>::len) as u64;
        self.blob_gas_used =
            self.blob_gas_used.saturating_add(blobs.saturating_mul(DATA_GAS_PER_BLOB));
        let (success, logs) = match &outcome.result {
            CallResult::Success { logs, .. } => (true, logs.clone()),
            CallResult::Revert { .. } | CallResult::Halt { .. } => (false, Vec::new()),
        };
        self.receipts.push(Receipt {
            transaction_type: transaction.type_byte(),
            success,
            cumulative_gas_used: self.gas_used,
            logs,
        });
        self.transactions.push(transaction);
        self.outcomes.push(outcome);
    }
}

fn gas_used(outcome: &Outcome) -> u64 {
    match outcome.result {
        CallResult::Success { gas_used, .. }
        | CallResult::Revert { gas_used, .. }
        | CallResult::Halt { gas_used, .. } => gas_used,
    }
}

/// The header before execution. Beneficiary and gas limit are the parent's unless asked otherwise.
fn preliminary(
    parent: &Base,
    block: &PlannedBlock,
    rules: &ChainRules,
    validation: bool,
) -> Header {
    let begun = |spec| rules.spec.is_enabled_in(spec);
    let (asked, extras) = (&block.asked.fields.0, &block.asked.fields.1);
    // Without validation a call that offers nothing meets no base fee.
    let base_fee = match validation {
        true => next_base_fee(&parent.header, rules),
        false => begun(SpecId::LONDON).then_some(0),
    };
    let withdrawals_root = || {
        let encoded: Vec<Bytes> =
            extras.withdrawals.iter().map(|one| alloy_rlp::encode(one).into()).collect();
        // A trie of the same form as that of transactions.
        types::transactions_root(&encoded)
    };
    let inherited = match begun(SpecId::MERGE) {
        true => U256::ZERO,
        false => parent.header.difficulty,
    };
    Header {
        parent_hash: parent.hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: asked.fee_recipient.unwrap_or(parent.header.beneficiary),
        difficulty: asked.difficulty.unwrap_or(inherited),
        number: block.number,
        gas_limit: asked.gas_limit.unwrap_or(parent.header.gas_limit),
        timestamp: block.timestamp,
        mix_hash: asked.prev_randao.unwrap_or_default(),
        base_fee_per_gas: base_fee.map(|fee| asked.base_fee_per_gas.unwrap_or(fee)),
        withdrawals_root: begun(SpecId::SHANGHAI).then(withdrawals_root),
        excess_blob_gas: next_excess_blob_gas(&parent.header, rules),
        parent_beacon_block_root: begun(SpecId::CANCUN)
            .then(|| extras.beacon_root.unwrap_or_default()),
        ..Header::default()
    }
}

fn environment(header: &Header, block: &PlannedBlock, rules: &ChainRules) -> BlockEnvironment {
    let time_ms = header.timestamp.saturating_mul(1000);
    let usual = blob_base_fee(header, rules).unwrap_or(BLOB_BASE_FEE_MIN);
    BlockEnvironment {
        blob_base_fee: block.asked.fields.0.blob_base_fee.unwrap_or(usual),
        ..BlockEnvironment::of_header(header, time_ms)
    }
}

/// Ether out of nothing: withdrawals, and the reward of blocks before the merge.
fn credits(header: &Header, block: &PlannedBlock, rules: &ChainRules) -> Vec<(Address, U256)> {
    let withdrawn = block.withdrawals().iter().map(|one| (one.address, one.amount_wei()));
    let withdrawals = withdrawn.filter(|_| header.withdrawals_root.is_some());
    withdrawals.chain([(header.beneficiary, rules.block_reward)]).collect()
}

fn requests_hash(requests: Vec<Bytes>) -> B256 {
    if requests.is_empty() {
        return EMPTY_REQUESTS_HASH;
    }
    Requests::new(requests).requests_hash()
}

fn shown_transaction(transaction: &Transaction, place: Place) -> Value {
    let mut value = render::transaction(transaction.envelope(), transaction.sender(), Some(place));
    value["hash"] = json!(transaction.hash());
    // Nobody signed it.
    value["v"] = json!("0x0");
    value
}

fn shown_call(
    outcome: &Outcome,
    (header, block_hash): (&Header, B256),
    (index, transaction_hash): (usize, B256),
) -> Value {
    let logs: Vec<Value> = outcome
        .logs
        .iter()
        .map(|log| {
            let entry = LogEntry {
                log: log.log.clone(),
                block_number: header.number,
                block_hash,
                block_timestamp: header.timestamp,
                transaction_hash,
                transaction_index: u32::try_from(index).unwrap_or(u32::MAX),
                log_index: u32::try_from(log.index).unwrap_or(u32::MAX),
            };
            json!(render::log(&entry))
        })
        .collect();
    let (output, error) = match &outcome.result {
        CallResult::Success { output, .. } => (output.clone(), None),
        CallResult::Revert { output, .. } => (Bytes::new(), Some(reverted(output))),
        CallResult::Halt { reason, .. } => {
            (Bytes::new(), Some(RpcError::new(code::CALL_FAILED, reason.clone())))
        }
    };
    let mut shown = json!({
        "returnData": data(output),
        "logs": logs,
        "gasUsed": quantity(gas_used(outcome)),
        "maxUsedGas": quantity(outcome.gas_used_max),
        "status": if error.is_none() { "0x1" } else { "0x0" },
    });
    if let Some(error) = error {
        shown["error"] = error.to_json();
    }
    shown
}
