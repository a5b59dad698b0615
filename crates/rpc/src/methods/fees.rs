//! What wallets are told to offer and what blocks charged, all from the ledger's one fee function.

use execution::TransactionRules;
use serde_json::{Value, json};
use types::{FeeMode, Header, Transaction};

use super::blocks::{decoded, off_thread};
use crate::{
    block_id::Tag,
    error::{RpcError, code},
    limits::{FEE_HISTORY_BLOCKS_MAX, FEE_HISTORY_PERCENTILES_MAX},
    params::Params,
    quantity::{Small, quantity},
    render::BlockReceipts,
    service::Context,
    view::View,
};

/// EIP-4844's least blob base fee, which blocks without blobs have.
const BLOB_BASE_FEE_WEI: u64 = 1;

/// The rules of blocks to come.
pub fn fee_rules(view: &View) -> TransactionRules {
    TransactionRules::from_genesis(view.ledger().genesis())
}

/// Wei per gas that a transaction of a block was charged.
pub fn charged_price(view: &View, header: &Header, transaction: &Transaction) -> u128 {
    let base_fee_wei = header.base_fee_per_gas.unwrap_or_default();
    let rules = TransactionRules { base_fee_wei, ..fee_rules(view) };
    execution::fees::effective_gas_price(transaction, &rules)
}

/// `eth_gasPrice`.
pub async fn gas_price(context: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(quantity(execution::fees::suggested_gas_price(&fee_rules(&context.view()))))
}

/// `eth_maxPriorityFeePerGas`.
pub async fn max_priority_fee(context: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(quantity(execution::fees::suggested_tip(&fee_rules(&context.view()))))
}

/// `eth_baseFee`: of the next block.
pub async fn base_fee(context: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(quantity(execution::fees::base_fee(&fee_rules(&context.view()))))
}

/// `eth_blobBaseFee`.
pub async fn blob_base_fee(_: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(quantity(BLOB_BASE_FEE_WEI))
}

/// `eth_feeHistory`.
pub async fn history(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Small(count) = params.required(0)?;
    let Tag(newest) = params.required(1)?;
    let percentiles: Vec<f64> = params.optional(2)?.unwrap_or_default();
    check_percentiles(&percentiles)?;
    let view = context.view();
    let head = view.head().number;
    let newest = view.number(newest)?.ok_or_else(|| {
        RpcError::new(code::SERVER, format!("request beyond head block: head {head}"))
    })?;
    let count = count.min(FEE_HISTORY_BLOCKS_MAX).min(newest + 1);
    off_thread(move || fee_history(&view, newest + 1 - count, newest, &percentiles)).await
}

fn check_percentiles(percentiles: &[f64]) -> Result<(), RpcError> {
    if percentiles.len() > FEE_HISTORY_PERCENTILES_MAX {
        let limit = FEE_HISTORY_PERCENTILES_MAX;
        return Err(RpcError::invalid_params(format!("over the query limit {limit}")));
    }
    let outside = percentiles.iter().any(|percentile| !(0.0..=100.0).contains(percentile));
    if outside || percentiles.windows(2).any(|pair| pair[0] > pair[1]) {
        return Err(RpcError::invalid_params("invalid reward percentile: must rise from 0 to 100"));
    }
    Ok(())
}

/// Blocks `oldest` to `newest`; none where `oldest` is beyond `newest`.
fn fee_history(
    view: &View,
    oldest: u64,
    newest: u64,
    percentiles: &[f64],
) -> Result<Value, RpcError> {
    let (mut base_fees, mut ratios, mut rewards) = (Vec::new(), Vec::new(), Vec::new());
    for number in oldest..=newest {
        let (header, _) = view.present_header(number)?;
        base_fees.push(quantity(header.base_fee_per_gas.unwrap_or_default()));
        // A gas limit of 0 cannot happen; the answer would not be a number.
        ratios.push(header.gas_used as f64 / header.gas_limit.max(1) as f64);
        if !percentiles.is_empty() {
            rewards.push(block_rewards(view, &header, percentiles)?);
        }
    }
    let next = match view.header(newest + 1)? {
        Some((header, _)) => header.base_fee_per_gas.unwrap_or_default(),
        None => execution::fees::base_fee(&fee_rules(view)),
    };
    base_fees.push(quantity(next));
    let blobs = ratios.len();
    let mut answer = json!({
        "oldestBlock": quantity(oldest),
        "baseFeePerGas": base_fees,
        "gasUsedRatio": ratios,
        "baseFeePerBlobGas": vec![quantity(BLOB_BASE_FEE_WEI); blobs + 1],
        "blobGasUsedRatio": vec![0.0; blobs],
    });
    if !percentiles.is_empty() {
        answer["reward"] = json!(rewards);
    }
    Ok(answer)
}

/// Tips charged at the percentiles of the block's gas; all zero in free mode and in empty blocks.
fn block_rewards(
    view: &View,
    header: &Header,
    percentiles: &[f64],
) -> Result<Vec<Value>, RpcError> {
    let free = view.ledger().genesis().parameters.fee_mode == FeeMode::Free;
    if free || header.gas_used == 0 {
        return Ok(vec![quantity(0u8); percentiles.len()]);
    }
    let executed = view.executed(header.number)?.ok_or_else(RpcError::unknown_block)?;
    let base_fee = u128::from(header.base_fee_per_gas.unwrap_or_default());
    let receipts =
        BlockReceipts { header, hash: executed.block.hash(), receipts: &executed.receipts };
    let mut tips = Vec::with_capacity(executed.receipts.len());
    for index in 0..executed.receipts.len() {
        let price = charged_price(view, header, &decoded(&executed, index)?);
        tips.push((price.saturating_sub(base_fee), receipts.gas_used(index)));
    }
    tips.sort_unstable();
    Ok(percentiles.iter().map(|percentile| quantity(tip_at(&tips, *percentile))).collect())
}

/// The tip below which `percentile` of the gas was used; `tips` is sorted.
fn tip_at(tips: &[(u128, u64)], percentile: f64) -> u128 {
    let total: u64 = tips.iter().map(|(_, gas)| gas).sum();
    let threshold = total as f64 * percentile / 100.0;
    let mut used = 0u64;
    for (tip, gas) in tips {
        used += gas;
        if used as f64 >= threshold {
            return *tip;
        }
    }
    tips.last().map_or(0, |(tip, _)| *tip)
}
