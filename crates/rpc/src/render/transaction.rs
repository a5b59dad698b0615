//! Transactions: alloy's JSON of the signed envelope, plus sender and place.

use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_primitives::{Address, B256};
use serde_json::{Value, json};

use super::to_value;
use crate::quantity::quantity;

/// Where a final transaction stands.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Height of the block.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Its time, seconds.
    pub timestamp: u64,
    /// Position in the block.
    pub index: usize,
    /// Wei per gas that was charged.
    pub price: u128,
}

/// A transaction; without a place it is pending and its block fields are null.
pub fn transaction(envelope: &TxEnvelope, from: Address, place: Option<Place>) -> Value {
    let mut value = to_value(envelope);
    value["from"] = json!(from);
    value["blockHash"] = json!(place.map(|place| place.hash));
    value["blockNumber"] = json!(place.map(|place| quantity(place.number)));
    value["transactionIndex"] = json!(place.map(|place| quantity(place.index)));
    value["blockTimestamp"] = json!(place.map(|place| quantity(place.timestamp)));
    if envelope.is_dynamic_fee() {
        let price = place.map_or(envelope.max_fee_per_gas(), |place| place.price);
        value["gasPrice"] = quantity(price);
    }
    value
}
