//! Runs `execution::simulate` over the ledger's state, in a turn of [`crate::simulations`].

use std::{sync::Arc, time::Duration};

use execution::{
    BlockEnvironment, ChainRules,
    simulate::{
        BlockingReader, CallRequest, CallResult, SimulateError, Simulation, call, estimate_gas,
    },
};
use ledger_api::{Ledger, LedgerError};
use state::{StateError, StateKey, StateValue};
use tokio::{runtime::Handle, time::Instant};

use crate::{
    call_request::CallObject,
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
struct HeightState {
    ledger: Arc<dyn Ledger>,
    height: u64,
    deadline: Instant,
    runtime: Handle,
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
struct Prepared {
    simulation: Simulation,
    request: CallRequest,
    reader: Arc<HeightState>,
}

fn prepare(context: &Context, view: &View, task: Task) -> Result<Prepared, RpcError> {
    let service = &context.service;
    task.object.check(service.genesis.chain_id)?;
    let height = view.state_height(task.number);
    let (header, extension) = view.present_header(height)?;
    let environment = BlockEnvironment::of_header(&header, extension.time_ms);
    let rules: ChainRules = execution::rules(&service.genesis, height);
    let gas_max = service.config.call_gas_max;
    let simulation = Simulation::new(environment, rules, task.state.0, &task.block.0, gas_max)
        .map_err(failed)?;
    let deadline = Instant::now() + Duration::from_millis(service.config.simulation_timeout_ms);
    let (ledger, runtime) = (view.ledger().clone(), Handle::current());
    let reader = Arc::new(HeightState { ledger, height, deadline, runtime });
    Ok(Prepared { simulation, request: task.object.call, reader })
}

/// Return data of a call; a revert or halt is an error.
pub async fn run_call(context: &Context, view: &View, task: Task) -> Result<Vec<u8>, RpcError> {
    let Prepared { mut simulation, request, reader } = prepare(context, view, task)?;
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
    let Prepared { mut simulation, request, reader } = prepare(context, view, task)?;
    let work = move || estimate_gas(&mut simulation, &request, &reader).map_err(failed);
    context.service.simulations.run(work).await
}

fn failed(error: SimulateError) -> RpcError {
    match error {
        SimulateError::State(error) => error.into(),
        SimulateError::Reverted { output } => reverted(&output),
        SimulateError::FeeFields | SimulateError::OverrideFields(_) => {
            RpcError::invalid_params(error.to_string())
        }
        SimulateError::Invalid(_)
        | SimulateError::Halted(_)
        | SimulateError::GasAllowance(_)
        | SimulateError::Environment(_) => RpcError::new(code::SERVER, error.to_string()),
    }
}
