//! What waits in this node's pool.

use serde_json::{Value, json};

use crate::{error::RpcError, params::Params, quantity::quantity, service::Context};

/// `txpool_status`.
pub async fn status(context: &Context, _: &Params) -> Result<Value, RpcError> {
    let status = context.service.ledger.pool().status();
    Ok(json!({ "pending": quantity(status.executable), "queued": quantity(status.queued) }))
}
