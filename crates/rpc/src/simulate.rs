//! Runs `execution::simulate` over the ledger's state, in a turn of [`crate::simulations`].

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy_primitives::B256;
use execution::{
    BlockEnvironment,
    simulate::{
        BlockingReader, CallRequest, CallResult, SimulateError, Simulation, call, estimate_gas,
    },
};
use ledger_api::{Ledger, LedgerError};
use state::{StateError, StateKey, StateValue};
use tokio::{runtime::Handle, time::Instant};
use types::{Extension, Header};

use crate::{
    call_request::CallObject,
    chain_rules::{environment, rules_at},
    error::{RpcError, code},
    overrides::{BlockFields, StateOverrides},
    revert::reverted,
    service::Context,
    view::View,
};

/// What is to be simulated, and on top of what.
pub struct Task {
    /// The call.
    pub object: CallObject,
    /// Height of the block whose header and state the call sees.
    pub number: u64,
    /// Pretended accounts.
    pub state: StateOverrides,
    /// Pretended block fields.
    pub block: BlockFields,
    /// The call runs as in the block after that one, where nobody knows it yet.
    pub in_next: bool,
}

/// What [`HeightState`] says once the time is over; no store says so.
const TOO_LONG: &str = "the simulation took too long";

/// Whether reading stopped because the time was over.
pub fn is_over(error: &StateError) -> bool {
    matches!(error, StateError::Store(text) if text == TOO_LONG)
}

/// The state after one block, read from a thread outside the runtime. Reading stops with an error
/// once the time is over, and with it a simulation that nobody waits for.
pub struct HeightState {
    ledger: Arc<dyn Ledger>,
    height: u64,
    deadline: Instant,
    runtime: Handle,
}

impl HeightState {
    /// The state after block `height`, until `deadline`. To be made where the runtime runs.
    pub fn new(ledger: &Arc<dyn Ledger>, height: u64, deadline: Instant) -> Self {
        Self { ledger: ledger.clone(), height, deadline, runtime: Handle::current() }
    }
}

impl BlockingReader for HeightState {
    fn read_many(&self, keys: &[StateKey]) -> Result<Vec<Option<StateValue>>, StateError> {
        if Instant::now() >= self.deadline {
            return Err(StateError::Store(TOO_LONG.to_owned()));
        }
        let read = self.runtime.block_on(self.ledger.read_state(self.height, keys.to_vec()));
        let values = read.map_err(|error| match error {
            LedgerError::State(error) => error,
            other => StateError::Store(other.to_string()),
        })?;
        if values.len() == keys.len() {
            Ok(values)
        } else {
            Err(StateError::Store("another number of values than asked for".to_owned()))
        }
    }
}

/// A simulation with everything it needs, to be moved to another thread.
pub struct Prepared {
    /// Where it runs.
    pub simulation: Simulation,
    /// What runs.
    pub request: CallRequest,
    /// What it reads.
    pub reader: Arc<HeightState>,
}

/// Checks a task, which is to be done within `timeout`.
pub fn prepare(
    context: &Context,
    view: &View,
    task: Task,
    timeout: Duration,
) -> Result<Prepared, RpcError> {
    let service = &context.service;
    let height = view.state_height(task.number);
    let in_next = task.in_next && view.pending_at(height).is_none();
    let rules = rules_at(service, if in_next { height.saturating_add(1) } else { height });
    task.object.check(&rules)?;
    let (header, extension) = view.present_header(height)?;
    let mut environment = environment(&header, time_ms(&header, extension.as_ref()), &rules);
    if in_next {
        environment = after(environment, view.head().hash);
    }
    let gas_max = service.config.call_gas_max;
    let mut simulation = Simulation::new(environment, rules, task.state.0, &task.block.0, gas_max)
        .map_err(failed)?;
    if let Some(pending) = view.pending_at(height) {
        for (key, value) in &pending.changes {
            simulation.provide(*key, value.clone());
        }
    }
    let stored = view.stored_height(height);
    let reader = Arc::new(HeightState::new(view.ledger(), stored, Instant::now() + timeout));
    Ok(Prepared { simulation, request: task.object.call, reader })
}

/// The block after `parent`, whose hash is given, if it were made now.
fn after(parent: BlockEnvironment, parent_hash: B256) -> BlockEnvironment {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    BlockEnvironment {
        number: parent.number.saturating_add(1),
        time_ms: now_ms.max(parent.time_ms.saturating_add(1)),
        parent_hash,
        ..parent
    }
}

/// Block time, milliseconds: the extension's, else the header's.
pub fn time_ms(header: &Header, extension: Option<&Extension>) -> u64 {
    extension.map_or(header.timestamp.saturating_mul(1000), |extension| extension.time_ms)
}

fn timeout(context: &Context) -> Duration {
    Duration::from_millis(context.service.config.simulation_timeout_ms)
}

/// Return data of a call; a revert or halt is an error.
pub async fn run_call(context: &Context, view: &View, task: Task) -> Result<Vec<u8>, RpcError> {
    let Prepared { mut simulation, request, reader } =
        prepare(context, view, task, timeout(context))?;
    let work = move || {
        let result = call(&mut simulation, &request, &reader).map_err(failed)?;
        match result {
            CallResult::Success { output, .. } => Ok(output.to_vec()),
            CallResult::Revert { output, .. } => Err(reverted(&output)),
            CallResult::Halt { reason, .. } => Err(RpcError::new(code::SERVER, reason)),
        }
    };
    context.service.simulations.run(work).await
}

/// The least gas limit with which a call succeeds.
pub async fn run_estimate(context: &Context, view: &View, task: Task) -> Result<u64, RpcError> {
    let Prepared { mut simulation, request, reader } =
        prepare(context, view, task, timeout(context))?;
    let work = move || estimate_gas(&mut simulation, &request, &reader).map_err(failed);
    context.service.simulations.run(work).await
}

/// The time was over before the end.
fn timed_out() -> RpcError {
    RpcError::new(code::SERVER, "execution aborted (timeout)")
}

/// Why there is no result.
pub fn failed(error: SimulateError) -> RpcError {
    match error {
        SimulateError::State(error) if is_over(&error) => timed_out(),
        SimulateError::State(error) => error.into(),
        SimulateError::Reverted { output } => reverted(&output),
        SimulateError::FeeFields | SimulateError::OverrideFields(_) => {
            RpcError::invalid_params(error.to_string())
        }
        SimulateError::MovedToItself(_) => RpcError::new(code::MOVED_TO_ITSELF, error.to_string()),
        SimulateError::TooSlow => RpcError::new(code::SIMULATION_TIMEOUT, error.to_string()),
        SimulateError::Invalid(_)
        | SimulateError::Halted(_)
        | SimulateError::GasAllowance(_)
        | SimulateError::NotPrecompile(_)
        | SimulateError::MovedToOverridden(_)
        | SimulateError::Environment(_) => RpcError::new(code::SERVER, error.to_string()),
    }
}
