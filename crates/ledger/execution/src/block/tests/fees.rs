//! Free and metered.

use std::sync::Arc;

use alloy_primitives::{Bytes, TxKind, U256};
use types::Transaction;

use super::BOB;
use crate::{
    InvalidTransaction, check_transaction, effective_gas_price, fees,
    testing::{COINBASE, Chain, dynamic, genesis, init_code, key, metered},
};

/// Stores GASPRICE + 1 in slot 0 and BASEFEE + 1 in slot 1.
const PRICES: &[u8] =
    &[0x3a, 0x60, 0x01, 0x01, 0x5f, 0x55, 0x48, 0x60, 0x01, 0x01, 0x60, 0x01, 0x55, 0x00];

fn priced(
    number: u8,
    nonce: u64,
    to: TxKind,
    input: Bytes,
    fee: u128,
    tip: u128,
) -> Arc<Transaction> {
    let mut transaction = dynamic(nonce, to, 0, input);
    transaction.max_fee_per_gas = fee;
    transaction.max_priority_fee_per_gas = tip;
    key(number).sign(transaction)
}

#[test]
fn free_mode_takes_any_fee_from_an_empty_account_and_charges_nothing() {
    let mut chain = Chain::new(genesis());
    let huge = u128::MAX;
    let block = chain.block(vec![
        priced(3, 0, TxKind::Create, init_code(PRICES), huge, huge),
        priced(3, 1, TxKind::Call(key(3).address.create(0)), Bytes::new(), 1, 1),
        priced(3, 2, TxKind::Call(BOB), Bytes::new(), 0, 0),
    ]);
    assert_eq!(block.included, [0, 1, 2]);
    assert!(block.results.iter().all(|result| result.effective_gas_price == 0));
    let contract = key(3).address.create(0);
    assert_eq!(chain.reader.slot(contract, 0), U256::ONE, "GASPRICE is 0");
    assert_eq!(chain.reader.slot(contract, 1), U256::ONE, "BASEFEE is 0");
    assert_eq!(chain.reader.balance(COINBASE), U256::ZERO);
    assert_eq!(chain.reader.balance(key(3).address), U256::ZERO);
}

#[test]
fn metered_mode_pays_base_fee_and_tip_to_the_recipient() {
    let mut chain = Chain::new(metered(10));
    let before = chain.reader.balance(key(1).address);
    let block = chain.block(vec![
        priced(1, 0, TxKind::Create, init_code(PRICES), 100, 3),
        priced(1, 1, TxKind::Call(key(1).address.create(0)), Bytes::new(), 11, 3),
    ]);
    assert_eq!(block.results[0].effective_gas_price, 13);
    assert_eq!(block.results[1].effective_gas_price, 11);
    let paid = block.results[0].gas_used * 13 + block.results[1].gas_used * 11;
    assert_eq!(chain.reader.balance(COINBASE), U256::from(paid));
    assert_eq!(chain.reader.balance(key(1).address), before - U256::from(paid));
    let contract = key(1).address.create(0);
    assert_eq!(chain.reader.slot(contract, 0), U256::from(12), "GASPRICE is what is charged");
    assert_eq!(chain.reader.slot(contract, 1), U256::from(11));
}

#[test]
fn metered_mode_refuses_who_cannot_or_will_not_pay() {
    let mut chain = Chain::new(metered(10));
    let block = chain.block(vec![
        priced(3, 0, TxKind::Call(BOB), Bytes::new(), 10, 0),
        priced(1, 0, TxKind::Call(BOB), Bytes::new(), 9, 0),
    ]);
    assert!(block.included.is_empty());
    assert_eq!(
        block.rejected[0].reason.to_string(),
        "insufficient funds for gas * price + value: balance 0, tx cost 10000000, overshot 10000000"
    );
    assert!(matches!(
        block.rejected[1].reason,
        InvalidTransaction::FeeCapTooLow { fee_max: 9, base_fee: 10, .. }
    ));
}

#[test]
fn one_function_tells_every_price() {
    for genesis in [genesis(), metered(10)] {
        let chain = Chain::new(genesis);
        let rules = chain.transaction_rules();
        let offered = fees::suggested_gas_price(&rules);
        let tip = fees::suggested_tip(&rules);
        let transaction = priced(1, 0, TxKind::Call(BOB), Bytes::new(), offered, tip);
        assert_eq!(check_transaction(&transaction, &rules), Ok(()));
        assert_eq!(effective_gas_price(&transaction, &rules), offered);
        assert_eq!(u128::from(fees::base_fee(&rules)) + tip, offered);
    }
}
