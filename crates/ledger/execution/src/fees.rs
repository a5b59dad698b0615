//! The fee function: what a transaction pays, what wallets are told to offer. There is no other,
//! so prices shown, charged and reported cannot disagree.

use alloy_consensus::Transaction as _;
use types::{FeeMode, Transaction};

use crate::TransactionRules;

/// Wei per gas that a transaction pays, as its receipt shows: 0 in free mode, else the base fee
/// and as much of the offered tip as the offered maximum leaves room for.
pub fn effective_gas_price(transaction: &Transaction, rules: &TransactionRules) -> u128 {
    match rules.fee_mode {
        FeeMode::Free => 0,
        FeeMode::Metered => transaction.envelope().effective_gas_price(Some(rules.base_fee_wei)),
    }
}

/// Wei per gas that a wallet should offer (`eth_gasPrice`): the base fee, since a tip buys
/// nothing.
pub fn suggested_gas_price(rules: &TransactionRules) -> u128 {
    u128::from(base_fee(rules))
}

/// Wei per gas that a wallet should offer as tip (`eth_maxPriorityFeePerGas`): none.
pub fn suggested_tip(_rules: &TransactionRules) -> u128 {
    0
}

/// The `baseFeePerGas` of every block under these rules.
pub fn base_fee(rules: &TransactionRules) -> u64 {
    match rules.fee_mode {
        FeeMode::Free => 0,
        FeeMode::Metered => rules.base_fee_wei,
    }
}
