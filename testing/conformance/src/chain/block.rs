//! Executes one block and compares the result with its header.

use std::collections::BTreeMap;

use alloy_consensus::{
    Block, Eip658Value, Header, Receipt, ReceiptEnvelope, Transaction as _, TxEnvelope,
    proofs::{
        calculate_ommers_root, calculate_receipt_root, calculate_transaction_root,
        calculate_withdrawals_root,
    },
};
use alloy_eips::{eip4844::DATA_GAS_PER_BLOB, eip7685::Requests};
use alloy_primitives::{Address, B256, Bloom, U256};
use eyre::{Context, OptionExt, Result, ensure};
use revm::{context::BlockEnv, primitives::hardfork::SpecId};
use state::{StateDiff, mpt::MptState};

use super::{body, issuance, requests, schedule::Schedule};
use crate::machine::{Frame, Machine};

/// A block whose execution agreed with its header.
#[derive(Clone, Debug)]
pub struct ImportedBlock {
    /// keccak256 of the header.
    pub hash: B256,
    /// Header, transactions, ommers, withdrawals.
    pub block: Block<TxEnvelope>,
    /// Who signed each transaction.
    pub senders: Vec<Address>,
    /// One for each transaction.
    pub receipts: Vec<ReceiptEnvelope>,
    /// Whether each transaction succeeded, which receipts before Byzantium do not tell.
    pub successes: Vec<bool>,
    /// Requests to the consensus layer; `None` before Prague.
    pub requests: Option<Requests>,
    /// Sum of the difficulties up to and including this block.
    pub total_difficulty: U256,
    /// State after the block.
    pub state: MptState,
    /// What the block changed.
    pub diff: StateDiff,
}

/// What a block is executed on.
pub(super) struct Ground<'a> {
    /// The block's rules.
    pub(super) schedule: &'a Schedule,
    /// EIP-155 chain id.
    pub(super) chain_id: u64,
    /// EIP-6110's contract.
    pub(super) deposit_contract: Option<Address>,
    /// State after the parent.
    pub(super) state: &'a MptState,
    /// Hashes of earlier blocks by number.
    pub(super) block_hashes: BTreeMap<u64, B256>,
}

/// What came out.
pub(super) struct Executed {
    pub(super) senders: Vec<Address>,
    pub(super) receipts: Vec<ReceiptEnvelope>,
    pub(super) successes: Vec<bool>,
    pub(super) requests: Option<Requests>,
    pub(super) state: MptState,
}

/// Executes a block and compares everything with its header.
pub(super) fn execute(block: &Block<TxEnvelope>, ground: &Ground<'_>) -> Result<Executed> {
    let header = &block.header;
    let frame = Frame::new(
        ground.schedule.rules.clone(),
        ground.chain_id,
        environment(header, ground.schedule),
        ground.block_hashes.clone(),
    );
    let mut machine = frame.machine(ground.state);
    requests::begin(&mut machine, &frame, header)?;
    let Ran { senders, receipts, successes } =
        execute_transactions(block, ground, &frame, &mut machine)?;
    let mut state = ground.state.clone();
    state.apply(&machine.diff())?;
    issuance::reward(&mut state, frame.rules.spec, header, &block.body.ommers)?;
    issuance::withdraw(&mut state, block.body.withdrawals.as_deref().unwrap_or(&Vec::new()))?;
    let requests = requests::end(&mut state, &frame, ground.deposit_contract, &receipts)?;
    let executed = Executed { senders, receipts, successes, requests, state };
    check_body(block)?;
    check_result(header, &executed)?;
    Ok(executed)
}

fn environment(header: &Header, schedule: &Schedule) -> BlockEnv {
    let mut environment = BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: header.difficulty,
        prevrandao: schedule.rules.is_merged().then_some(header.mix_hash),
        blob_excess_gas_and_price: None,
        slot_num: 0,
    };
    if let Some(excess) = header.excess_blob_gas {
        schedule.rules.set_blob_price(&mut environment, excess);
    }
    environment
}

