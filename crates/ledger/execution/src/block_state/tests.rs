#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use revm::{
    context::TxEnv,
    primitives::{TxKind, hardfork::SpecId},
};

use super::*;
use crate::{ChainRules, LedgerEvm, Payment};

const CONTRACT: Address = Address::repeat_byte(0xcc);

/// A contract that destroys itself when called, with a slot, under rules before Cancun.
#[test]
fn old_rules_wipe_whole_contracts() {
    let code = Bytes::from_static(&[0x33, 0xff]);
    let hash = alloy_primitives::keccak256(&code);
    let mut state = BlockState::new(BlockHashes::Provided(BTreeMap::new()));
    let record = AccountRecord { nonce: 1, balance: U256::from(5), code_hash: hash };
    state.provide(StateKey::Account(CONTRACT), Some(StateValue::Account(record)));
    state.provide(StateKey::Code(hash), Some(StateValue::Code(code)));
    state.provide(StateKey::Account(Address::ZERO), None);
    let slot = StateKey::Storage(CONTRACT, U256::ONE);
    state.provide(slot, Some(StateValue::Storage(U256::from(9))));
    let rules = ChainRules::ethereum(1, SpecId::SHANGHAI, BTreeMap::new());
    let block = revm::context::BlockEnv { gas_limit: 1_000_000, ..Default::default() };
    let mut evm = LedgerEvm::new(&mut state, &rules, block);
    let transaction =
        TxEnv { kind: TxKind::Call(CONTRACT), gas_limit: 100_000, ..TxEnv::default() };
    evm.transact(transaction, Payment::Call).unwrap();
    let changes = evm.take_changes();
    evm.database().commit(changes, SpecId::SHANGHAI);
    let diff = state.diff();
    assert_eq!(diff.wiped, BTreeSet::from([CONTRACT]));
    assert_eq!(diff.changes[&StateKey::Account(CONTRACT)].current, None);
    assert_eq!(state.storage(CONTRACT, U256::ONE), Ok(U256::ZERO));
}

#[test]
fn missing_values_are_named_or_noted() {
    let mut state = BlockState::new(BlockHashes::HistoryContract);
    let key = StateKey::Storage(CONTRACT, U256::ONE);
    assert_eq!(state.storage(CONTRACT, U256::ONE), Err(Missing(key)));
    assert_eq!(state.basic(CONTRACT), Err(Missing(StateKey::Account(CONTRACT))));
    state.begin_collecting();
    assert_eq!(state.storage(CONTRACT, U256::ONE), Ok(U256::ZERO));
    assert_eq!(state.basic(CONTRACT), Ok(None));
    assert_eq!(state.end_collecting(), BTreeSet::from([key, StateKey::Account(CONTRACT)]));
    assert_eq!(state.storage(CONTRACT, U256::ONE), Err(Missing(key)));
    state.provide(key, Some(StateValue::Storage(U256::from(3))));
    state.provide(key, Some(StateValue::Storage(U256::from(4))));
    assert_eq!(state.storage(CONTRACT, U256::ONE), Ok(U256::from(3)), "the first one counts");
}

#[test]
fn collecting_is_bounded() {
    let mut state = BlockState::new(BlockHashes::HistoryContract);
    state.begin_collecting();
    for slot in 0..COLLECTED_KEYS_MAX {
        state.storage(CONTRACT, U256::from(slot)).unwrap();
    }
    assert!(state.storage(CONTRACT, U256::MAX).is_err());
}

#[test]
fn code_that_only_looks_like_a_delegation_does_no_harm() {
    assert!(!bytecode(Bytes::from_static(&[0xef, 0x01, 0x00, 0x01])).is_eip7702());
    assert!(bytecode([&[0xef, 0x01, 0x00][..], &[7; 20]].concat().into()).is_eip7702());
}
