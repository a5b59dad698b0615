//! Calls, estimates, and filling in what a transaction lacks.

use alloy_consensus::{
    SignableTransaction as _, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy,
};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{Address, Signature, TxKind, U256};
use execution::simulate::CallRequest;
use serde_json::{Value, json};

use super::{fees::fee_rules, state::account};
use crate::{
    block_id::BlockId,
    call_request::CallObject,
    chain_rules::rules_at,
    error::RpcError,
    params::Params,
    quantity::{data, quantity},
    service::Context,
    simulate::{Task, run_call, run_estimate},
    view::View,
};

/// Call object, block, state overrides and block overrides, all but the first optional.
pub fn task(view: &View, params: &Params) -> Result<Task, RpcError> {
    task_at(view, params, params.optional::<BlockId>(1)?.unwrap_or_default())
}

fn task_at(view: &View, params: &Params, id: BlockId) -> Result<Task, RpcError> {
    let object: CallObject = params.required(0)?;
    let number = view.known_or_pending(id)?;
    let state = params.optional(2)?.unwrap_or_default();
    let block = params.optional(3)?.unwrap_or_default();
    Ok(Task { object, number, state, block, in_next: false })
}

/// `eth_call`.
pub async fn call(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let view = context.view();
    let task = task(&view, params)?;
    run_call(context, &view, task).await.map(data)
}

/// `eth_estimateGas`: unless a block is named, for the one that comes next.
pub async fn estimate_gas(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let view = context.view();
    let id = params.optional::<BlockId>(1)?.unwrap_or(BlockId::Pending);
    let in_next = id == BlockId::Pending && makes_blocks(context, &view);
    let task = Task { in_next, ..task_at(&view, params, id)? };
    run_estimate(context, &view, task).await.map(quantity)
}

/// Whether blocks follow the head here; a chain that was imported to be looked at ends with it.
fn makes_blocks(context: &Context, view: &View) -> bool {
    context.service.ledger.rules(view.head().number).is_none()
}

/// `eth_fillTransaction`: the unsigned transaction with nonce, gas and fees filled in, and its
/// encoding with an empty signature as geth gives it.
pub async fn fill_transaction(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let (from, envelope) = filled(context, params.required(0)?).await?;
    let mut tx = crate::render::transaction(&envelope, from, None);
    for absent in ["blockHash", "blockNumber", "transactionIndex", "blockTimestamp"] {
        tx.as_object_mut().and_then(|fields| fields.remove(absent));
    }
    Ok(json!({ "raw": data(envelope.encoded_2718()), "tx": tx }))
}

/// The sender, and the transaction with an empty signature.
pub async fn filled(
    context: &Context,
    object: CallObject,
) -> Result<(Address, TxEnvelope), RpcError> {
    let view = context.view();
    let from = object.call.from.unwrap_or_default();
    let nonce = match object.nonce {
        Some(nonce) => nonce,
        None => next_nonce(context, &view, from).await?,
    };
    let gas = match object.call.gas {
        Some(gas) => {
            object.check(&rules_at(&context.service, view.head().number))?;
            gas
        }
        None => {
            let number = view.known_or_pending(BlockId::Pending)?;
            let (state, block) = Default::default();
            let in_next = makes_blocks(context, &view);
            let task = Task { object: object.clone(), number, state, block, in_next };
            run_estimate(context, &view, task).await?
        }
    };
    let filled = Filled { chain_id: context.service.genesis.chain_id, nonce, gas };
    Ok((from, filled.envelope(&view, object)))
}

async fn next_nonce(context: &Context, view: &View, from: Address) -> Result<u64, RpcError> {
    let final_nonce = account(view, view.head().number, from).await?.nonce;
    Ok(context.service.ledger.pool().pending_nonce(from, final_nonce))
}

/// What was filled in.
struct Filled {
    chain_id: u64,
    nonce: u64,
    gas: u64,
}

impl Filled {
    fn envelope(self, view: &View, object: CallObject) -> TxEnvelope {
        let unsigned = Signature::new(U256::ZERO, U256::ZERO, false);
        let Self { chain_id, nonce, gas: gas_limit } = self;
        let CallObject { call, kind, .. } = object;
        let (max_fee_per_gas, max_priority_fee_per_gas, gas_price) = offered(view, &call);
        let CallRequest { to, value, data: input, access_list, authorization_list, .. } = call;
        let legacy = kind == Some(0) || (call.gas_price.is_some() && access_list.is_none());
        let to_kind = to.map_or(TxKind::Create, TxKind::Call);
        let access_list = access_list.unwrap_or_default();
        if let Some(to) = to.filter(|_| !authorization_list.is_empty() || kind == Some(4)) {
            let transaction = TxEip7702 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to,
                value,
                access_list,
                authorization_list,
                input,
            };
            return transaction.into_signed(unsigned).into();
        }
        if legacy {
            let chain_id = Some(chain_id);
            let to = to_kind;
            return TxLegacy { chain_id, nonce, gas_price, gas_limit, to, value, input }
                .into_signed(unsigned)
                .into();
        }
        if kind == Some(1) || call.gas_price.is_some() {
            let to = to_kind;
            let transaction =
                TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input };
            return transaction.into_signed(unsigned).into();
        }
        let transaction = TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to: to_kind,
            value,
            access_list,
            input,
        };
        transaction.into_signed(unsigned).into()
    }
}

/// Fee cap, tip and legacy price: what the caller offers, else what the fee function suggests.
fn offered(view: &View, call: &CallRequest) -> (u128, u128, u128) {
    let rules = fee_rules(view);
    let suggested = execution::fees::suggested_gas_price(&rules);
    let suggested_tip = execution::fees::suggested_tip(&rules);
    let tip = call
        .max_priority_fee_per_gas
        .unwrap_or_else(|| suggested_tip.min(call.max_fee_per_gas.unwrap_or(suggested_tip)));
    let max_fee = call.max_fee_per_gas.unwrap_or_else(|| suggested.saturating_add(tip));
    (max_fee, tip, call.gas_price.unwrap_or(suggested))
}
