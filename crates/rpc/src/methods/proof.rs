//! `eth_getProof` (EIP-1186): on ledgers whose state is a Merkle Patricia trie.

use alloy_primitives::{Address, B256, Bytes, hex};
use ledger_api::SlotProof;
use serde_json::{Value, json};

use crate::{
    block_id::BlockId,
    error::{RpcError, code},
    limits::PROOF_SLOTS_MAX,
    params::Params,
    quantity::{Slot, quantity},
    service::Context,
};

/// `eth_getProof`. The production state is no Merkle Patricia trie, so there is no such proof of it.
pub async fn account(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let address: Address = params.required(0)?;
    let keys: Vec<Key> = params.optional(1)?.unwrap_or_default();
    if keys.len() > PROOF_SLOTS_MAX {
        return Err(RpcError::limit(format!("too many slots (max {PROOF_SLOTS_MAX})")));
    }
    let view = context.view();
    let number = view.known(params.optional::<BlockId>(2)?.unwrap_or_default())?;
    let slots = keys.iter().map(|key| key.slot.into()).collect();
    let found = view.ledger().account_proof(view.state_height(number), address, slots).await?;
    let Some(proof) = found else {
        let message = match view.ledger().development() {
            None => {
                "eth_getProof is not supported: the state is not a Merkle Patricia trie; use \
                 heqi_getStateProof"
            }
            Some(_) => {
                "eth_getProof is not supported: the state is not a Merkle Patricia trie; start the \
                 development ledger with --state mpt"
            }
        };
        return Err(RpcError::new(code::NOT_SUPPORTED, message));
    };
    let slots: Vec<Value> = keys.iter().zip(&proof.slots).map(slot).collect();
    Ok(json!({
        "address": address,
        "accountProof": nodes(&proof.nodes),
        "balance": quantity(proof.record.balance),
        "codeHash": proof.record.code_hash,
        "nonce": quantity(proof.record.nonce),
        "storageHash": proof.storage_root,
        "storageProof": slots,
    }))
}

/// A slot as the caller wrote it: short ones come back short, as from geth.
struct Key {
    slot: B256,
    is_word: bool,
}

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text).len();
        let slot: Result<Slot, _> = serde::Deserialize::deserialize(
            serde::de::value::StringDeserializer::<D::Error>::new(text),
        );
        Ok(Self { slot: slot?.0, is_word: digits == 64 })
    }
}

fn slot((key, proof): (&Key, &SlotProof)) -> Value {
    let shown = match key.is_word {
        true => json!(key.slot),
        false => quantity(proof.slot),
    };
    json!({ "key": shown, "value": quantity(proof.value), "proof": nodes(&proof.nodes) })
}

fn nodes(nodes: &[Bytes]) -> Vec<String> {
    nodes.iter().map(hex::encode_prefixed).collect()
}
