//! Options of geth's tracing methods.

use execution::trace::{GethDebugTracingOptions, GethTracer};
use serde::Deserialize;

use crate::{
    error::RpcError,
    go_duration,
    overrides::{BlockFields, StateOverrides},
    quantity::Small,
    reruns::{TraceTime, refused},
};

/// Second parameter of `debug_traceTransaction` and `debug_traceBlockBy…`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct TraceOptions(GethDebugTracingOptions);

/// Third parameter of `debug_traceCall`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallTraceOptions {
    /// What to record.
    #[serde(flatten)]
    pub options: TraceOptions,
    /// Pretended accounts.
    #[serde(default)]
    pub state_overrides: Option<StateOverrides>,
    /// Pretended block fields.
    #[serde(default)]
    pub block_overrides: Option<BlockFields>,
    /// The call sees the block after so many of its transactions.
    #[serde(default)]
    pub tx_index: Option<Small>,
}

impl TraceOptions {
    /// The tracer, and how long it may take.
    pub fn read(self) -> Result<(GethTracer, TraceTime), RpcError> {
        let time = match &self.0.timeout {
            None => TraceTime::default(),
            Some(text) => go_duration::parse(text).map(TraceTime::asked).ok_or_else(|| {
                let shown: String = text.chars().take(50).collect();
                RpcError::invalid_params(format!("time: invalid duration \"{shown}\""))
            })?,
        };
        Ok((GethTracer::new(self.0).map_err(refused)?, time))
    }
}
