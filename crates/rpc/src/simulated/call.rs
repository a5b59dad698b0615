//! The transaction that a call of a simulated block would be, were it signed.

use alloy_consensus::{
    SignableTransaction as _, TxEip1559, TxEip4844, TxEip4844Variant, TxEip7702, TxEnvelope,
    TxLegacy,
};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{Address, Bytes, ChainId, Signature, TxKind, U256};
use alloy_rlp::{Encodable, Header as RlpHeader};
use execution::simulate::CallRequest;
use types::Transaction;

/// What a call object leaves open.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// EIP-155.
    pub chain_id: ChainId,
    /// Nonce.
    pub nonce: u64,
    /// Gas limit.
    pub gas: u64,
    /// Whether the block has a base fee; before London there are only legacy transactions.
    pub has_base_fee: bool,
}

/// The transaction. Its type follows from the fields as in geth: EIP-1559 unless something says
/// otherwise.
pub fn transaction(call: CallRequest, defaults: Defaults) -> Transaction {
    let from = call.from.unwrap_or_default();
    if call.gas_price.is_some() || !defaults.has_base_fee {
        return legacy(call, defaults, from);
    }
    let Defaults { chain_id, nonce, gas: gas_limit, .. } = defaults;
    let max_fee_per_gas = call.max_fee_per_gas.unwrap_or_default();
    let max_priority_fee_per_gas = call.max_priority_fee_per_gas.unwrap_or_default();
    let access_list = call.access_list.unwrap_or_default();
    let (value, input) = (call.value, call.data);
    let unsigned = Signature::new(U256::ZERO, U256::ZERO, false);
    let envelope: TxEnvelope = if !call.authorization_list.is_empty() {
        let authorization_list = call.authorization_list;
        TxEip7702 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to: call.to.unwrap_or_default(),
            value,
            access_list,
            authorization_list,
            input,
        }
        .into_signed(unsigned)
        .into()
    } else if !call.blob_versioned_hashes.is_empty() {
        let blob = TxEip4844 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to: call.to.unwrap_or_default(),
            value,
            access_list,
            blob_versioned_hashes: call.blob_versioned_hashes,
            max_fee_per_blob_gas: call.max_fee_per_blob_gas.unwrap_or_default(),
            input,
        };
        let blob: TxEip4844Variant = TxEip4844Variant::TxEip4844(blob);
        blob.into_signed(unsigned).into()
    } else {
        let to = call.to.map_or(TxKind::Create, TxKind::Call);
        TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            input,
        }
        .into_signed(unsigned)
        .into()
    };
    let encoded = envelope.encoded_2718().into();
    Transaction::of_any_type(envelope, encoded, from)
}

/// A legacy transaction without a signature has zero in all three of its fields, also in `v`.
fn legacy(call: CallRequest, defaults: Defaults, from: Address) -> Transaction {
    let transaction = TxLegacy {
        chain_id: None,
        nonce: defaults.nonce,
        gas_price: call.gas_price.unwrap_or_default(),
        gas_limit: defaults.gas,
        to: call.to.map_or(TxKind::Create, TxKind::Call),
        value: call.value,
        input: call.data,
    };
    let encoded = unsigned_bytes(&transaction);
    let unsigned = Signature::new(U256::ZERO, U256::ZERO, false);
    Transaction::of_any_type(transaction.into_signed(unsigned).into(), encoded, from)
}

fn unsigned_bytes(transaction: &TxLegacy) -> Bytes {
    let TxLegacy { nonce, gas_price, gas_limit, to, value, input, .. } = transaction;
    let mut payload = Vec::new();
    nonce.encode(&mut payload);
    gas_price.encode(&mut payload);
    gas_limit.encode(&mut payload);
    to.encode(&mut payload);
    value.encode(&mut payload);
    input.encode(&mut payload);
    for _ in ["v", "r", "s"] {
        U256::ZERO.encode(&mut payload);
    }
    let mut out = Vec::with_capacity(payload.len() + 9);
    RlpHeader { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend_from_slice(&payload);
    out.into()
}
