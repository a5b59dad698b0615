//! Heqi's own methods: proofs that a stranger can check.

use std::sync::Arc;

use alloy_primitives::{Address, hex};
use ledger_api::{Ledger, StateProofItem, ValidatorInfo};
use serde::Deserialize;
use serde_json::{Value, json};
use state::{StateKey, StateValue};
use types::{DatabaseCommitment, Extension, Header, Namespace, ValidatorKey, quorum};

use crate::{
    block_id::BlockId,
    error::{RpcError, code},
    limits::STATE_PROOF_KEYS_MAX,
    object::Object,
    params::Params,
    quantity::{Slot, data, quantity},
    service::Context,
};

pub(crate) fn validator(info: &ValidatorInfo) -> Value {
    json!({ "key": info.key.to_string(), "organisation": info.organisation })
}

fn validators_json(validators: &[ValidatorInfo]) -> Value {
    validators.iter().map(validator).collect()
}

fn organisation(validators: &[ValidatorInfo], key: &ValidatorKey) -> Option<String> {
    let known = validators.iter().find(|info| info.key == *key);
    known.map(|info| info.organisation.clone())
}

/// `heqi_getFinalityProof(block)`: everything a program without this code needs to check that a
/// block is final: the exact bytes signed, each signature with its key, and the headers from the
/// block to the certified one.
pub async fn finality_proof(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let view = context.view();
    let number = view.known(params.optional::<BlockId>(0)?.unwrap_or_default())?;
    finality_proof_of(view.ledger(), number).await
}

/// What [`finality_proof`] answers for the block at `number`, which must be visible.
pub async fn finality_proof_of(ledger: &Arc<dyn Ledger>, number: u64) -> Result<Value, RpcError> {
    let proof = ledger.finality_proof(number).await?;
    let namespace = ledger.namespace();
    let certificate = &proof.certificate;
    let signatures: Vec<Value> = certificate
        .signatures
        .iter()
        .map(|signature| {
            json!({
                "key": signature.key.to_string(),
                "organisation": organisation(&proof.validators, &signature.key),
                "signature": data(signature.signature),
            })
        })
        .collect();
    Ok(json!({
        "number": quantity(number),
        "namespace": namespace_json(&namespace),
        "signedBytes": data(certificate.signed_bytes(&namespace)),
        "certificate": {
            "epoch": quantity(certificate.epoch),
            "view": quantity(certificate.view),
            "parentView": quantity(certificate.parent_view),
            "blockHash": certificate.block_hash,
            "signatures": signatures,
        },
        "headers": proof.headers.iter().map(header_json).collect::<Vec<_>>(),
        "validators": validators_json(&proof.validators),
        "quorum": quantity(quorum(proof.validators.len())),
    }))
}

fn namespace_json(namespace: &Namespace) -> Value {
    json!({
        "chainId": quantity(namespace.chain_id),
        "genesisHash": namespace.genesis_hash,
        "ledgerId": quantity(namespace.ledger_id),
        "incarnation": quantity(namespace.incarnation),
        "bytes": data(namespace.to_bytes()),
    })
}

fn header_json((header, extension): &(Header, Extension)) -> Value {
    json!({
        "number": quantity(header.number),
        "hash": header.hash_slow(),
        "rlp": data(alloy_rlp::encode(header)),
        "extension": data(alloy_rlp::encode(extension)),
    })
}

/// One account of `heqi_getStateProof`.
#[derive(Deserialize)]
struct Wanted {
    address: Address,
    #[serde(default, alias = "storageKeys")]
    slots: Vec<Slot>,
}

/// `heqi_getStateProof([{address, slots}, …])`: accounts and slots at the head, proved against the
/// `stateRoot` of its header.
pub async fn state_proof(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let wanted: Vec<Object<Wanted>> = params.required(0)?;
    let wanted: Vec<Wanted> = wanted.into_iter().map(|Object(account)| account).collect();
    let count: usize = wanted.iter().map(|account| 1 + account.slots.len()).sum();
    if count == 0 {
        return Err(RpcError::invalid_params("no account asked for"));
    }
    if count > STATE_PROOF_KEYS_MAX {
        return Err(RpcError::limit(format!("too many keys, limit {STATE_PROOF_KEYS_MAX}")));
    }
    let mut keys = Vec::with_capacity(count);
    for Wanted { address, slots } in &wanted {
        keys.push(StateKey::Account(*address));
        keys.extend(slots.iter().map(|slot| StateKey::Storage(*address, slot.0.into())));
    }
    let ledger = &context.service.ledger;
    if ledger.development().is_some() {
        let message = "heqi_getStateProof is not supported on a development ledger: start it with \
                       --state mpt for eth_getProof";
        return Err(RpcError::new(code::NOT_SUPPORTED, message));
    }
    let proof = ledger.state_proof(keys).await?;
    let hash = ledger.chain().hash(proof.number).map_err(RpcError::internal)?;
    Ok(json!({
        "number": quantity(proof.number),
        "hash": hash,
        "stateRoot": proof.commitment.state_root(),
        "commitment": {
            "accounts": database(&proof.commitment.accounts),
            "storage": database(&proof.commitment.storage),
            "code": database(&proof.commitment.code),
        },
        "items": proof.items.iter().map(item).collect::<Vec<_>>(),
    }))
}

fn database(commitment: &DatabaseCommitment) -> Value {
    json!({
        "root": commitment.root,
        "opsRoot": commitment.ops_root,
        "rangeStart": quantity(commitment.range_start),
        "rangeEnd": quantity(commitment.range_end),
    })
}

fn item(item: &StateProofItem) -> Value {
    let mut object = match item.key {
        StateKey::Account(address) => json!({ "kind": "account", "address": address }),
        StateKey::Storage(address, slot) => {
            let slot = hex::encode_prefixed(slot.to_be_bytes::<32>());
            json!({ "kind": "storage", "address": address, "slot": slot })
        }
        StateKey::Code(hash) => json!({ "kind": "code", "hash": hash }),
    };
    object["value"] = match &item.value {
        None => Value::Null,
        Some(StateValue::Account(record)) => json!({
            "nonce": quantity(record.nonce),
            "balance": quantity(record.balance),
            "codeHash": record.code_hash,
        }),
        Some(StateValue::Storage(value)) => data(value.to_be_bytes::<32>()),
        Some(StateValue::Code(code)) => data(code),
    };
    object["proof"] = data(&item.proof);
    object
}

/// `heqi_getValidators(block)`: who certifies the block after it.
pub async fn validators(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let view = context.view();
    let number = view.known(params.optional::<BlockId>(0)?.unwrap_or_default())?;
    let validators = view.ledger().validators(number).await?;
    Ok(json!({
        "number": quantity(number),
        "validators": validators_json(&validators),
        "quorum": quantity(quorum(validators.len())),
    }))
}
