//! Going back, beginning anew, and taking a state from one ledger to another.

use alloy_primitives::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::on_ledger;
use crate::{
    error::RpcError,
    params::Params,
    quantity::{Small, data, quantity},
    service::Context,
};

/// `evm_snapshot`: the snapshot's number.
pub async fn snapshot(context: &Context, _: &Params) -> Result<Value, RpcError> {
    on_ledger(context, |development| development.snapshot()).await.map(quantity)
}

/// `evm_revert`: whether there was such a snapshot.
pub async fn revert(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Small(snapshot) = params.required(0)?;
    let done = on_ledger(context, move |development| development.revert(snapshot)).await?;
    went_back(context);
    Ok(Value::Bool(done))
}

/// Filters go on from where the ledger went back to.
fn went_back(context: &Context) {
    context.service.filters.go_back(context.view().head().number);
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResetOptions {
    forking: Option<Value>,
}

/// `hardhat_reset`, `anvil_reset`: block 1 and the options of the start. There is no forking.
pub async fn reset(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let options: ResetOptions = params.optional(0)?.unwrap_or_default();
    if options.forking.is_some_and(|forking| names_something(&forking)) {
        return Err(RpcError::invalid_params("forking another network is not offered"));
    }
    on_ledger(context, |development| development.reset()).await?;
    went_back(context);
    Ok(Value::Bool(true))
}

/// viem names nothing to be forked, in an object of its own.
fn names_something(forking: &Value) -> bool {
    match forking {
        Value::Object(fields) => fields.values().any(|field| !field.is_null()),
        other => !other.is_null(),
    }
}

/// `anvil_dumpState`: all accounts with code and storage, JSON as bytes.
pub async fn dump(context: &Context, _: &Params) -> Result<Value, RpcError> {
    on_ledger(context, |development| development.dump()).await.map(data)
}

/// `anvil_loadState`: sets the accounts of a dump.
pub async fn load(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let dump: Bytes = params.required(0)?;
    on_ledger(context, move |development| development.load(&dump)).await?;
    Ok(Value::Bool(true))
}
