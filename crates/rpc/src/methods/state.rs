//! Accounts, code and storage at a block.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256};
use serde_json::{Map, Value, json};
use state::{AccountRecord, StateKey, StateValue};

use crate::{
    block_id::BlockId,
    error::RpcError,
    limits::STORAGE_VALUES_MAX,
    params::Params,
    quantity::{Slot, data, quantity},
    service::Context,
    view::View,
};

fn block(view: &View, params: &Params, index: usize) -> Result<u64, RpcError> {
    view.known_or_pending(params.optional::<BlockId>(index)?.unwrap_or_default())
}

/// The account, or an empty one.
pub async fn account(
    view: &View,
    number: u64,
    address: Address,
) -> Result<AccountRecord, RpcError> {
    match view.value(number, StateKey::Account(address)).await? {
        Some(StateValue::Account(record)) => Ok(record),
        Some(_) => Err(RpcError::internal("the state answered another kind of value")),
        None => Ok(AccountRecord::default()),
    }
}

async fn code_of(view: &View, number: u64, record: &AccountRecord) -> Result<Bytes, RpcError> {
    if record.code_hash == AccountRecord::default().code_hash {
        return Ok(Bytes::new());
    }
    match view.value(number, StateKey::Code(record.code_hash)).await? {
        Some(StateValue::Code(code)) => Ok(code),
        _ => Err(RpcError::internal(format_args!("code {} is missing", record.code_hash))),
    }
}

/// `eth_getBalance`.
pub async fn balance(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let (view, address) = (context.view(), params.required(0)?);
    let number = block(&view, params, 1)?;
    Ok(quantity(account(&view, number, address).await?.balance))
}

/// `eth_getTransactionCount`; `pending` counts what waits in this node's pool without a gap.
pub async fn transaction_count(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let (view, address) = (context.view(), params.required(0)?);
    let id = params.optional::<BlockId>(1)?.unwrap_or_default();
    let nonce = account(&view, view.known(id)?, address).await?.nonce;
    Ok(quantity(match id {
        BlockId::Pending => context.service.ledger.pool().pending_nonce(address, nonce),
        _ => nonce,
    }))
}

/// `eth_getCode`.
pub async fn code(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let (view, address) = (context.view(), params.required(0)?);
    let number = block(&view, params, 1)?;
    let record = account(&view, number, address).await?;
    Ok(data(code_of(&view, number, &record).await?))
}

/// `eth_getStorageAt`: always 32 bytes.
pub async fn storage_at(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let (view, address) = (context.view(), params.required(0)?);
    let Slot(slot) = params.required(1)?;
    let number = block(&view, params, 2)?;
    let value = view.value(number, StateKey::Storage(address, slot.into())).await?;
    Ok(json!(word(value)?))
}

fn word(value: Option<StateValue>) -> Result<B256, RpcError> {
    match value {
        None => Ok(B256::ZERO),
        Some(StateValue::Storage(value)) => Ok(B256::from(value)),
        Some(_) => Err(RpcError::internal("the state answered another kind of value")),
    }
}

/// `eth_getAccountInfo`: balance, nonce and code in one answer.
pub async fn account_info(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let (view, address) = (context.view(), params.required(0)?);
    let number = block(&view, params, 1)?;
    let record = account(&view, number, address).await?;
    Ok(json!({
        "balance": quantity(record.balance),
        "nonce": quantity(record.nonce),
        "code": data(code_of(&view, number, &record).await?),
    }))
}

/// `eth_getStorageValues`: many slots of many accounts.
pub async fn storage_values(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let wanted: BTreeMap<Address, Vec<Slot>> = params.required(0)?;
    let count: usize = wanted.values().map(Vec::len).sum();
    if count == 0 {
        return Err(RpcError::invalid_params("empty request"));
    }
    if count > STORAGE_VALUES_MAX {
        return Err(RpcError::limit(format!("too many slots (max {STORAGE_VALUES_MAX})")));
    }
    let view = context.view();
    let number = block(&view, params, 1)?;
    let keys = wanted.iter().flat_map(|(address, slots)| {
        slots.iter().map(|slot| StateKey::Storage(*address, U256::from_be_bytes(slot.0.0)))
    });
    let mut values = view.values(number, keys.collect()).await?.into_iter();
    let mut object = Map::new();
    for (address, slots) in &wanted {
        let words: Result<Vec<B256>, RpcError> =
            values.by_ref().take(slots.len()).map(word).collect();
        object.insert(format!("{address:#x}"), json!(words?));
    }
    Ok(Value::Object(object))
}
