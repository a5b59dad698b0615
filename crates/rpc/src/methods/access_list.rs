//! `eth_createAccessList`.

use execution::{
    simulate::After,
    trace::{AccessListTracer, AccessListing},
};
use serde_json::{Value, json};

use super::simulation::task;
use crate::{
    error::{RpcError, code},
    limits::ACCESS_LIST_ROUNDS_MAX,
    params::Params,
    quantity::quantity,
    reruns::{TraceTime, patience, refused, traced},
    service::Context,
    simulate::{Prepared, prepare},
};

/// `eth_createAccessList`: what the call touches, and its gas with that list. A failing call has
/// a list too, and an `error`.
pub async fn create(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let view = context.view();
    let task = task(&view, params)?;
    let time = TraceTime::default();
    let prepared = prepare(context, &view, task, time.duration())?;
    let patience = patience(time.deadline());
    let AccessListing { list, gas_used, error } = traced(context, time, move || {
        let Prepared { mut simulation, mut request, reader } = prepared;
        let mut known = request.access_list.take().unwrap_or_default();
        // A list changes what is warm and so what gas allows, until it lists all that it makes
        // possible.
        for _ in 0..ACCESS_LIST_ROUNDS_MAX {
            request.access_list = Some(known.clone());
            let tracer = AccessListTracer { known: known.clone() };
            let listing = simulation.trace(&request, &tracer, &reader, &patience, After::Forget);
            let listing = listing.map_err(refused)?;
            if listing.list == known {
                return Ok(listing);
            }
            known = listing.list;
        }
        let message = format!("the access list did not settle in {ACCESS_LIST_ROUNDS_MAX} rounds");
        Err(RpcError::new(code::SERVER, message))
    })
    .await?;
    let mut answer = json!({ "accessList": list, "gasUsed": quantity(gas_used) });
    if let Some(error) = error {
        answer["error"] = json!(error);
    }
    Ok(answer)
}
