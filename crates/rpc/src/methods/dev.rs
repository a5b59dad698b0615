//! What only a development ledger answers: making blocks, going back, setting values, sending without
//! a signature. The methods are those of Foundry's anvil and of Hardhat's node, under both names. On
//! every other ledger they do not exist.

mod mining;
mod sending;
mod state;
mod typed_data;
mod values;

use ledger_api::{Development, DevelopmentError};
use serde_json::{Value, json};

use super::{blocks::off_thread, transactions::refused};
use crate::{
    error::{RpcError, code},
    params::Params,
    quantity::quantity,
    service::Context,
};

pub use mining::{
    automine, increase_time, interval, mine, mine_blocks, remove_timestamp_interval, set_automine,
    set_beneficiary, set_gas_limit, set_interval, set_next_base_fee, set_next_timestamp,
    set_prev_randao, set_time, set_timestamp_interval,
};
pub use sending::{
    drop_all, drop_of_sender, drop_transaction, impersonate, impersonate_all, personal_sign, send,
    send_unsigned, sign, sign_transaction, sign_typed_data, stop_impersonating,
};
pub use state::{dump, load, reset, revert, snapshot};
pub use values::{add_balance, set_balance, set_code, set_nonce, set_storage};

/// Runs `work` on the development ledger where it may take long.
async fn on_ledger<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce(&dyn Development) -> Result<T, DevelopmentError> + Send + 'static,
) -> Result<T, RpcError> {
    let ledger = context.service.ledger.clone();
    off_thread(move || {
        let development = ledger.development().ok_or_else(not_development)?;
        work(development).map_err(failed)
    })
    .await
}

fn not_development() -> RpcError {
    RpcError::new(code::METHOD_NOT_FOUND, "only a development ledger can do that")
}

/// What a caller is told.
fn failed(error: DevelopmentError) -> RpcError {
    match error {
        DevelopmentError::Refused(refusal) => refused(refusal),
        DevelopmentError::UnknownAccount(_) => RpcError::new(code::SERVER, error.to_string()),
        DevelopmentError::Value(text) => RpcError::invalid_params(text),
        DevelopmentError::Failed(text) => RpcError::internal(text),
    }
}

/// `eth_accounts`: accounts whose keys the ledger holds, none but on a development ledger.
pub async fn accounts(context: &Context, _: &Params) -> Result<Value, RpcError> {
    let development = context.service.ledger.development();
    Ok(json!(development.map(Development::accounts).unwrap_or_default()))
}

/// `hardhat_setLoggingEnabled`, `anvil_setLoggingEnabled`: nothing is printed per call either way.
pub async fn set_logging(_: &Context, params: &Params) -> Result<Value, RpcError> {
    params.required::<bool>(0).map(|_| Value::Bool(true))
}

/// `hardhat_setMinGasPrice`, `anvil_setMinGasPrice`: there are base fees instead, as on every ledger
/// since EIP-1559.
pub async fn set_min_gas_price(_: &Context, _: &Params) -> Result<Value, RpcError> {
    Err(RpcError::invalid_params(
        "a minimum gas price is not supported when EIP-1559 is active; set the base fee instead",
    ))
}

/// `hardhat_metadata`, `anvil_metadata`.
pub async fn metadata(context: &Context, _: &Params) -> Result<Value, RpcError> {
    let info = on_ledger(context, |development| Ok(development.info())).await?;
    let head = context.view().head();
    Ok(json!({
        "clientVersion": context.service.config.client_version,
        "chainId": context.service.genesis.chain_id,
        "instanceId": info.instance_id,
        "latestBlockNumber": head.number,
        "latestBlockHash": head.hash,
        "forkedNetwork": null,
        "snapshots": {},
    }))
}

/// `anvil_nodeInfo`.
pub async fn node_info(context: &Context, _: &Params) -> Result<Value, RpcError> {
    let info = on_ledger(context, |development| Ok(development.info())).await?;
    let head = context.view().head();
    Ok(json!({
        "currentBlockNumber": quantity(head.number),
        "currentBlockTimestamp": head.time_ms / 1_000,
        "currentBlockHash": head.hash,
        "hardFork": info.spec.to_string(),
        "transactionOrder": "fifo",
        "environment": {
            "baseFee": quantity(info.base_fee_wei),
            "chainId": context.service.genesis.chain_id,
            "gasLimit": quantity(info.gas_limit),
            "gasPrice": quantity(info.base_fee_wei),
        },
        "forkConfig": { "forkUrl": null, "forkBlockNumber": null, "forkRetryBackoff": null },
    }))
}
