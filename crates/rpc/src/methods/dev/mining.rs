//! When blocks are made, and what stands in them.

use alloy_primitives::{Address, B256};
use ledger_api::{BlockPlan, Mining, NextBlock};
use serde::Deserialize;
use serde_json::{Value, json};

use super::on_ledger;
use crate::{
    error::RpcError,
    params::Params,
    quantity::{Number, Small},
    service::Context,
};

/// What `evm_mine` takes: a timestamp, or an object with one.
#[derive(Deserialize)]
#[serde(untagged)]
enum MineOptions {
    Timestamp(Small),
    Object { timestamp: Option<Small>, blocks: Option<Small> },
}

/// `evm_mine`: one block, with a timestamp where one is given.
pub async fn mine(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let (timestamp, blocks) = match params.optional(0)? {
        None => (None, None),
        Some(MineOptions::Timestamp(timestamp)) => (Some(timestamp), None),
        Some(MineOptions::Object { timestamp, blocks }) => (timestamp, blocks),
    };
    let small = |number: Option<Small>| number.map(|Small(number)| number);
    let plan = BlockPlan {
        timestamp: small(timestamp),
        blocks: small(blocks).unwrap_or(1),
        ..BlockPlan::ONE
    };
    on_ledger(context, move |development| development.mine(plan)).await?;
    Ok(json!("0x0"))
}

/// `hardhat_mine`, `anvil_mine`: so many blocks (1) with so many seconds (1) between them.
pub async fn mine_blocks(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let blocks = params.optional(0)?.map_or(1, |Small(blocks)| blocks);
    let interval_s = params.optional(1)?.map(|Small(seconds)| seconds);
    let plan = BlockPlan { blocks, interval_s, timestamp: None };
    on_ledger(context, move |development| development.mine(plan)).await?;
    Ok(Value::Bool(true))
}

/// `hardhat_getAutomine`, `anvil_getAutomine`.
pub async fn automine(context: &Context, _: &Params) -> Result<Value, RpcError> {
    let info = on_ledger(context, |development| Ok(development.info())).await?;
    Ok(Value::Bool(info.mining == Mining::Instant))
}

/// `evm_setAutomine`: blocks with each transaction, or not any more. What blocks in intervals make
/// stays as it is when this is turned off.
pub async fn set_automine(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let instant: bool = params.required(0)?;
    on_ledger(context, move |development| match (instant, development.info().mining) {
        (true, _) => development.set_mining(Mining::Instant),
        (false, Mining::Instant) => development.set_mining(Mining::OnDemand),
        (false, _) => Ok(()),
    })
    .await?;
    Ok(Value::Bool(true))
}

/// `anvil_getIntervalMining`: seconds, or null.
pub async fn interval(context: &Context, _: &Params) -> Result<Value, RpcError> {
    let info = on_ledger(context, |development| Ok(development.info())).await?;
    Ok(match info.mining {
        Mining::Interval(interval_ms) => json!(interval_ms / 1_000),
        _ => Value::Null,
    })
}

/// `evm_setIntervalMining`, `anvil_setIntervalMining`: seconds, as anvil takes them; 0 for blocks on
/// demand only.
pub async fn set_interval(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Small(seconds) = params.required(0)?;
    let mining = match seconds {
        0 => Mining::OnDemand,
        _ => Mining::Interval(seconds.saturating_mul(1_000)),
    };
    on_ledger(context, move |development| development.set_mining(mining)).await?;
    Ok(Value::Bool(true))
}

/// `evm_increaseTime`: seconds; answers by how many the ledger's clock is ahead.
pub async fn increase_time(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Small(seconds) = params.required(0)?;
    let ahead = on_ledger(context, move |development| development.increase_time(seconds)).await?;
    Ok(json!(ahead))
}

/// `evm_setTime`, `anvil_setTime`: seconds since the Unix epoch; answers by how many the ledger's
/// clock is ahead.
pub async fn set_time(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Small(timestamp) = params.required(0)?;
    let ahead = on_ledger(context, move |development| development.set_time(timestamp)).await?;
    Ok(json!(ahead))
}

async fn set_next(context: &Context, fields: NextBlock) -> Result<Value, RpcError> {
    on_ledger(context, move |development| development.set_next_block(fields)).await?;
    Ok(Value::Bool(true))
}

/// `evm_setNextBlockTimestamp`.
pub async fn set_next_timestamp(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Small(timestamp) = params.required(0)?;
    set_next(context, NextBlock { timestamp: Some(timestamp), ..NextBlock::default() }).await
}

/// `evm_setBlockGasLimit`: from the next block on.
pub async fn set_gas_limit(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Small(gas_limit) = params.required(0)?;
    set_next(context, NextBlock { gas_limit: Some(gas_limit), ..NextBlock::default() }).await
}

/// `hardhat_setNextBlockBaseFeePerGas`: from the next block on, since base fees are constant here.
pub async fn set_next_base_fee(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Small(base_fee_wei) = params.required(0)?;
    set_next(context, NextBlock { base_fee_wei: Some(base_fee_wei), ..NextBlock::default() }).await
}

/// `hardhat_setCoinbase`: from the next block on.
pub async fn set_beneficiary(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let beneficiary: Address = params.required(0)?;
    set_next(context, NextBlock { beneficiary: Some(beneficiary), ..NextBlock::default() }).await
}

/// `hardhat_setPrevRandao`: 32 bytes, or a number; of the next block.
pub async fn set_prev_randao(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Number(number) = params.required(0)?;
    let prev_randao = Some(B256::from(number));
    set_next(context, NextBlock { prev_randao, ..NextBlock::default() }).await
}

/// `anvil_setBlockTimestampInterval`: seconds from each block to the next.
pub async fn set_timestamp_interval(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Small(seconds) = params.required(0)?;
    on_ledger(context, move |development| {
        development.set_timestamp_interval(Some(seconds)).map(|()| Value::Bool(true))
    })
    .await
}

/// `anvil_removeBlockTimestampInterval`: timestamps follow the clock again.
pub async fn remove_timestamp_interval(context: &Context, _: &Params) -> Result<Value, RpcError> {
    on_ledger(context, move |development| {
        development.set_timestamp_interval(None).map(|()| Value::Bool(true))
    })
    .await
}
