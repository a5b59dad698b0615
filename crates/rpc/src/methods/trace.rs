//! Parity's `trace_…`, in the form that Nethermind and Erigon answer. There are no block rewards.

use alloy_consensus::Transaction as _;
use alloy_primitives::{B256, Bytes};
use execution::{
    simulate::{After, CallRequest},
    trace::{
        LocalizedTransactionTrace, ParityTracer, TraceResults, TraceType, TraceTypes,
        TransactionTrace,
    },
};
use serde::Serialize;
use serde_json::Value;
use types::Transaction;

use crate::{
    block_id::BlockId,
    call_request::CallObject,
    chain_rules::rules_at,
    error::{RpcError, code},
    json_text::{BoundedText, JsonText},
    limits::TRACE_CALLS_MAX,
    params::Params,
    quantity::Small,
    reruns::{BlockToRun, Rerun, TraceTime, patience, refused, traced},
    service::Context,
    simulate::{Prepared, Task, prepare},
    view::View,
};

/// Frames alone.
pub const FRAMES: ParityTracer = ParityTracer { types: TraceTypes::FRAMES };

fn wanted(types: Vec<TraceType>) -> ParityTracer {
    ParityTracer { types: TraceTypes::of(types) }
}

/// The frames of the rerun's next transaction, with its place.
pub fn localized(rerun: &mut Rerun) -> Result<Vec<LocalizedTransactionTrace>, RpcError> {
    let index = rerun.next_index().unwrap_or_default();
    let frames = rerun.trace_next(&FRAMES)?.trace;
    let block = &rerun.executed().block;
    let (hash, number) = (block.hash(), block.number());
    let transaction = rerun.hash(index);
    Ok(frames.into_iter().map(|trace| at(trace, (hash, number), transaction, index)).collect())
}

fn at(
    trace: TransactionTrace,
    (block_hash, block_number): (B256, u64),
    transaction: B256,
    index: usize,
) -> LocalizedTransactionTrace {
    LocalizedTransactionTrace {
        trace,
        block_hash: Some(block_hash),
        block_number: Some(block_number),
        transaction_hash: Some(transaction),
        transaction_position: Some(index as u64),
    }
}

/// `trace_block`: null for an unknown block, no traces for block 0.
pub async fn block(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let view = context.view();
    let Some(number) = view.number(params.required(0)?)? else {
        return Ok(Value::Null.into());
    };
    if number == 0 {
        return Ok(Value::Array(Vec::new()).into());
    }
    let time = TraceTime::default();
    let block = BlockToRun::new(context, &view, number, time.deadline())?;
    traced(context, time, move || {
        let mut rerun = block.start()?;
        let mut list = TextList::begin()?;
        while rerun.next_index().is_some() {
            for trace in localized(&mut rerun)? {
                list.push(&trace)?;
            }
        }
        list.end()
    })
    .await
}

/// `trace_transaction`: null where unknown.
pub async fn transaction(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let found = of_transaction(context, params.required(0)?, localized).await?;
    found.map_or(Ok(Value::Null.into()), |traces| BoundedText::of(&traces))
}

/// `trace_get`: the frame at a path of positions; null where there is none.
pub async fn get(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let path: Vec<Small> = params.required(1)?;
    let found = of_transaction(context, params.required(0)?, localized).await?;
    let same = |trace: &LocalizedTransactionTrace| {
        let address = trace.trace.trace_address.iter().map(|position| *position as u64);
        address.eq(path.iter().map(|position| position.0))
    };
    let frame = found.and_then(|traces| traces.into_iter().find(same));
    BoundedText::of(&frame)
}

/// What `work` makes of a transaction's turn in its block.
pub async fn of_transaction<T: Send + 'static>(
    context: &Context,
    hash: B256,
    work: impl FnOnce(&mut Rerun) -> Result<T, RpcError> + Send + 'static,
) -> Result<Option<T>, RpcError> {
    let view = context.view();
    let Some(place) = view.transaction(hash)? else {
        return Ok(None);
    };
    let time = TraceTime::default();
    let block = BlockToRun::new(context, &view, place.number, time.deadline())?;
    traced(context, time, move || {
        let mut rerun = block.start()?;
        rerun.skip_to(place.index as usize)?;
        work(&mut rerun).map(Some)
    })
    .await
}

