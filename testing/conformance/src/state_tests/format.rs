//! The JSON of a state test file.

use std::collections::BTreeMap;

use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, B256, Bytes};
use serde::Deserialize;

use super::quantity::Quantity;

/// Tests of one file by name.
pub(super) type TestFile = BTreeMap<String, Test>;

/// A state, a block, and transactions with what they lead to under each fork.
#[derive(Debug, Deserialize)]
pub(super) struct Test {
    pub(super) env: Environment,
    pub(super) pre: BTreeMap<Address, Account>,
    pub(super) post: BTreeMap<String, Vec<Expectation>>,
    pub(super) transaction: Transactions,
}

/// The block around the transaction.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Environment {
    pub(super) current_coinbase: Address,
    pub(super) current_difficulty: Quantity,
    pub(super) current_gas_limit: Quantity,
    pub(super) current_number: Quantity,
    pub(super) current_timestamp: Quantity,
    pub(super) current_base_fee: Option<Quantity>,
    pub(super) current_random: Option<B256>,
    pub(super) current_excess_blob_gas: Option<Quantity>,
}

/// An account before the transaction.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    pub(super) balance: Quantity,
    pub(super) code: Bytes,
    pub(super) nonce: Quantity,
    pub(super) storage: BTreeMap<Quantity, Quantity>,
}

/// A family of transactions: an [`Expectation`] picks data, gas limit and value.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Transactions {
    pub(super) data: Vec<Bytes>,
    pub(super) gas_limit: Vec<Quantity>,
    pub(super) value: Vec<Quantity>,
    pub(super) nonce: Quantity,
    /// Empty for a creation.
    pub(super) to: String,
    pub(super) sender: Address,
    #[serde(rename = "secretKey")]
    _secret_key: B256,
    pub(super) gas_price: Option<Quantity>,
    pub(super) max_fee_per_gas: Option<Quantity>,
    pub(super) max_priority_fee_per_gas: Option<Quantity>,
    /// One for each entry of `data`.
    #[serde(default)]
    pub(super) access_lists: Vec<Option<AccessList>>,
    pub(super) blob_versioned_hashes: Option<Vec<B256>>,
    pub(super) max_fee_per_blob_gas: Option<Quantity>,
}

/// What one transaction leads to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Expectation {
    /// State root afterwards.
    pub(super) hash: B256,
    pub(super) indexes: Indexes,
    /// keccak256 of the RLP list of logs.
    pub(super) logs: B256,
    /// Why the transaction is invalid.
    pub(super) expect_exception: Option<String>,
    /// The signed transaction.
    #[serde(rename = "txbytes")]
    _encoded: Bytes,
}

/// Which of the family's members.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Indexes {
    pub(super) data: usize,
    pub(super) gas: usize,
    pub(super) value: usize,
}
