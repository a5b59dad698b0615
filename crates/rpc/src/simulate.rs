//! Runs `execution::simulate` over the ledger's state, in a turn of [`crate::simulations`].

use std::{sync::Arc, time::Duration};

use execution::simulate::{
    BlockingReader, CallRequest, CallResult, SimulateError, Simulation, call, estimate_gas,
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
            return Err(StateError::Store("the simulation took too long".to_owned()));
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
    let rules = rules_at(service, height);
    task.object.check(&rules)?;
    let (header, extension) = view.present_header(height)?;
    let environment = environment(&header, time_ms(&header, extension.as_ref()), &rules);
    let gas_max = service.config.call_gas_max;
    let simulation = Simulation::new(environment, rules, task.state.0, &task.block.0, gas_max)
        .map_err(failed)?;
    let reader = Arc::new(HeightState::new(view.ledger(), height, Instant::now() + timeout));
    Ok(Prepared { simulation, request: task.object.call, reader })
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

/// Why there is no result.
pub fn failed(error: SimulateError) -> RpcError {
    match error {
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
