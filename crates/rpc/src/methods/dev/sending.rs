//! Transactions and messages signed by the ledger, or sent without a signature.

use alloy_consensus::TxEnvelope;
use alloy_primitives::{Address, B256, Bytes, eip191_hash_message};
use ledger_api::{Development, DevelopmentError};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{off_thread, on_ledger, typed_data::TypedData};
use crate::{
    call_request::CallObject, error::RpcError, methods::simulation::filled, params::Params,
    quantity::data, service::Context,
};

/// Transactions are filled in and sent one after the other: of two that are asked for at once, the
/// second gets the nonce after the first one's.
static ORDER: Mutex<()> = Mutex::const_new(());

/// `eth_sendTransaction`: fills in what is missing, as `eth_fillTransaction` does, and sends from a
/// development account or an impersonated one. One that reverts is refused by its estimate; with a
/// gas limit of its own it stands in a block and its receipt says so.
pub async fn send(context: &Context, params: &Params) -> Result<Value, RpcError> {
    sent(context, params, |ledger, sender, unsigned| ledger.send(sender, unsigned)).await
}

/// `eth_sendUnsignedTransaction`: the same from any account, as if it were impersonated.
pub async fn send_unsigned(context: &Context, params: &Params) -> Result<Value, RpcError> {
    sent(context, params, |ledger, sender, unsigned| ledger.send_unsigned(sender, unsigned)).await
}

async fn sent(
    context: &Context,
    params: &Params,
    send: fn(&dyn Development, Address, TxEnvelope) -> Result<B256, DevelopmentError>,
) -> Result<Value, RpcError> {
    let object = params.required(0)?;
    let _turn = ORDER.lock().await;
    let (sender, unsigned) = complete(context, object).await?;
    on_ledger(context, move |development| send(development, sender, unsigned))
        .await
        .map(|hash| json!(hash))
}

/// `eth_signTransaction`: fills in what is missing and answers the transaction signed by a
/// development account, not sent.
pub async fn sign_transaction(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let (sender, unsigned) = complete(context, params.required(0)?).await?;
    on_ledger(context, move |development| development.sign(sender, unsigned)).await.map(data)
}

/// The sender, the first development account where none is named, and the transaction.
async fn complete(
    context: &Context,
    mut object: CallObject,
) -> Result<(Address, TxEnvelope), RpcError> {
    if object.call.from.is_none() {
        let development = context.service.ledger.development();
        object.call.from = development.and_then(|ledger| ledger.accounts().first().copied());
    }
    filled(context, object).await
}

/// `eth_signTypedData_v4`: account, document (EIP-712) as an object or as its text.
pub async fn sign_typed_data(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let account: Address = params.required(0)?;
    let document: TypedData = params.required(1)?;
    // Of a long document it takes a while.
    let digest =
        off_thread(move || document.digest().map_err(|error| RpcError::argument(1, error)));
    signed_hash(context, account, digest.await?).await
}

async fn signed(context: &Context, account: Address, message: Bytes) -> Result<Value, RpcError> {
    signed_hash(context, account, eip191_hash_message(&message)).await
}

async fn signed_hash(context: &Context, account: Address, hash: B256) -> Result<Value, RpcError> {
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
