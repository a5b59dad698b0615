//! Who and what this node is.

use alloy_primitives::{Bytes, keccak256};
use serde_json::{Map, Value, json};

use crate::{
    error::RpcError,
    params::Params,
    quantity::{data, quantity},
    service::Context,
};

/// devp2p's `eth` version that current clients report; Heqi speaks its own network protocol.
const ETH_PROTOCOL_VERSION: u32 = 68;
/// Final blocks that this node may lack before it calls itself syncing.
const SYNCING_BLOCKS_MIN: u64 = 8;

/// `eth_chainId`.
pub async fn chain_id(context: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(quantity(context.service.ledger.genesis().chain_id))
}

/// `net_version`: the chain id as decimal text, as clients compare the two.
pub async fn net_version(context: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(Value::String(context.service.ledger.genesis().chain_id.to_string()))
}

/// `web3_clientVersion`.
pub async fn client_version(context: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(Value::String(context.service.config.client_version.clone()))
}

/// `web3_sha3`: keccak256.
pub async fn sha3(_: &Context, params: &Params) -> Result<Value, RpcError> {
    Ok(data(keccak256(params.required::<Bytes>(0)?)))
}

/// `rpc_modules`: the name spaces of the table.
pub async fn modules(context: &Context, _: &Params) -> Result<Value, RpcError> {
    let offered = context.service.offered();
    let spaces = offered.filter_map(|name| name.split('_').next());
    Ok(spaces.map(|space| (space.to_owned(), json!("1.0"))).collect::<Map<_, _>>().into())
}

/// `net_listening`.
pub async fn listening(_: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(Value::Bool(true))
}

/// `net_peerCount`.
pub async fn peer_count(context: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(quantity(context.service.ledger.peer_count()))
}

/// `eth_protocolVersion`.
pub async fn protocol_version(_: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(quantity(ETH_PROTOCOL_VERSION))
}

/// `eth_syncing`.
pub async fn syncing(context: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(syncing_status(context).await)
}

/// False, or how far this node's stores are behind what consensus knows to be final.
pub async fn syncing_status(context: &Context) -> Value {
    let ledger = &context.service.ledger;
    let current = ledger.head().number;
    let highest = ledger.consensus_status().await.finalized_height;
    if highest <= current.saturating_add(SYNCING_BLOCKS_MIN) {
        return Value::Bool(false);
    }
    json!({
        "startingBlock": quantity(0u8),
        "currentBlock": quantity(current),
        "highestBlock": quantity(highest),
    })
}

/// `eth_mining`: nobody mines here.
pub async fn mining(_: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(Value::Bool(false))
}

/// `eth_hashrate`.
pub async fn hashrate(_: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(quantity(0u8))
}

/// `eth_coinbase`: who receives fees.
pub async fn coinbase(context: &Context, _: &Params) -> Result<Value, RpcError> {
    Ok(json!(context.service.ledger.genesis().parameters.fee_recipient))
}