/// What the transactions came to.
#[derive(Default)]
struct Ran {
    senders: Vec<Address>,
    receipts: Vec<ReceiptEnvelope>,
    successes: Vec<bool>,
}

fn execute_transactions(
    block: &Block<TxEnvelope>,
    ground: &Ground<'_>,
    frame: &Frame,
    machine: &mut Machine<'_>,
) -> Result<Ran> {
    let Ran { mut senders, mut receipts, mut successes } = Ran::default();
    let mut cumulative_gas_used = 0u64;
    for (index, transaction) in block.body.transactions.iter().enumerate() {
        let sender = body::sender(transaction, ground.schedule)
            .wrap_err_with(|| format!("transaction {index}"))?;
        ensure!(
            cumulative_gas_used
                .checked_add(transaction.gas_limit())
                .is_some_and(|gas| gas <= block.header.gas_limit),
            "transaction {index} exceeds the block's gas"
        );
        let outcome = machine
            .transact(body::environment(transaction, sender))?
            .wrap_err_with(|| format!("transaction {index} is invalid"))?;
        cumulative_gas_used =
            cumulative_gas_used.checked_add(outcome.gas_used).ok_or_eyre("gas overflows")?;
        let status = if frame.rules.spec.is_enabled_in(SpecId::BYZANTIUM) {
            Eip658Value::Eip658(outcome.success)
        } else {
            Eip658Value::PostState(root_so_far(ground.state, machine)?)
        };
        let receipt = Receipt { status, cumulative_gas_used, logs: outcome.logs };
        receipts.push(ReceiptEnvelope::from_typed(transaction.tx_type(), receipt));
        senders.push(sender);
        successes.push(outcome.success);
    }
    Ok(Ran { senders, receipts, successes })
}

/// Old receipts carry the state root after their transaction.
fn root_so_far(before: &MptState, machine: &mut Machine<'_>) -> Result<B256> {
    let mut state = before.clone();
    state.apply(&machine.diff())?;
    Ok(state.root())
}

/// The header's commitments to what came with the block.
fn check_body(block: &Block<TxEnvelope>) -> Result<()> {
    let Block { header, body } = block;
    let transactions = calculate_transaction_root(&body.transactions);
    ensure!(transactions == header.transactions_root, "transactions root {transactions}");
    let ommers = calculate_ommers_root(&body.ommers);
    ensure!(ommers == header.ommers_hash, "ommers hash {ommers}");
    let withdrawals = body.withdrawals.as_ref().map(|list| calculate_withdrawals_root(list));
    ensure!(withdrawals == header.withdrawals_root, "withdrawals root {withdrawals:?}");
    let blobs: u64 =
        body.transactions.iter().filter_map(|transaction| transaction.blob_count()).sum();
    let blob_gas = blobs * DATA_GAS_PER_BLOB;
    ensure!(header.blob_gas_used.unwrap_or_default() == blob_gas, "blob gas {blob_gas}");
    Ok(())
}

/// The header's commitments to what execution led to.
fn check_result(header: &Header, executed: &Executed) -> Result<()> {
    let gas_used = executed.receipts.last().map_or(0, ReceiptEnvelope::cumulative_gas_used);
    ensure!(gas_used == header.gas_used, "gas used {gas_used}, expected {}", header.gas_used);
    let receipts = calculate_receipt_root(&executed.receipts);
    ensure!(receipts == header.receipts_root, "receipts root {receipts}");
    let mut bloom = Bloom::ZERO;
    for receipt in &executed.receipts {
        bloom |= *receipt.logs_bloom();
    }
    ensure!(bloom == header.logs_bloom, "logs bloom {bloom}");
    let requests = executed.requests.as_ref().map(Requests::requests_hash);
    ensure!(requests == header.requests_hash, "requests hash {requests:?}");
    let root = executed.state.root();
    ensure!(root == header.state_root, "state root {root}, expected {}", header.state_root);
    Ok(())
}
