//! One expectation of a state test: build state, block and transaction, execute, compare.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, TxKind, U256, keccak256};
use eyre::{Context, OptionExt, Result, bail, ensure};
use revm::{
    context::{BlockEnv, TxEnv},
    primitives::BLOCK_HASH_HISTORY,
};
use state::{AccountRecord, StateKey, StateValue, mpt::MptState};

use super::format::{Account, Environment, Expectation, Test, Transactions};
use crate::machine::{Frame, Rules};

/// Chain id of all state tests.
const CHAIN_ID: u64 = 1;

/// Builds the state before the transaction.
pub(super) fn state_before(accounts: &BTreeMap<Address, Account>) -> Result<MptState> {
    let mut state = MptState::new();
    for (address, account) in accounts {
        let code_hash = keccak256(&account.code);
        let record = AccountRecord {
            nonce: account.nonce.value_u64().ok_or_eyre("nonce")?,
            balance: account.balance.value().ok_or_eyre("balance")?,
            code_hash,
        };
        state.set(StateKey::Account(*address), Some(StateValue::Account(record)))?;
        if !account.code.is_empty() {
            let code = StateValue::Code(account.code.clone());
            state.set(StateKey::Code(code_hash), Some(code))?;
        }
        for (slot, value) in &account.storage {
            let slot = slot.value().ok_or_eyre("slot")?;
            let value = value.value().ok_or_eyre("value of a slot")?;
            let value = (!value.is_zero()).then_some(StateValue::Storage(value));
            state.set(StateKey::Storage(*address, slot), value)?;
        }
    }
    Ok(state)
}

/// Runs one expectation.
///
/// # Errors
/// What differs from the expectation.
pub(super) fn check(
    test: &Test,
    before: &MptState,
    rules: &Rules,
    expectation: &Expectation,
) -> Result<()> {
    let frame = frame(&test.env, rules)?;
    let mut machine = frame.machine(before);
    let outcome = match transaction(&test.transaction, expectation)? {
        Member::Transaction(transaction) => {
            machine.transact(*transaction)?.map_err(|invalid| invalid.to_string())
        }
        Member::Impossible(reason) => Err(reason.to_owned()),
    };
    match (outcome, &expectation.expect_exception) {
        (Ok(outcome), None) => {
            let mut after = before.clone();
            after.apply(&machine.diff()).wrap_err("effect does not apply")?;
            let logs = keccak256(alloy_rlp::encode(&outcome.logs));
            ensure!(logs == expectation.logs, "logs {logs}, expected {}", expectation.logs);
            same_root(after.root(), expectation)
        }
        (Err(_), Some(_)) => {
            let logs = keccak256(alloy_rlp::encode(Vec::<alloy_primitives::Log>::new()));
            ensure!(logs == expectation.logs, "logs of an invalid transaction expected");
            let mut after = before.clone();
            reward_nothing(&mut after, test.env.current_coinbase, rules)?;
            same_root(after.root(), expectation)
        }
        (Ok(_), Some(exception)) => bail!("executed, expected {exception}"),
        (Err(reason), None) => bail!("refused: {reason}"),
    }
}

/// The tests' block has an empty reward. Before EIP-161 it leaves an empty account where there was
/// none; a valid transaction does so itself by paying its fee, be it zero.
fn reward_nothing(state: &mut MptState, beneficiary: Address, rules: &Rules) -> Result<()> {
    let key = StateKey::Account(beneficiary);
    if rules.removes_empty_accounts() || state.get(&key).is_some() {
        return Ok(());
    }
    state.set(key, Some(StateValue::Account(AccountRecord::default())))?;
    Ok(())
}

fn same_root(root: B256, expectation: &Expectation) -> Result<()> {
    ensure!(root == expectation.hash, "state root {root}, expected {}", expectation.hash);
    Ok(())
}

