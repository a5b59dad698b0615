//! Otterscan's `ots_…`, level 8 of its interface, but for the searches by address.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use execution::trace::{Action, CallType, CreationMethod, TraceOutput, TransactionTrace};
use serde_json::{Value, json};

use super::{
    blocks::{charged, in_turn, receipt_object, transaction_object},
    heights,
    state::account,
    trace::{FRAMES, localized, of_transaction},
};
use crate::{
    block_id::{BlockId, Tag},
    error::{RpcError, code},
    json_text::{BoundedText, JsonText},
    limits::OTS_PAGE_MAX,
    params::Params,
    quantity::{Hash, Small, data, quantity},
    render,
    reruns::{BlockToRun, TraceTime, traced},
    service::Context,
    view::{Executed, View},
};

/// Level of the interface.
const API_LEVEL: u64 = 8;

/// `ots_getApiLevel`.
pub async fn api_level(_: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(json!(API_LEVEL))
}

/// `ots_hasCode`.
pub async fn has_code(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let (view, address) = (context.view(), params.required(0)?);
    let number = view.known(params.optional::<BlockId>(1)?.unwrap_or_default())?;
    let record = account(&view, number, address).await?;
    Ok(json!(record.code_hash != KECCAK256_EMPTY))
}

/// `ots_getInternalOperations`: transfers of value, creations and destructions by contracts.
pub async fn internal_operations(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let frames = frames(context, params).await?;
    let inner = frames.iter().filter(|frame| !frame.trace_address.is_empty());
    Ok(Value::Array(inner.filter_map(operation).collect()))
}

fn operation(frame: &TransactionTrace) -> Option<Value> {
    let (kind, from, to, value) = match &frame.action {
        Action::Call(call) if call.call_type == CallType::Call && !call.value.is_zero() => {
            (0, call.from, call.to, call.value)
        }
        Action::Selfdestruct(end) => (1, end.address, end.refund_address, end.balance),
        Action::Create(create) => {
            let kind = if create.creation_method == CreationMethod::Create2 { 3 } else { 2 };
            let to = match &frame.result {
                Some(TraceOutput::Create(output)) => output.address,
                _ => Address::ZERO,
            };
            (kind, create.from, to, create.value)
        }
        _ => return None,
    };
    Some(json!({ "type": kind, "from": from, "to": to, "value": quantity(value) }))
}

/// `ots_traceTransaction`: all frames with their depth.
pub async fn trace_transaction(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let frames = frames(context, params).await?;
    BoundedText::of(&frames.iter().filter_map(entry).collect::<Vec<_>>())
}

fn entry(frame: &TransactionTrace) -> Option<Value> {
    let depth = frame.trace_address.len();
    let output = frame.result.as_ref().map(|result| result.output().clone()).unwrap_or_default();
    let of = |kind: &str, from: Address, to: Address, value: Option<U256>, input: &Bytes| {
        json!({
            "type": kind, "depth": depth, "from": from, "to": to,
            "value": value.map(quantity), "input": data(input), "output": data(&output),
        })
    };
    Some(match &frame.action {
        Action::Call(call) => {
            let (kind, value) = match call.call_type {
                CallType::StaticCall => ("STATICCALL", None),
                CallType::DelegateCall => ("DELEGATECALL", None),
                CallType::CallCode => ("CALLCODE", Some(call.value)),
                _ => ("CALL", Some(call.value)),
            };
            of(kind, call.from, call.to, value, &call.input)
        }
        Action::Create(create) => {
            let two = create.creation_method == CreationMethod::Create2;
            let to = match &frame.result {
                Some(TraceOutput::Create(output)) => output.address,
                _ => Address::ZERO,
            };
            let kind = if two { "CREATE2" } else { "CREATE" };
            of(kind, create.from, to, Some(create.value), &create.init)
        }
        Action::Selfdestruct(end) => {
            let value = Some(end.balance);
            of("SELFDESTRUCT", end.address, end.refund_address, value, &Bytes::new())
        }
        Action::Reward(_) => return None,
    })
}

async fn frames(context: &Context, params: &Params) -> Result<Vec<TransactionTrace>, RpcError> {
    let hash = params.required(0)?;
    let found = of_transaction(context, hash, |rerun| Ok(rerun.trace_next(&FRAMES)?.trace)).await?;
    found.ok_or_else(|| RpcError::new(code::SERVER, "transaction not found"))
}

/// `ots_getTransactionError`: what a reverted transaction returned, else `0x`.
pub async fn transaction_error(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let hash = params.required(0)?;
    let found = of_transaction(context, hash, |rerun| {
        let index = rerun.next_index().unwrap_or_default();
        let results = rerun.trace_next(&FRAMES)?;
        let success = rerun.executed().receipts.get(index).is_some_and(|receipt| receipt.success);
        Ok(if success { Bytes::new() } else { results.output })
    });
    let output = found.await?;
    output.map(data).ok_or_else(|| RpcError::new(code::SERVER, "transaction not found"))
}

/// `ots_getBlockDetails`.
pub async fn block_details(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Tag(id) = params.required(0)?;
    details(context, id).await
}

/// `ots_getBlockDetailsByHash`.
pub async fn block_details_by_hash(context: &Context, params: &Params) -> Result<Value, RpcError> {
    details(context, BlockId::Hash(params.required::<Hash>(0)?.0)).await
}

