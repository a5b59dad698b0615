#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use alloy_consensus::{TxEip7702, TxLegacy};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use types::{FeeMode, Transaction};

use super::*;
use crate::testing::{CHAIN_ID, dynamic, key};

const RULES: TransactionRules = TransactionRules {
    chain_id: CHAIN_ID,
    block_gas_limit: 30_000_000,
    fee_mode: FeeMode::Metered,
    base_fee_wei: 10,
    init_code_bytes_max: INIT_CODE_BYTES_MAX,
    transaction_gas_max: u64::MAX,
};

fn refusal(transaction: Arc<Transaction>) -> String {
    check_transaction(&transaction, &RULES).unwrap_err().to_string()
}

fn base() -> alloy_consensus::TxEip1559 {
    let mut transaction = dynamic(0, TxKind::Call(Address::ZERO), 0, Bytes::new());
    transaction.max_fee_per_gas = 10;
    transaction
}

#[test]
fn texts_are_geths() {
    let signer = key(1);
    let sign = |change: fn(&mut alloy_consensus::TxEip1559)| {
        let mut transaction = base();
        change(&mut transaction);
        signer.sign(transaction)
    };
    assert_eq!(
        refusal(signer.sign(TxLegacy { gas_limit: 21_000, ..Default::default() })),
        "only replay-protected (EIP-155) transactions allowed over RPC"
    );
    assert_eq!(
        refusal(sign(|transaction| transaction.chain_id = 1)),
        "invalid sender: invalid chain id for signer: have 1 want 7771"
    );
    assert_eq!(
        refusal(sign(|transaction| transaction.gas_limit = 30_000_001)),
        "exceeds block gas limit"
    );
    assert_eq!(
        refusal(sign(|transaction| transaction.gas_limit = 20_999)),
        "intrinsic gas too low: gas 20999, minimum needed 21000"
    );
    assert_eq!(
        refusal(sign(|transaction| {
            transaction.input = vec![1; 100].into();
            transaction.gas_limit = 22_700;
        })),
        "insufficient gas for floor data gas cost: gas 22700, minimum needed 25000"
    );
    assert!(
        refusal(sign(|transaction| transaction.max_fee_per_gas = 9))
            .starts_with("max fee per gas less than block base fee: address 0x")
    );
    assert!(
        refusal(sign(|transaction| transaction.max_priority_fee_per_gas = 11))
            .starts_with("max priority fee per gas higher than max fee per gas")
    );
    assert_eq!(
        refusal(sign(|transaction| {
            transaction.to = TxKind::Create;
            transaction.input = vec![0; INIT_CODE_BYTES_MAX + 1].into();
        })),
        "max initcode size exceeded: code size 49153, limit 49152"
    );
    assert_eq!(refusal(sign(|transaction| transaction.nonce = u64::MAX)), "nonce has max value");
    let empty = TxEip7702 {
        chain_id: CHAIN_ID,
        gas_limit: 100_000,
        max_fee_per_gas: 10,
        ..Default::default()
    };
    assert_eq!(
        refusal(signer.sign(empty)),
        "set code tx must have at least one authorization tuple"
    );
    assert_eq!(check_transaction(&signer.sign(base()), &RULES), Ok(()));
}

#[test]
fn accounts_must_hold_nonce_and_balance() {
    let mut transaction = base();
    transaction.nonce = 3;
    transaction.value = U256::from(7);
    let transaction = key(1).sign(transaction);
    let account = |nonce, balance: u64| AccountRecord {
        nonce,
        balance: U256::from(balance),
        ..Default::default()
    };
    let check = |account: AccountRecord, rules: &TransactionRules| {
        check_account(&transaction, Some(&account), rules).map_err(|error| error.to_string())
    };
    let cost = 10_000_007;
    assert_eq!(check(account(3, cost), &RULES), Ok(()));
    assert_eq!(check(account(1, cost), &RULES), Ok(()), "a gap is the pool's business");
    assert_eq!(
        check(account(5, cost), &RULES).unwrap_err(),
        "nonce too low: next nonce 5, tx nonce 3"
    );
    assert_eq!(
        check(account(3, cost - 2), &RULES).unwrap_err(),
        "insufficient funds for gas * price + value: balance 10000005, tx cost 10000007, overshot 2"
    );
    let free = TransactionRules { fee_mode: FeeMode::Free, base_fee_wei: 0, ..RULES };
    assert_eq!(check(account(3, 7), &free), Ok(()));
    assert!(check(account(3, 6), &free).is_err());
    assert!(check_account(&transaction, None, &free).is_err());
}

#[test]
fn costs_never_overflow() {
    let mut transaction = base();
    transaction.max_fee_per_gas = u128::MAX;
    transaction.gas_limit = u64::MAX;
    transaction.value = U256::MAX;
    assert_eq!(cost_max(&key(1).sign(transaction), &RULES), U256::MAX);
}