/// `trace_replayTransaction`.
pub async fn replay_transaction(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let tracer = wanted(params.required(1)?);
    let found = of_transaction(context, params.required(0)?, move |rerun| {
        BoundedText::of(&rerun.trace_next(&tracer)?)
    });
    found.await?.ok_or_else(|| RpcError::new(code::SERVER, "transaction not found"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfTransaction {
    #[serde(flatten)]
    results: TraceResults,
    transaction_hash: B256,
}

/// `trace_replayBlockTransactions`.
pub async fn replay_block(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let view = context.view();
    let number = view.known(params.required(0)?)?;
    let tracer = wanted(params.required(1)?);
    if number == 0 {
        return Ok(Value::Array(Vec::new()).into());
    }
    let time = TraceTime::default();
    let block = BlockToRun::new(context, &view, number, time.deadline())?;
    traced(context, time, move || {
        let mut rerun = block.start()?;
        let mut list = TextList::begin()?;
        while let Some(index) = rerun.next_index() {
            let results = rerun.trace_next(&tracer)?;
            list.push(&OfTransaction { results, transaction_hash: rerun.hash(index) })?;
        }
        list.end()
    })
    .await
}

/// `trace_call`: call, types, block, state overrides, block overrides.
pub async fn call(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let tracer = wanted(params.required(1)?);
    let view = context.view();
    let task = Task {
        object: params.required(0)?,
        number: view.known(params.optional::<BlockId>(2)?.unwrap_or_default())?,
        state: params.optional(3)?.unwrap_or_default(),
        block: params.optional(4)?.unwrap_or_default(),
        in_next: false,
    };
    calls(context, &view, task, Vec::new(), vec![tracer], Shape::One).await
}

/// `trace_callMany`: calls with their types, each on the state that the one before left.
pub async fn call_many(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let wire: Vec<(CallObject, Vec<TraceType>)> = params.required(0)?;
    if wire.len() > TRACE_CALLS_MAX {
        return Err(RpcError::limit(format!("too many calls, limit {TRACE_CALLS_MAX}")));
    }
    let view = context.view();
    let number = view.known(params.optional::<BlockId>(1)?.unwrap_or_default())?;
    let rules = rules_at(&context.service, number);
    let mut tracers = Vec::new();
    let mut objects = Vec::new();
    for (object, types) in wire {
        object.check(&rules)?;
        tracers.push(wanted(types));
        objects.push(object);
    }
    if objects.is_empty() {
        return Ok(Value::Array(Vec::new()).into());
    }
    let first = objects.remove(0);
    let (state, block) = Default::default();
    let task = Task { object: first, number, state, block, in_next: false };
    let rest = objects.into_iter().map(|object| object.call).collect();
    calls(context, &view, task, rest, tracers, Shape::Many).await
}

/// `trace_rawTransaction`: a signed transaction as a call at the head; nothing is sent.
pub async fn raw_transaction(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let encoded: Bytes = params.required(0)?;
    let tracer = wanted(params.required(1)?);
    let decoded = Transaction::decode(encoded).map_err(|error| RpcError::argument(0, error))?;
    let envelope = decoded.envelope();
    let call = CallRequest {
        from: Some(decoded.sender()),
        to: envelope.to(),
        value: envelope.value(),
        data: envelope.input().clone(),
        gas: Some(envelope.gas_limit()),
        gas_price: envelope.gas_price(),
        max_fee_per_gas: envelope.is_dynamic_fee().then(|| envelope.max_fee_per_gas()),
        max_priority_fee_per_gas: envelope.max_priority_fee_per_gas(),
        access_list: envelope.access_list().cloned(),
        authorization_list: envelope.authorization_list().unwrap_or_default().to_vec(),
        ..CallRequest::default()
    };
    let chain_id = envelope.chain_id();
    let object = CallObject { call, nonce: None, kind: None, chain_id };
    let view = context.view();
    let (state, block) = Default::default();
    let task = Task { object, number: view.head().number, state, block, in_next: false };
    calls(context, &view, task, Vec::new(), vec![tracer], Shape::One).await
}

/// Whether the answer is a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    One,
    Many,
}

/// The task's call and `rest`, one after the other, with a tracer for each.
async fn calls(
    context: &Context,
    view: &View,
    task: Task,
    rest: Vec<CallRequest>,
    tracers: Vec<ParityTracer>,
    shape: Shape,
) -> Result<JsonText, RpcError> {
    let time = TraceTime::default();
    let prepared = prepare(context, view, task, time.duration())?;
    let patience = patience(time.deadline());
    traced(context, time, move || {
        let Prepared { mut simulation, request, reader } = prepared;
        let mut list = TextList::begin()?;
        for (request, tracer) in std::iter::once(request).chain(rest).zip(&tracers) {
            let trace = simulation.trace(&request, tracer, &reader, &patience, After::Keep);
            let trace = trace.map_err(refused)?;
            if shape == Shape::One {
                return BoundedText::of(&trace);
            }
            list.push(&trace)?;
        }
        list.end()
    })
    .await
}

/// A JSON array that is written item by item.
pub struct TextList {
    text: BoundedText,
    empty: bool,
}

impl TextList {
    /// Without items.
    pub fn begin() -> Result<Self, RpcError> {
        let mut text = BoundedText::default();
        text.raw("[")?;
        Ok(Self { text, empty: true })
    }

    /// Adds an item.
    pub fn push(&mut self, item: &impl Serialize) -> Result<(), RpcError> {
        if !self.empty {
            self.text.raw(",")?;
        }
        self.empty = false;
        self.text.write(item)
    }

    /// The whole.
    pub fn end(mut self) -> Result<JsonText, RpcError> {
        self.text.raw("]")?;
        self.text.finish()
    }
}
