//! Parity's traces: frames in a flat list, changes of the state, steps of the machine.

use std::collections::BTreeSet;

use alloy_primitives::map::HashSet;
use alloy_rpc_types_trace::parity::{TraceResults, TraceType};
use revm_inspectors::tracing::{
    TraceLimitBehavior, TraceLimits, TracingInspector, TracingInspectorConfig,
};

use super::{Costs, Finished, TRACE_BYTES_MAX, TraceError, Tracer};

/// Which of the three kinds are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceTypes {
    /// `trace`.
    pub frames: bool,
    /// `stateDiff`.
    pub state: bool,
    /// `vmTrace`.
    pub machine: bool,
}

impl TraceTypes {
    /// Frames alone, as `trace_block` wants them.
    pub const FRAMES: Self = Self { frames: true, state: false, machine: false };

    /// From parity's names; the order does not matter.
    pub fn of(types: impl IntoIterator<Item = TraceType>) -> Self {
        let names: BTreeSet<u8> = types.into_iter().map(|name| name as u8).collect();
        let has = |name: TraceType| names.contains(&(name as u8));
        Self {
            frames: has(TraceType::Trace),
            state: has(TraceType::StateDiff),
            machine: has(TraceType::VmTrace),
        }
    }

    fn set(self) -> HashSet<TraceType> {
        let of = |wanted: bool, name| wanted.then_some(name);
        [
            of(self.frames, TraceType::Trace),
            of(self.state, TraceType::StateDiff),
            of(self.machine, TraceType::VmTrace),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Parity's tracer.
#[derive(Clone, Copy, Debug)]
pub struct ParityTracer {
    /// What is wanted.
    pub types: TraceTypes,
}

impl Tracer for ParityTracer {
    type Inspector = TracingInspector;
    type Trace = TraceResults;

    fn inspector(&self) -> Result<TracingInspector, TraceError> {
        let limits = TraceLimits::default()
            .set_max_recorded_bytes(Some(TRACE_BYTES_MAX))
            .set_behavior(TraceLimitBehavior::Halt);
        let config = TracingInspectorConfig::from_parity_config(&self.types.set());
        Ok(TracingInspector::new(config).with_limits(limits))
    }

    fn costs(&self) -> Costs {
        let steps_max = if self.types.machine { u64::MAX } else { 0 };
        Costs { steps_max, stack: false, memory: false, storage: false }
    }

    fn finish(
        &self,
        inspector: TracingInspector,
        Finished { ran, before, .. }: Finished<'_, '_>,
    ) -> Result<TraceResults, TraceError> {
        let builder = inspector.into_parity_builder();
        builder
            .into_trace_results_with_state(ran, &self.types.set(), before)
            .map_err(|missing| TraceError::Unread(missing.0))
    }
}
