//! geth's `debug_trace…`: transactions, blocks and calls with geth's tracers.

use alloy_primitives::B256;
use execution::{
    simulate::{After, Simulation},
    trace::GethTracer,
};
use serde::Serialize;

use crate::{
    block_id::{BlockId, Tag},
    call_request::CallObject,
    chain_rules::rules_at,
    error::{RpcError, code},
    json_text::{BoundedText, JsonText},
    params::Params,
    quantity::{Hash, Small},
    reruns::{BlockToRun, TraceTime, patience, refused, traced},
    service::Context,
    simulate::{Prepared, Task, prepare},
    trace_options::{CallTraceOptions, TraceOptions},
    view::View,
};

/// `debug_traceTransaction`.
pub async fn trace_transaction(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let Hash(hash) = params.required(0)?;
    let (tracer, time) = params.optional::<TraceOptions>(1)?.unwrap_or_default().read()?;
    let view = context.view();
    let place = view.transaction(hash)?;
    let place = place.ok_or_else(|| RpcError::new(code::SERVER, "transaction not found"))?;
    let block = BlockToRun::new(context, &view, place.number, time.deadline())?;
    traced(context, time, move || {
        let mut rerun = block.start()?;
        rerun.skip_to(place.index as usize)?;
        BoundedText::of(&rerun.trace_next(&tracer)?)
    })
    .await
}

/// `debug_traceBlockByNumber`.
pub async fn trace_block_by_number(
    context: &Context,
    params: &Params,
) -> Result<JsonText, RpcError> {
    let Tag(id) = params.required(0)?;
    let view = context.view();
    let number = view.number(id)?.ok_or_else(|| match id {
        BlockId::Number(number) => not_found(format_args!("#{number}")),
        _ => RpcError::unknown_block(),
    })?;
    trace_block(context, &view, number, params).await
}

/// `debug_traceBlockByHash`.
pub async fn trace_block_by_hash(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let Hash(hash) = params.required(0)?;
    let view = context.view();
    let number = view.number(BlockId::Hash(hash))?.ok_or_else(|| not_found(hash))?;
    trace_block(context, &view, number, params).await
}

fn not_found(what: impl std::fmt::Display) -> RpcError {
    RpcError::new(code::SERVER, format!("block {what} not found"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfTransaction<T> {
    tx_hash: B256,
    result: T,
}

/// One trace after the other is recorded and written out, so that no two are held at one time.
async fn trace_block(
    context: &Context,
    view: &View,
    number: u64,
    params: &Params,
) -> Result<JsonText, RpcError> {
    let (tracer, time) = params.optional::<TraceOptions>(1)?.unwrap_or_default().read()?;
    let block = BlockToRun::new(context, view, number, time.deadline())?;
    traced(context, time, move || {
        let mut rerun = block.start()?;
        let mut text = BoundedText::default();
        text.raw("[")?;
        while let Some(index) = rerun.next_index() {
            if index > 0 {
                text.raw(",")?;
            }
            let result = rerun.trace_next(&tracer)?;
            text.write(&OfTransaction { tx_hash: rerun.hash(index), result })?;
        }
        text.raw("]")?;
        text.finish()
    })
    .await
}

/// `debug_traceCall`.
pub async fn trace_call(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let object: CallObject = params.required(0)?;
    let view = context.view();
    let number = view.known(params.optional::<BlockId>(1)?.unwrap_or_default())?;
    let options = params.optional::<CallTraceOptions>(2)?.unwrap_or_default();
    let (tracer, time) = options.options.read()?;
    let state = options.state_overrides.unwrap_or_default();
    let block = options.block_overrides.unwrap_or_default();
    let task = Task { object, number, state, block, in_next: false };
    match options.tx_index {
        None => trace_after_block(context, &view, task, (tracer, time)).await,
        Some(Small(index)) => trace_within_block(context, &view, task, index, (tracer, time)).await,
    }
}

async fn trace_after_block(
    context: &Context,
    view: &View,
    task: Task,
    (tracer, time): (GethTracer, TraceTime),
) -> Result<JsonText, RpcError> {
    let prepared = prepare(context, view, task, time.duration())?;
    let patience = patience(time.deadline());
    traced(context, time, move || {
        let Prepared { mut simulation, request, reader } = prepared;
        let trace = simulation.trace(&request, &tracer, &reader, &patience, After::Forget);
        BoundedText::of(&trace.map_err(refused)?)
    })
    .await
}

async fn trace_within_block(
    context: &Context,
    view: &View,
    task: Task,
    index: u64,
    (tracer, time): (GethTracer, TraceTime),
) -> Result<JsonText, RpcError> {
    task.object.check(&rules_at(&context.service, task.number))?;
    let block = BlockToRun::new(context, view, task.number, time.deadline())?;
    let transactions = block.transactions();
    let index = usize::try_from(index).ok().filter(|index| *index <= transactions);
    let index = index.ok_or_else(|| {
        let message = format!("transaction index out of range: the block has {transactions}");
        RpcError::invalid_params(message)
    })?;
    let gas_max = context.service.config.call_gas_max;
    let patience = patience(time.deadline());
    traced(context, time, move || {
        let mut rerun = block.start()?;
        rerun.skip_to(index)?;
        let replay = rerun.into_replay();
        let (mut simulation, reader) =
            Simulation::within(replay, task.state.0, &task.block.0, gas_max).map_err(refused)?;
        let request = task.object.call;
        let trace = simulation.trace(&request, &tracer, &reader, &patience, After::Forget);
        BoundedText::of(&trace.map_err(refused)?)
    })
    .await
}