/// The block around the transaction.
fn frame(environment: &Environment, rules: &Rules) -> Result<Frame> {
    let number = environment.current_number.value_u64().ok_or_eyre("number")?;
    let base_fee = match &environment.current_base_fee {
        Some(base_fee) => base_fee.value_u64().ok_or_eyre("base fee")?,
        None => 0,
    };
    let mut block = BlockEnv {
        number: U256::from(number),
        beneficiary: environment.current_coinbase,
        timestamp: environment.current_timestamp.value().ok_or_eyre("timestamp")?,
        gas_limit: environment.current_gas_limit.value_u64().ok_or_eyre("gas limit")?,
        basefee: base_fee,
        difficulty: environment.current_difficulty.value().ok_or_eyre("difficulty")?,
        prevrandao: rules.is_merged().then(|| environment.current_random.unwrap_or_default()),
        blob_excess_gas_and_price: None,
        slot_num: 0,
    };
    if let Some(excess) = &environment.current_excess_blob_gas {
        let excess = excess.value_u64().ok_or_eyre("excess blob gas")?;
        rules.set_blob_price(&mut block, excess);
    }
    Ok(Frame::new(rules.clone(), CHAIN_ID, block, block_hashes(number)))
}

/// The tests' rule for hashes of earlier blocks: keccak256 of the number in decimal.
fn block_hashes(number: u64) -> BTreeMap<u64, B256> {
    (number.saturating_sub(BLOCK_HASH_HISTORY)..number)
        .map(|number| (number, keccak256(number.to_string())))
        .collect()
}

/// A member of a test's family of transactions.
enum Member {
    Transaction(Box<TxEnv>),
    /// Has no encoding, so no block can hold it.
    Impossible(&'static str),
}

fn transaction(family: &Transactions, expectation: &Expectation) -> Result<Member> {
    let indexes = expectation.indexes;
    let data = family.data.get(indexes.data).ok_or_eyre("index of data")?;
    let gas_limit = family.gas_limit.get(indexes.gas).ok_or_eyre("index of gas")?;
    let value = family.value.get(indexes.value).ok_or_eyre("index of value")?;
    let Some(value) = value.value() else {
        return Ok(Member::Impossible("value wider than 256 bits"));
    };
    let access_list = family.access_lists.get(indexes.data).cloned().flatten();
    let kind = if family.to.is_empty() {
        TxKind::Create
    } else {
        TxKind::Call(family.to.parse().wrap_err("to")?)
    };
    let Some(tx_type) = type_byte(family, access_list.is_some(), kind) else {
        return Ok(Member::Impossible("blob transaction without a recipient"));
    };
    let Some(fees) = fees(family) else {
        return Ok(Member::Impossible("fee that nobody can pay"));
    };
    Ok(Member::Transaction(Box::new(TxEnv {
        tx_type,
        caller: family.sender,
        gas_limit: gas_limit.value_u64().ok_or_eyre("gas limit")?,
        gas_price: fees.price,
        kind,
        value,
        data: data.clone(),
        nonce: family.nonce.value_u64().ok_or_eyre("nonce")?,
        chain_id: Some(CHAIN_ID),
        access_list: access_list.unwrap_or_default(),
        gas_priority_fee: fees.tip,
        blob_hashes: family.blob_versioned_hashes.clone().unwrap_or_default(),
        max_fee_per_blob_gas: fees.blob,
        authorization_list: Vec::new(),
    })))
}

/// EIP-2718 type of the member, told by the fields it has; `None` where none can carry them.
fn type_byte(family: &Transactions, has_access_list: bool, kind: TxKind) -> Option<u8> {
    if family.max_fee_per_blob_gas.is_some() {
        return kind.is_call().then_some(3);
    }
    if family.max_fee_per_gas.is_some() {
        return Some(2);
    }
    Some(u8::from(has_access_list))
}

struct Fees {
    price: u128,
    tip: Option<u128>,
    blob: u128,
}

/// Wei per gas; `None` for more than 128 bits, which no balance covers and revm cannot hold.
fn fees(family: &Transactions) -> Option<Fees> {
    let price = family.gas_price.as_ref().or(family.max_fee_per_gas.as_ref())?;
    let optional = |quantity: &Option<super::quantity::Quantity>| match quantity {
        Some(quantity) => quantity.value_u128().map(Some),
        None => Some(None),
    };
    Some(Fees {
        price: price.value_u128()?,
        tip: optional(&family.max_priority_fee_per_gas)?,
        blob: optional(&family.max_fee_per_blob_gas)?.unwrap_or_default(),
    })
}
