//! Block 1 and the ends of epochs.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_sol_types::SolCall as _;
use system::validators::{self, IValidators, SYSTEM_ADDRESS, StoredObservers};
use types::{AllocatedAccount, GenesisObserver, ValidatorKey, ValidatorSet};

use super::super::{InvalidBlock, Mode};
use crate::{
    BEACON_ROOTS_ADDRESS, DriveError, HISTORY_ADDRESS, check_genesis,
    predeploys::predeploys,
    testing::{Chain, call, dynamic, genesis, key, validator_key},
};

fn set(numbers: &[u8]) -> ValidatorSet {
    ValidatorSet::new(numbers.iter().copied().map(validator_key).collect()).unwrap()
}

fn set_next(nonce: u64, numbers: &[u8]) -> std::sync::Arc<types::Transaction> {
    let keys = numbers.iter().map(|number| B256::from(validator_key(*number).0)).collect();
    let input = IValidators::setNextValidatorsCall { keys }.abi_encode();
    call(&key(9), nonce, validators::ADDRESS, input.into())
}

#[test]
fn block_one_applies_the_genesis_file() {
    let mut file = genesis();
    let code = Bytes::from_static(&[0x60, 0x00]);
    let allocated = Address::repeat_byte(0xaa);
    file.allocation.insert(
        allocated,
        AllocatedAccount {
            balance: U256::from(3),
            nonce: 2,
            code: code.clone(),
            storage: [(U256::from(1), U256::from(9)), (U256::from(2), U256::ZERO)].into(),
        },
    );
    let chain = Chain::new(file);
    assert_eq!(chain.reader.balance(allocated), U256::from(3));
    assert_eq!(chain.reader.nonce(allocated), 2);
    assert_eq!(chain.reader.code(allocated), Some(code));
    assert_eq!(chain.reader.slot(allocated, 1), U256::from(9));
    assert_eq!(chain.reader.code(validators::ADDRESS).unwrap()[..], [0xfe]);
    assert!(chain.reader.code(HISTORY_ADDRESS).is_some());
    assert!(chain.reader.code(BEACON_ROOTS_ADDRESS).is_some());
    assert_eq!(
        B256::from(chain.reader.slot(HISTORY_ADDRESS, 0)),
        crate::testing::hash_of(0),
        "block 1 records block 0"
    );
}

#[test]
fn block_one_registers_the_observers_of_the_genesis_file() {
    let mut file = genesis();
    let observer = |number, address: &str| GenesisObserver {
        organisation: format!("observer {number}"),
        key: validator_key(number),
        address: address.parse().unwrap(),
    };
    file.observers = vec![observer(8, "10.1.2.3:30303"), observer(7, "[2001:db8::1]:9")];
    let expected: Vec<_> = file.observers.iter().map(|found| (found.key, found.address)).collect();
    let admin = file.validator_admin;
    let chain = Chain::new(file);
    let slot = |slot: U256| chain.reader.word(StoredObservers::ADDRESS, slot);
    let length = slot(StoredObservers::length_slot());
    let found: Vec<_> = StoredObservers::key_slots(length)
        .into_iter()
        .map(|place| {
            let key = slot(place);
            let observer = StoredObservers::decode(key, slot(StoredObservers::address_slot(key)));
            (observer.key, observer.address)
        })
        .collect();
    assert_eq!(found, expected);
    assert!(!slot(StoredObservers::changes_slot()).is_zero(), "the nodes look at the list");
    assert_eq!(chain.reader.nonce(admin), 0, "the admin's own transactions count from 0");
    let none = Chain::new(genesis());
    assert!(none.reader.word(StoredObservers::ADDRESS, StoredObservers::length_slot()).is_zero());
}

#[test]
fn predeploys_stand_at_their_addresses() {
    let mut file = genesis();
    file.predeploys = true;
    let mut chain = Chain::new(file);
    let all = predeploys().unwrap();
    assert_eq!(all.len(), 6);
    for predeploy in &all {
        let code = chain.reader.code(predeploy.address).unwrap();
        if let Some(hash) = predeploy.runtime_code_hash {
            assert_eq!(keccak256(&code), hash, "{}", predeploy.name);
        }
    }
    assert_eq!(chain.reader.nonce(SYSTEM_ADDRESS), 0);
    // The CREATE2 deployer works for users: salt, then init code.
    let init = crate::testing::init_code(&[0x00]);
    let input: Bytes = [&[1u8; 32][..], &init].concat().into();
    let block = chain.block(vec![call(&key(1), 0, crate::predeploys::CREATE2_DEPLOYER, input)]);
    assert!(block.results[0].success);
    let created = crate::predeploys::CREATE2_DEPLOYER.create2_from_code([1u8; 32], &init);
    assert_eq!(chain.reader.code(created).unwrap()[..], [0x00]);
}

