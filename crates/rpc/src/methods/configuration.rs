//! What this ledger is configured for, and what this node can answer.

use alloy_eips::eip7840::BlobParams;
use alloy_primitives::{B256, hex};
use execution::{BEACON_ROOTS_ADDRESS, HISTORY_ADDRESS};
use serde_json::{Value, json};

use crate::{error::RpcError, params::Params, quantity::quantity, service::Context};

/// `eth_config` (EIP-7910). One configuration holds from block 0 on and no other is scheduled.
/// Blobs are not accepted, so their number is 0.
pub async fn config(context: &Context, _: &Params) -> Result<Value, RpcError> {
    let service = &context.service;
    let head = service.ledger.head().number;
    let rules = execution::rules(&service.genesis, head);
    let fraction = u64::try_from(BlobParams::prague().update_fraction).unwrap_or(u64::MAX);
    Ok(json!({
        "current": {
            "activationTime": 0,
            "blobSchedule": { "target": 0, "max": 0, "baseFeeUpdateFraction": fraction },
            "chainId": quantity(rules.chain_id),
            "forkId": hex::encode_prefixed(fork_id(service.ledger.genesis_hash())),
            "precompiles": execution::precompiles(rules.spec),
            "systemContracts": {
                "BEACON_ROOTS_ADDRESS": BEACON_ROOTS_ADDRESS,
                "HISTORY_STORAGE_ADDRESS": HISTORY_ADDRESS,
            },
        },
        "next": null,
        "last": null,
    }))
}

/// EIP-2124's hash of a chain whose rules hold from its beginning: CRC-32 (IEEE) of block 0's hash.
fn fork_id(genesis: B256) -> [u8; 4] {
    let mut crc = u32::MAX;
    for byte in genesis {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    (!crc).to_be_bytes()
}

/// `eth_capabilities`: the oldest block of which this node has what.
pub async fn capabilities(context: &Context, _: &Params) -> Result<Value, RpcError> {
    let ledger = &context.service.ledger;
    let (head, chain) = (ledger.head(), ledger.chain());
    let blocks = json!({ "disabled": false, "oldestBlock": quantity(chain.lowest().unwrap_or(0)) });
    let state = json!({ "disabled": false, "oldestBlock": quantity(chain.oldest_state()) });
    Ok(json!({
        "head": { "number": quantity(head.number), "hash": head.hash },
        "state": state,
        "tx": blocks,
        "logs": blocks,
        "receipts": blocks,
        "blocks": blocks,
        // Merkle Patricia proofs; heqi_getStateProof is another.
        "stateproofs": { "disabled": true, "oldestBlock": quantity(head.number) },
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_fork_id_is_that_of_eip_2124() {
        // Mainnet's genesis hash and the id of Frontier, from the EIP's table.
        let mainnet = "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3";
        assert_eq!(fork_id(mainnet.parse().unwrap()), [0xfc, 0x64, 0xec, 0x04]);
    }
}