async fn details(context: &Context, id: BlockId) -> Result<Value, RpcError> {
    let view = context.view();
    let Some(number) = view.number(id)? else {
        return Ok(Value::Null);
    };
    in_turn(context, move || {
        let executed = view.executed(number)?.ok_or_else(RpcError::unknown_block)?;
        let mut fees = U256::ZERO;
        for index in 0..executed.receipts.len() {
            fees = fees.saturating_add(charged(&view, &executed, index)?);
        }
        let mut block = render::block(&executed.block, Vec::new());
        block["transactionCount"] = json!(executed.receipts.len());
        block["logsBloom"] = Value::Null;
        block.as_object_mut().and_then(|fields| fields.remove("transactions"));
        let issuance = json!({ "blockReward": "0x0", "uncleReward": "0x0", "issuance": "0x0" });
        Ok(json!({ "block": block, "issuance": issuance, "totalFees": quantity(fees) }))
    })
    .await
}

/// `ots_getBlockTransactions`: block, page, transactions per page; page 0 holds the last ones.
pub async fn block_transactions(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let Tag(id) = params.required(0)?;
    let Small(page) = params.required(1)?;
    let size = page_size(params.required(2)?)?;
    let view = context.view();
    let Some(number) = view.number(id)? else {
        return Ok(Value::Null.into());
    };
    in_turn(context, move || {
        let executed = view.executed(number)?.ok_or_else(RpcError::unknown_block)?;
        let count = executed.receipts.len();
        let left_out = usize::try_from(page).unwrap_or(usize::MAX).saturating_mul(size);
        let end = count.saturating_sub(left_out);
        let start = end.saturating_sub(size);
        let mut block = render::block(&executed.block, Vec::new());
        let mut receipts = Vec::new();
        let mut transactions = Vec::new();
        for index in start..end {
            transactions.push(with_selector_only(transaction_object(&view, &executed, index)?));
            receipts.push(slim_receipt(&view, &executed, index)?);
        }
        block["transactions"] = Value::Array(transactions);
        block["transactionCount"] = json!(count);
        BoundedText::of(&json!({ "fullblock": block, "receipts": receipts }))
    })
    .await
}

/// Transactions of a page, as asked for.
pub fn page_size(Small(size): Small) -> Result<usize, RpcError> {
    let size = usize::try_from(size).ok().filter(|size| *size <= OTS_PAGE_MAX);
    let text = || format!("page too large, limit {OTS_PAGE_MAX} transactions");
    size.ok_or_else(|| RpcError::limit(text()))
}

/// Four bytes of the input are enough to name the function.
fn with_selector_only(mut transaction: Value) -> Value {
    if let Some(Value::String(input)) = transaction.get_mut("input") {
        input.truncate(2 + 2 * 4);
    }
    transaction
}

/// A receipt without logs, and with the time of its block.
pub fn slim_receipt(view: &View, executed: &Executed, index: usize) -> Result<Value, RpcError> {
    let receipt = receipt_object(view, executed, index)?.without_logs();
    let mut receipt = serde_json::to_value(&receipt).map_err(RpcError::internal)?;
    receipt["logs"] = Value::Null;
    receipt["logsBloom"] = Value::Null;
    receipt["timestamp"] = quantity(executed.block.header().timestamp);
    Ok(receipt)
}

/// `ots_getTransactionBySenderAndNonce`: the hash; null where there is none.
pub async fn by_sender_and_nonce(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let sender: Address = params.required(0)?;
    let Small(nonce) = params.required(1)?;
    let view = context.view();
    let Some(number) = heights::first(&view, sender, |record| record.nonce > nonce).await? else {
        return Ok(Value::Null);
    };
    in_turn(context, move || {
        let executed = view.executed(number)?.ok_or_else(RpcError::unknown_block)?;
        for (index, from) in executed.senders.iter().enumerate() {
            if *from == sender {
                let transaction = super::decoded(&executed, index)?;
                if transaction.nonce() == nonce {
                    return Ok(json!(transaction.hash()));
                }
            }
        }
        Ok(Value::Null)
    })
    .await
}

/// `ots_getContractCreator`: transaction and creator; null for accounts without code and for code
/// of the genesis file.
pub async fn contract_creator(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let address: Address = params.required(0)?;
    let view = context.view();
    let has_code = |record: &state::AccountRecord| record.code_hash != KECCAK256_EMPTY;
    let Some(number) = heights::first(&view, address, has_code).await? else {
        return Ok(Value::Null);
    };
    if number <= 1 {
        return Ok(Value::Null);
    }
    let time = TraceTime::default();
    let block = BlockToRun::new(context, &view, number, time.deadline())?;
    let found = traced(context, time, move || {
        let mut rerun = block.start()?;
        while rerun.next_index().is_some() {
            for trace in localized(&mut rerun)? {
                if let (Action::Create(create), Some(TraceOutput::Create(output))) =
                    (&trace.trace.action, &trace.trace.result)
                    && output.address == address
                {
                    return Ok(Some((trace.transaction_hash, create.from)));
                }
            }
        }
        Ok(None::<(Option<B256>, Address)>)
    });
    let found = found.await?;
    Ok(found.map_or(Value::Null, |(hash, creator)| json!({ "hash": hash, "creator": creator })))
}
