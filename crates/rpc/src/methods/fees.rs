//! What wallets are told to offer and what blocks charged, all from the ledger's one fee function.

use execution::TransactionRules;
use serde_json::{Value, json};
use types::{FeeMode, Header, Transaction};

use super::blocks::{decoded, in_turn};
use crate::{
    block_id::Tag,
    chain_rules::{blob_base_fee, next_base_fee, next_excess_blob_gas, rules_at},
    error::{RpcError, code},
    limits::{FEE_HISTORY_BLOCKS_MAX, FEE_HISTORY_PERCENTILES_MAX},
    params::Params,
    quantity::{Count, quantity},
    render::BlockReceipts,
    service::Context,
    view::View,
};

/// The rules of blocks to come.
pub fn fee_rules(view: &View) -> TransactionRules {
    let rules = TransactionRules::from_genesis(view.ledger().genesis());
    match view.ledger().rules(view.head().number.saturating_add(1)) {
        Some(own) if !own.base_fee_market => {
            TransactionRules { fee_mode: own.fee_mode, base_fee_wei: own.base_fee_wei, ..rules }
        }
        _ => rules,
    }
}

/// Wei per gas that a transaction of a block was charged.
pub fn charged_price(view: &View, header: &Header, transaction: &Transaction) -> u128 {
    let base_fee_wei = header.base_fee_per_gas.unwrap_or_default();
    let mut rules = TransactionRules {
        base_fee_wei,
        ..TransactionRules::from_genesis(view.ledger().genesis())
    };
    if let Some(own) = view.ledger().rules(header.number) {
        rules.fee_mode = own.fee_mode;
    }
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
    Ok(quantity(next_fees(context, &context.view(), None)?.0))
}

/// Base fee and blob base fee of the block after `parent` (of the head where none is given), 0
/// where it has no such field.
fn next_fees(context: &Context, view: &View, parent: Option<u64>) -> Result<(u64, u128), RpcError> {
    let parent = parent.unwrap_or(view.head().number);
    let (header, _) = view.present_header(parent)?;
    let rules = rules_at(&context.service, parent.saturating_add(1));
    let excess_blob_gas = next_excess_blob_gas(&header, &rules);
    let next = Header { excess_blob_gas, ..Header::default() };
    let blob_base_fee = blob_base_fee(&next, &rules).unwrap_or_default();
    Ok((next_base_fee(&header, &rules).unwrap_or_default(), blob_base_fee))
}

/// `eth_blobBaseFee`: of the next block.
pub async fn next_blob_base_fee(context: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(quantity(next_fees(context, &context.view(), None)?.1))
}

/// `eth_feeHistory`.
pub async fn history(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Count(count) = params.required(0)?;
    let Tag(newest) = params.required(1)?;
    let percentiles: Vec<f64> = params.optional(2)?.unwrap_or_default();
    check_percentiles(&percentiles)?;
    let view = context.view();
    let head = view.head().number;
    let newest = view.number(newest)?.ok_or_else(|| {
        RpcError::new(code::SERVER, format!("request beyond head block: head {head}"))
    })?;
    let count = count.min(FEE_HISTORY_BLOCKS_MAX).min(newest + 1);
    let own = context.clone();
    let oldest = newest + 1 - count;
    in_turn(context, move || fee_history(&own, &view, oldest, newest, &percentiles)).await
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
    context: &Context,
    view: &View,
    oldest: u64,
    newest: u64,
    percentiles: &[f64],
) -> Result<Value, RpcError> {
    let (mut base_fees, mut ratios, mut rewards) = (Vec::new(), Vec::new(), Vec::new());
    let (mut blob_fees, mut blob_ratios) = (Vec::new(), Vec::new());
    for number in oldest..=newest {
        let (header, _) = view.present_header(number)?;
        base_fees.push(quantity(header.base_fee_per_gas.unwrap_or_default()));
        // A gas limit of 0 cannot happen; the answer would not be a number.
        ratios.push(header.gas_used as f64 / header.gas_limit.max(1) as f64);
        blob_fees.push(quantity(view.blob_base_fee(&header).unwrap_or_default()));
        let blobs_max = rules_at(&context.service, number)
            .blobs
            .map_or(0, |blobs| blobs.max_blob_gas_per_block());
        let blob_gas = header.blob_gas_used.unwrap_or_default();
        blob_ratios.push(blob_gas as f64 / blobs_max.max(1) as f64);
        if !percentiles.is_empty() {
            rewards.push(block_rewards(view, &header, percentiles)?);
        }
    }
    let next = match view.header(newest + 1)? {
        Some((header, _)) => (
            header.base_fee_per_gas.unwrap_or_default(),
            view.blob_base_fee(&header).unwrap_or_default(),
        ),
        None => next_fees(context, view, Some(newest))?,
    };
    base_fees.push(quantity(next.0));
    blob_fees.push(quantity(next.1));
    let mut answer = json!({
        "oldestBlock": quantity(oldest),
        "baseFeePerGas": base_fees,
        "gasUsedRatio": ratios,
        "baseFeePerBlobGas": blob_fees,
        "blobGasUsedRatio": blob_ratios,
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
    let receipts = BlockReceipts::of(&executed, None);
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
