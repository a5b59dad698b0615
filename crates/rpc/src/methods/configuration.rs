//! What this ledger is configured for, and what this node can answer.

use alloy_eips::eip7840::BlobParams;
use alloy_primitives::{Address, B256, hex};
use execution::{BEACON_ROOTS_ADDRESS, ChainRules, HISTORY_ADDRESS};
use ledger_api::EthereumFork;
use serde_json::{Value, json};
use types::Feature;

use crate::{
    chain_rules::rules_at,
    error::RpcError,
    params::Params,
    quantity::quantity,
    service::{Context, Service},
};

/// What `activationTime` says of a configuration that begins at a height: nobody knows the time. The
/// largest number that is exact in every JSON reader; `activationBlock` has the height.
const TIME_NOT_KNOWN: u64 = (1 << 53) - 1;

/// `eth_config` (EIP-7910). Configurations begin at heights, which stand in `activationBlock`; the time
/// of one that has begun is that of its first block. Blobs are not accepted, so their number is 0.
pub async fn config(context: &Context, _: &Params) -> Result<Value, RpcError> {
    let service = &context.service;
    let head = service.ledger.head().number;
    if let Some(fork) = service.ledger.blocks().fork() {
        let current = of_ethereum(&rules_at(service, head), &fork);
        return Ok(json!({ "current": current, "next": null, "last": null }));
    }
    let osaka = service.genesis.parameters.activation(Feature::Osaka);
    let (current, next) = match osaka {
        Some(height) if height <= head => (height, None),
        _ => (0, osaka),
    };
    let next = next.map(|height| configuration(service, height)).transpose()?;
    Ok(json!({
        "current": configuration(service, current)?,
        "next": next,
        "last": next,
    }))
}

/// The configuration that begins at a height.
fn configuration(service: &Service, height: u64) -> Result<Value, RpcError> {
    let rules = rules_at(service, height);
    let begun = match height {
        0 => Some(0),
        height => service.ledger.chain().header(height)?.map(|(header, _)| header.timestamp),
    };
    let fork_id = match height {
        0 => fork_id(service.ledger.genesis_hash(), &[]),
        height => fork_id(service.ledger.genesis_hash(), &[height]),
    };
    let fraction = u64::try_from(BlobParams::prague().update_fraction).unwrap_or(u64::MAX);
    Ok(json!({
        "activationTime": begun.unwrap_or(TIME_NOT_KNOWN),
        "activationBlock": quantity(height),
        "blobSchedule": { "target": 0, "max": 0, "baseFeeUpdateFraction": fraction },
        "chainId": quantity(rules.chain_id),
        "forkId": hex::encode_prefixed(fork_id),
        "precompiles": execution::precompiles(rules.spec),
        "systemContracts": {
            "BEACON_ROOTS_ADDRESS": BEACON_ROOTS_ADDRESS,
            "HISTORY_STORAGE_ADDRESS": HISTORY_ADDRESS,
        },
    }))
}

/// The configuration at the head of an imported chain.
fn of_ethereum(rules: &ChainRules, fork: &EthereumFork) -> Value {
    let schedule = rules.blobs.map(|blobs| {
        json!({
            "target": blobs.target_blob_count,
            "max": blobs.max_blob_count,
            "baseFeeUpdateFraction": u64::try_from(blobs.update_fraction).unwrap_or(u64::MAX),
        })
    });
    json!({
        "activationTime": fork.activation_time,
        "blobSchedule": schedule,
        "chainId": quantity(rules.chain_id),
        "forkId": hex::encode_prefixed(fork.fork_hash),
        "precompiles": execution::precompiles(rules.spec),
        "systemContracts": fork.system_contracts,
    })
}

/// EIP-2124's hash of a chain: CRC-32 (IEEE) of block 0's hash and of the heights at which its rules
/// changed.
fn fork_id(genesis: B256, heights: &[u64]) -> [u8; 4] {
    let heights = heights.iter().flat_map(|height| height.to_be_bytes());
    let mut crc = u32::MAX;
    for byte in genesis.into_iter().chain(heights) {
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
    let head = ledger.head();
    let lowest = ledger.blocks().lowest();
    let blocks = json!({ "disabled": false, "oldestBlock": quantity(lowest) });
    let state = json!({ "disabled": false, "oldestBlock": quantity(ledger.oldest_state()) });
    let proved = ledger.account_proof(head.number, Address::ZERO, Vec::new()).await?.is_some();
    let oldest_proof = if proved { ledger.oldest_state() } else { head.number };
    let proofs = json!({ "disabled": !proved, "oldestBlock": quantity(oldest_proof) });
    Ok(json!({
        "head": { "number": quantity(head.number), "hash": head.hash },
        "state": state,
        "tx": blocks,
        "logs": blocks,
        "receipts": blocks,
        "blocks": blocks,
        // Merkle Patricia proofs; heqi_getStateProof is another.
        "stateproofs": proofs,
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
        let mainnet = mainnet.parse().unwrap();
        assert_eq!(fork_id(mainnet, &[]), [0xfc, 0x64, 0xec, 0x04]);
        // Homestead and the DAO fork.
        assert_eq!(fork_id(mainnet, &[1_150_000]), [0x97, 0xc2, 0xc3, 0x4c]);
        assert_eq!(fork_id(mainnet, &[1_150_000, 1_920_000]), [0x91, 0xd1, 0xf9, 0x48]);
    }
}
