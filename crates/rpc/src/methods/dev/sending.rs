//! Transactions and messages signed by the ledger, or sent without a signature.

use alloy_primitives::{Address, B256, Bytes, eip191_hash_message};
use serde_json::{Value, json};

use super::on_ledger;
use crate::{
    call_request::CallObject, error::RpcError, methods::simulation::filled, params::Params,
    quantity::data, service::Context,
};

/// `eth_sendTransaction`: fills in what is missing, as `eth_fillTransaction` does, and sends from a
/// development account or an impersonated one. One that reverts is refused by its estimate; with a
/// gas limit of its own it stands in a block and its receipt says so.
pub async fn send(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let mut object: CallObject = params.required(0)?;
    if object.call.from.is_none() {
        let development = context.service.ledger.development();
        object.call.from = development.and_then(|ledger| ledger.accounts().first().copied());
    }
    let sender = object.call.from.unwrap_or_default();
    let (_, envelope) = filled(context, object).await?;
    on_ledger(context, move |development| development.send(sender, envelope))
        .await
        .map(|hash| json!(hash))
}

async fn signed(context: &Context, account: Address, message: Bytes) -> Result<Value, RpcError> {
    let hash = eip191_hash_message(&message);
    let signature =
        on_ledger(context, move |development| development.sign_hash(account, hash)).await?;
    Ok(data(signature.as_bytes()))
}

/// `eth_sign`: account, message (EIP-191).
pub async fn sign(context: &Context, params: &Params) -> Result<Value, RpcError> {
    signed(context, params.required(0)?, params.required(1)?).await
}

/// `personal_sign`: message, account (EIP-191).
pub async fn personal_sign(context: &Context, params: &Params) -> Result<Value, RpcError> {
    signed(context, params.required(1)?, params.required(0)?).await
}

/// `hardhat_impersonateAccount`, `anvil_impersonateAccount`.
pub async fn impersonate(context: &Context, params: &Params) -> Result<Value, RpcError> {
    set_impersonated(context, params, true).await
}

/// `hardhat_stopImpersonatingAccount`, `anvil_stopImpersonatingAccount`.
pub async fn stop_impersonating(context: &Context, params: &Params) -> Result<Value, RpcError> {
    set_impersonated(context, params, false).await
}

async fn set_impersonated(
    context: &Context,
    params: &Params,
    impersonated: bool,
) -> Result<Value, RpcError> {
    let address: Address = params.required(0)?;
    on_ledger(context, move |development| {
        development.impersonate(address, impersonated);
        Ok(Value::Bool(true))
    })
    .await
}

/// `anvil_autoImpersonateAccount`: every account, or no longer.
pub async fn impersonate_all(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let impersonated: bool = params.required(0)?;
    on_ledger(context, move |development| {
        development.impersonate_all(impersonated);
        Ok(Value::Bool(true))
    })
    .await
}

/// `hardhat_dropTransaction`, `anvil_dropTransaction`: whether it waited in the pool.
pub async fn drop_transaction(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.required(0)?;
    on_ledger(context, move |development| Ok(development.drop_transaction(hash)))
        .await
        .map(Value::Bool)
}

/// `anvil_dropAllTransactions`.
pub async fn drop_all(context: &Context, _: &Params) -> Result<Value, RpcError> {
    on_ledger(context, |development| {
        development.drop_transactions(None);
        Ok(Value::Bool(true))
    })
    .await
}

/// `anvil_removePoolTransactions`: those of one sender.
pub async fn drop_of_sender(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let sender: Address = params.required(0)?;
    on_ledger(context, move |development| {
        development.drop_transactions(Some(sender));
        Ok(Value::Bool(true))
    })
    .await
}
