//! geth's tracers: struct logger, `callTracer`, `prestateTracer`, `flatCallTracer`, `4byteTracer`,
//! `muxTracer`, `noopTracer`.

use std::collections::BTreeMap;

use alloy_rpc_types_trace::geth::{
    CallConfig, DefaultFrame, GethDebugBuiltInTracerType as BuiltIn, GethDebugTracerType,
    GethDebugTracingOptions, GethTrace,
};
use revm_inspectors::tracing::{
    DebugInspector, DebugInspectorError, MuxError, TraceLimitBehavior, TraceLimits,
    TransactionContext,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Costs, Finished, TRACE_BYTES_MAX, TraceError, Tracer,
    flat::{FlatFrame, FlatOptions, name_errors},
    prestate::{Prestate, PrestateOptions},
};
use crate::Missing;

/// What `tracer` may name.
const OFFERED: &str = "callTracer, prestateTracer, flatCallTracer, 4byteTracer, muxTracer and \
                       noopTracer";

/// One of geth's tracers.
#[derive(Clone, Debug)]
pub struct GethTracer {
    options: GethDebugTracingOptions,
    /// Of the tracer itself, or of the one inside a mux.
    prestate: Option<PrestateOptions>,
    /// Of `flatCallTracer`, which is a view of `callTracer`.
    flat: Option<FlatOptions>,
}

/// The trace.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum GethOutput {
    /// Of the library's tracers.
    Library(Box<GethTrace>),
    /// Of `prestateTracer`.
    Prestate(Prestate),
    /// Of `flatCallTracer`.
    Flat(Vec<FlatFrame>),
    /// Of `muxTracer`, by name.
    Mux(BTreeMap<String, GethOutput>),
}

impl GethTracer {
    /// Checks the options.
    ///
    /// # Errors
    /// There is no such tracer, or its options are wrong.
    pub fn new(mut options: GethDebugTracingOptions) -> Result<Self, TraceError> {
        let prestate = match inner_config(&options, BuiltIn::PreStateTracer) {
            None => None,
            Some(config) => Some(read(config)?),
        };
        let mut flat = None;
        let flat_tracer = GethDebugTracerType::BuiltInTracer(BuiltIn::FlatCallTracer);
        if options.tracer == Some(flat_tracer) {
            flat = Some(read(options.tracer_config.clone().into_json())?);
            options.tracer = Some(GethDebugTracerType::BuiltInTracer(BuiltIn::CallTracer));
            options = options.with_call_config(CallConfig::default());
        }
        let tracer = Self { options, prestate, flat };
        tracer.inspector().map(|_| tracer)
    }

    fn is(&self, tracer: BuiltIn) -> bool {
        self.options.tracer == Some(GethDebugTracerType::BuiltInTracer(tracer))
    }

    fn is_struct_logger(&self) -> bool {
        self.options.tracer.as_ref().is_none_or(|tracer| tracer.as_str().is_empty())
    }
}

impl Tracer for GethTracer {
    type Inspector = DebugInspector;
    type Trace = GethOutput;

    fn inspector(&self) -> Result<DebugInspector, TraceError> {
        match &self.options.tracer {
            Some(GethDebugTracerType::JsTracer(code)) if !code.is_empty() => {
                return Err(TraceError::Options(unknown(code)));
            }
            Some(GethDebugTracerType::BuiltInTracer(
                unsupported @ (BuiltIn::Erc7562Tracer | BuiltIn::StateGasTracer),
            )) => {
                let name = GethDebugTracerType::BuiltInTracer(*unsupported);
                let name = name.as_str();
                return Err(TraceError::Options(format!("{name} is not supported: use {OFFERED}")));
            }
            _ => {}
        }
        let inspector = DebugInspector::new(self.options.clone());
        inspector.map(limited).map_err(|error| {
            TraceError::Options(match error {
                DebugInspectorError::MuxInspector(MuxError::UnsupportedTracerType(tracer)) => {
                    unknown(tracer.as_str())
                }
                other => other.to_string(),
            })
        })
    }

    fn costs(&self) -> Costs {
        if !self.is_struct_logger() {
            return Costs::default();
        }
        let config = &self.options.config;
        Costs {
            steps_max: config.limit.filter(|limit| *limit > 0).unwrap_or(u64::MAX),
            stack: !config.disable_stack.unwrap_or_default(),
            memory: config.is_memory_enabled(),
            storage: !config.disable_storage.unwrap_or_default(),
        }
    }