#[test]
fn a_genesis_file_cannot_touch_the_platform() {
    for address in [validators::ADDRESS, HISTORY_ADDRESS] {
        let mut file = genesis();
        file.allocation.insert(address, AllocatedAccount::default());
        let chain = Chain {
            reader: Default::default(),
            genesis: std::sync::Arc::new(file),
            number: 0,
            hashes: vec![],
        };
        let error = chain.execute(vec![], Mode::Verify).unwrap_err();
        assert!(matches!(error, DriveError::Invalid(InvalidBlock::Genesis(_))), "{error}");
    }
}

#[test]
fn a_genesis_file_is_checked_before_it_is_used() {
    assert_eq!(check_genesis(&genesis()), Ok(()));
    let mut long = genesis();
    long.validators[0].organisation = "x".repeat(257);
    let mut zero = genesis();
    zero.validators[1].key = ValidatorKey::default();
    let mut small_order = genesis();
    small_order.validators[1].key.0 = [0; 32];
    small_order.validators[1].key.0[0] = 1;
    let mut no_point = genesis();
    no_point.validators[3].key = ValidatorKey([0xff; 32]);
    let mut storage = genesis();
    let account =
        AllocatedAccount { storage: [(U256::ONE, U256::ONE)].into(), ..Default::default() };
    storage.allocation.insert(Address::repeat_byte(4), account);
    for file in [long, zero, small_order, no_point, storage] {
        assert!(matches!(check_genesis(&file), Err(InvalidBlock::Genesis(_))));
    }
}

#[test]
fn a_validator_change_acts_at_the_epochs_end() {
    // Epochs of 4 blocks: 0 to 3, 4 to 7.
    let mut chain = Chain::new(genesis());
    let block = chain.block(vec![set_next(0, &[7, 2, 5])]);
    assert!(block.results[0].success, "{:?}", block.results[0]);
    assert_eq!(block.receipts[0].logs[0].address, validators::ADDRESS);
    assert_eq!(block.next_validators, Some(set(&[1, 2, 3, 4])), "block 2");
    let block = chain.block(vec![]);
    assert_eq!(chain.number, 3);
    assert_eq!(block.next_validators, Some(set(&[2, 5, 7])), "the last block of epoch 0");
    for _ in 4..=8 {
        assert_eq!(chain.block(vec![]).next_validators, Some(set(&[2, 5, 7])));
    }
    // A larger and a smaller set, and a change in the very last block of an epoch.
    chain.block(vec![]);
    chain.block(vec![]);
    assert_eq!(chain.number, 10);
    let block = chain.block(vec![set_next(1, &[8])]);
    assert_eq!(block.next_validators, Some(set(&[8])));
}

#[test]
fn a_key_that_consensus_refuses_is_no_validators() {
    let mut chain = Chain::new(genesis());
    let mut identity = B256::ZERO; // y = 1, of order 1
    identity[0] = 1;
    let keys = vec![B256::from(validator_key(2).0), identity];
    let input = IValidators::setNextValidatorsCall { keys }.abi_encode();
    let block = chain.block(vec![call(&key(9), 0, validators::ADDRESS, input.into())]);
    assert!(!block.results[0].success);
    let expected =
        alloy_sol_types::SolError::abi_encode(&IValidators::InvalidKey { key: identity });
    assert_eq!(block.results[0].failure_output[..], expected);
    chain.block(vec![]);
    let next = chain.block(vec![]).next_validators;
    assert_eq!(next, Some(set(&[1, 2, 3, 4])), "the next epoch keeps its validators");
}

#[test]
fn only_the_admin_changes_validators() {
    let mut chain = Chain::new(genesis());
    let input = IValidators::setNextValidatorsCall { keys: vec![B256::repeat_byte(1)] };
    let input: Bytes = input.abi_encode().into();
    let block = chain.block(vec![call(&key(1), 0, validators::ADDRESS, input)]);
    assert!(!block.results[0].success);
    let expected = alloy_sol_types::SolError::abi_encode(&IValidators::NotAdmin {
        caller: key(1).address,
        admin: key(9).address,
    });
    assert_eq!(block.results[0].failure_output[..], expected);
}

#[test]
fn nobody_calls_what_only_the_ledger_may_call() {
    let mut chain = Chain::new(genesis());
    let input = validators::IValidatorsSystem::advanceEpochCall {}.abi_encode();
    let block = chain.block(vec![key(9).sign(dynamic(
        0,
        TxKind::Call(validators::ADDRESS),
        0,
        input.into(),
    ))]);
    let expected =
        alloy_sol_types::SolError::abi_encode(&IValidators::NotSystem { caller: key(9).address });
    assert_eq!(block.results[0].failure_output[..], expected);
}
