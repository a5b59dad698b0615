//! What the accounts of a simulated ledger send, signed once per process, and what it must do.

use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock, PoisonError},
};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, hex, keccak256};
use types::AllocatedAccount;

use crate::{
    Account,
    scenario::{ACCOUNTS, FIRST_ACCOUNT},
};

/// Where the token lives from block 1.
pub const TOKEN: Address = address!("00000000000000000000000000000000000070ce");

/// Counts calls: one for the caller, one for whom the call names, and a log of the caller. Two
/// slots and a log, as a token's transfer.
const TOKEN_CODE: [u8; 24] = hex!("33546001013355" "60003580546001019055" "3360006000a1" "00");

/// The genesis allocation.
pub fn allocation() -> BTreeMap<Address, AllocatedAccount> {
    let token = AllocatedAccount { code: TOKEN_CODE.into(), ..AllocatedAccount::default() };
    [(TOKEN, token)].into()
}

/// Of every three transactions of an account, two call the token.
const fn calls_token(nonce: u64) -> bool {
    nonce % 3 != 2
}

/// Whom transaction `nonce` of account `index` names.
fn recipient(index: u64, nonce: u64) -> Address {
    address_of((index + 7 * nonce + 1) % ACCOUNTS)
}

/// Address of account `index`.
pub fn address_of(index: u64) -> Address {
    static ADDRESSES: OnceLock<Vec<Address>> = OnceLock::new();
    let make = || {
        let account = |index| Account::new(FIRST_ACCOUNT + index, crate::CHAIN_ID);
        (0..ACCOUNTS).map(|index| account(index).address()).collect()
    };
    ADDRESSES.get_or_init(make)[usize::try_from(index).expect("few accounts")]
}

/// Transaction `nonce` of account `index` and its hash.
pub fn transaction(index: u64, nonce: u64) -> (Bytes, B256) {
    type Signed = BTreeMap<u64, (Account, Vec<(Bytes, B256)>)>;
    static SIGNED: Mutex<Signed> = Mutex::new(BTreeMap::new());
    let mut signed = SIGNED.lock().unwrap_or_else(PoisonError::into_inner);
    let new = || (Account::new(FIRST_ACCOUNT + index, crate::CHAIN_ID), Vec::new());
    let (account, transactions) = signed.entry(index).or_insert_with(new);
    let position = usize::try_from(nonce).expect("few transactions");
    while transactions.len() <= position {
        let next = account.nonce();
        let to = recipient(index, next);
        let encoded = if calls_token(next) {
            account.call(TxKind::Call(TOKEN), to.into_word().to_vec().into())
        } else {
            account.call(TxKind::Call(to), Bytes::new())
        };
        let hash = keccak256(&encoded);
        transactions.push((encoded, hash));
    }
    transactions[position].clone()
}

/// The token's slots after each account's first `sent[index]` transactions.
pub fn expected_slots(sent: &[u64]) -> BTreeMap<U256, U256> {
    let mut slots = BTreeMap::new();
    for (index, count) in (0..).zip(sent) {
        for nonce in (0..*count).filter(|nonce| calls_token(*nonce)) {
            for account in [address_of(index), recipient(index, nonce)] {
                let slot = U256::from_be_bytes(account.into_word().0);
                *slots.entry(slot).or_insert(U256::ZERO) += U256::from(1);
            }
        }
    }
    slots
}
