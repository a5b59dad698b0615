//! `eth_simulateV1`.

use std::{sync::Arc, time::Duration};

use execution::simulate::Checks;
use tokio::time::Instant;

use crate::{
    block_id::BlockId,
    error::RpcError,
    json_text::JsonText,
    limits::SIMULATION_STOP_MS_MAX,
    params::Params,
    reruns::patience,
    service::Context,
    simulate::HeightState,
    simulated::{Base, Options, Payload, plan, run},
};

/// `eth_simulateV1`: the blocks with what their calls came to.
pub async fn simulate(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let payload: Payload = params.required(0)?;
    payload.check()?;
    let view = context.view();
    let number = view.known(params.optional::<BlockId>(1)?.unwrap_or_default())?;
    let (header, _) = view.present_header(number)?;
    let hash = view.hash(number)?.ok_or_else(RpcError::unknown_block)?;
    let base = Base { header, hash, state_height: view.state_height(number) };
    let options = Options {
        checks: Checks { validation: payload.validation, trace_transfers: payload.trace_transfers },
        full_transactions: payload.full_transactions,
    };
    let blocks = plan(payload, &base.header)?;
    let timeout = Duration::from_millis(context.service.config.simulation_timeout_ms);
    let deadline = Instant::now() + timeout;
    // It stops by itself, with the code that is specified; these are for what would not.
    let longest = timeout + Duration::from_millis(SIMULATION_STOP_MS_MAX);
    let reader = HeightState::new(view.ledger(), base.state_height, Instant::now() + longest);
    let (service, reader) = (context.clone(), Arc::new(reader));
    let work = move || run(&service, &base, blocks, options, reader, patience(deadline));
    context.service.simulations.run_within(longest, work).await
}
