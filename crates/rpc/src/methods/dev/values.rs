//! Values of accounts, set directly.

use alloy_primitives::{Address, Bytes};
use ledger_api::Edit;
use serde_json::Value;

use super::on_ledger;
use crate::{
    error::RpcError,
    params::Params,
    quantity::{Number, Slot, Small},
    service::Context,
};

async fn edit(context: &Context, address: Address, edit: Edit) -> Result<Value, RpcError> {
    on_ledger(context, move |development| development.edit(address, edit)).await?;
    Ok(Value::Bool(true))
}

/// `hardhat_setBalance`, `anvil_setBalance`.
pub async fn set_balance(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Number(wei) = params.required(1)?;
    edit(context, params.required(0)?, Edit::Balance(wei)).await
}

/// `anvil_addBalance`: wei on top of what is there.
pub async fn add_balance(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Number(wei) = params.required(1)?;
    edit(context, params.required(0)?, Edit::AddedBalance(wei)).await
}

/// `hardhat_setNonce`, `anvil_setNonce`, `evm_setAccountNonce`.
pub async fn set_nonce(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Small(nonce) = params.required(1)?;
    edit(context, params.required(0)?, Edit::Nonce(nonce)).await
}

/// `hardhat_setCode`, `anvil_setCode`.
pub async fn set_code(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let code: Bytes = params.required(1)?;
    edit(context, params.required(0)?, Edit::Code(code)).await
}

/// `hardhat_setStorageAt`, `anvil_setStorageAt`.
pub async fn set_storage(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let (Slot(slot), Slot(word)) = (params.required(1)?, params.required(2)?);
    edit(context, params.required(0)?, Edit::Storage(slot.into(), word.into())).await
}