    fn finish(
        &self,
        mut inspector: DebugInspector,
        mut finished: Finished<'_, '_>,
    ) -> Result<GethOutput, TraceError> {
        let prestate = self.prestate.map(|options| options.trace(&finished)).transpose()?;
        if self.is(BuiltIn::PreStateTracer)
            && let Some(prestate) = prestate
        {
            return Ok(GethOutput::Prestate(prestate));
        }
        let Finished { transaction, block, ran, before, place, spec } = &mut finished;
        let context = TransactionContext {
            block_hash: place.block_hash,
            tx_index: place.index,
            tx_hash: place.hash,
        };
        let trace = inspector.get_result(Some(context), *transaction, *block, ran, before);
        let trace = trace.map_err(|error| match error {
            DebugInspectorError::Database(Missing(key)) => TraceError::Unread(key),
            other => TraceError::Options(other.to_string()),
        })?;
        Ok(match trace {
            GethTrace::CallTracer(mut frame) => {
                if let DebugInspector::CallTracer(inspector, _) = &inspector {
                    name_errors(&mut frame, inspector.traces().nodes(), 0);
                }
                match self.flat {
                    Some(options) => GethOutput::Flat(options.flatten(frame, *spec, *place)),
                    None => GethOutput::Library(Box::new(GethTrace::CallTracer(frame))),
                }
            }
            GethTrace::MuxTracer(frame) => {
                let traces = frame.0.into_iter().map(|(tracer, trace)| {
                    (tracer.as_str().to_owned(), GethOutput::Library(Box::new(trace)))
                });
                let mut traces: BTreeMap<String, GethOutput> = traces.collect();
                let name = GethDebugTracerType::BuiltInTracer(BuiltIn::PreStateTracer);
                if let Some(prestate) = prestate {
                    traces.insert(name.as_str().to_owned(), GethOutput::Prestate(prestate));
                }
                GethOutput::Mux(traces)
            }
            GethTrace::Default(mut frame) => {
                leave_out_nothing(&mut frame);
                GethOutput::Library(Box::new(GethTrace::Default(frame)))
            }
            other => GethOutput::Library(Box::new(other)),
        })
    }
}

/// A tracer that there is not: a word is a name, everything else the text of one.
fn unknown(tracer: &str) -> String {
    match !tracer.is_empty() && tracer.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        true => format!("tracer {tracer:.60} is not supported: use {OFFERED}"),
        false => format!("JavaScript tracers are not supported: use {OFFERED}"),
    }
}

/// What is zero or empty at a step has no field, as in geth's output.
fn leave_out_nothing(frame: &mut DefaultFrame) {
    for step in &mut frame.struct_logs {
        step.refund_counter = step.refund_counter.filter(|refund| *refund > 0);
        step.memory = step.memory.take().filter(|memory| !memory.is_empty());
        step.return_data = step.return_data.take().filter(|data| !data.is_empty());
    }
}

/// Options of a tracer, alone or inside `muxTracer`; `None` where it is not asked for.
fn inner_config(options: &GethDebugTracingOptions, tracer: BuiltIn) -> Option<Value> {
    let config = options.tracer_config.clone().into_json();
    match &options.tracer {
        Some(GethDebugTracerType::BuiltInTracer(BuiltIn::MuxTracer)) => {
            config.get(GethDebugTracerType::BuiltInTracer(tracer).as_str()).cloned()
        }
        Some(GethDebugTracerType::BuiltInTracer(found)) if *found == tracer => Some(config),
        _ => None,
    }
}

fn read<T: DeserializeOwned + Default>(config: Value) -> Result<T, TraceError> {
    if config.is_null() {
        return Ok(T::default());
    }
    let read = serde_json::from_value(config);
    read.map_err(|error| TraceError::Options(format!("invalid tracer config: {error}")))
}

/// The library counts copies of bytes; what exceeds its limit ends the run.
fn limited(inspector: DebugInspector) -> DebugInspector {
    use DebugInspector::{CallTracer, Default, PreStateTracer};
    let limits = TraceLimits::default()
        .set_max_recorded_bytes(Some(TRACE_BYTES_MAX))
        .set_behavior(TraceLimitBehavior::Halt);
    match inspector {
        CallTracer(inner, config) => CallTracer(inner.with_limits(limits), config),
        PreStateTracer(inner, config) => PreStateTracer(inner.with_limits(limits), config),
        Default(inner, config) => Default(inner.with_limits(limits), config),
        other => other,
    }
}
