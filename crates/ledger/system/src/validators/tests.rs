#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use alloy_primitives::{Log, b256, keccak256};
use alloy_sol_types::{SolCall, SolError, SolEvent, SolValue};
use native::{BlockContext, CallContext, MemoryHost, layout::erc7201};
use types::{ValidatorKey, ValidatorSet, limits::OBSERVERS_MAX};

use super::*;

const ADMIN_ACCOUNT: Address = Address::repeat_byte(0xad);
const OTHER: Address = Address::repeat_byte(0x01);
const GAS: u64 = 30_000_000;

fn send(
    host: &mut MemoryHost,
    caller: Address,
    number: u64,
    call: impl SolCall,
) -> Result<Bytes, Failure> {
    let before = host.clone();
    let call_context = CallContext { caller, target: ADDRESS, is_static: false, gas_limit: GAS };
    let block = BlockContext { number, timestamp: 0, chain_id: 1 };
    let mut context = Context::new(call_context, block, host);
    let result = Validators.call(&mut context, &call.abi_encode());
    if result.is_err() {
        *host = before;
    }
    result
}

fn view<C: SolCall>(host: &mut MemoryHost, number: u64, call: C) -> C::Return {
    C::abi_decode_returns(&send(host, OTHER, number, call).unwrap()).unwrap()
}

fn keys(numbers: &[u8]) -> Vec<B256> {
    numbers.iter().copied().map(key).collect()
}

/// A key that consensus takes, so that keys are in the order of their numbers.
fn key(number: u8) -> B256 {
    (0..=255)
        .map(|second| {
            let mut key = B256::ZERO;
            key[..2].copy_from_slice(&[number, second]);
            key
        })
        .find(|key| check_validator_key(&ValidatorKey(key.0)).is_ok())
        .unwrap()
}

fn initialised() -> MemoryHost {
    let mut host = MemoryHost::default();
    let call = IValidatorsSystem::initializeCall {
        keys: keys(&[3, 1, 2]),
        organisations: vec!["three".into(), "合契一号机构".repeat(3), "two".into()],
        admin: ADMIN_ACCOUNT,
        epochLength: 200,
    };
    send(&mut host, SYSTEM_ADDRESS, 1, call).unwrap();
    host
}

fn set_next(numbers: &[u8]) -> IValidators::setNextValidatorsCall {
    IValidators::setNextValidatorsCall { keys: keys(numbers) }
}

#[test]
fn views_answer_what_was_initialised() {
    let mut host = initialised();
    let host = &mut host;
    assert_eq!(view(host, 5, IValidators::getValidatorsCall {}), keys(&[1, 2, 3]));
    assert_eq!(view(host, 5, IValidators::getNextValidatorsCall {}), keys(&[1, 2, 3]));
    assert_eq!(view(host, 199, IValidators::currentEpochCall {}), 0);
    assert_eq!(view(host, 200, IValidators::currentEpochCall {}), 1);
    assert_eq!(view(host, 5, IValidators::epochLengthCall {}), 200);
    assert_eq!(view(host, 5, IValidators::validatorCountCall {}), U256::from(3));
    assert!(view(host, 5, IValidators::isValidatorCall { key: key(2) }));
    assert!(!view(host, 5, IValidators::isValidatorCall { key: key(4) }));
    let name = |number| IValidators::organisationOfCall { key: key(number) };
    assert_eq!(view(host, 5, name(3)), "three");
    assert_eq!(view(host, 5, name(1)), "合契一号机构".repeat(3));
    assert_eq!(view(host, 5, name(9)), "");
    assert_eq!(view(host, 5, IValidators::adminCall {}), ADMIN_ACCOUNT);
}

#[test]
fn the_set_changes_at_the_end_of_the_epoch_and_only_then() {
    let mut host = initialised();
    let host = &mut host;
    send(host, ADMIN_ACCOUNT, 250, set_next(&[9, 8])).unwrap();
    send(host, ADMIN_ACCOUNT, 251, set_next(&[7])).unwrap();
    assert_eq!(view(host, 252, IValidators::getValidatorsCall {}), keys(&[1, 2, 3]));
    assert_eq!(view(host, 252, IValidators::getNextValidatorsCall {}), keys(&[7]));
    send(host, SYSTEM_ADDRESS, 399, IValidatorsSystem::advanceEpochCall {}).unwrap();
    assert_eq!(view(host, 400, IValidators::getValidatorsCall {}), keys(&[7]));
    let before = host.storage.clone();
    send(host, SYSTEM_ADDRESS, 599, IValidatorsSystem::advanceEpochCall {}).unwrap();
    assert_eq!(host.storage, before, "nothing waits, nothing changes");
    let expected = IValidators::NextValidatorsSet { fromEpoch: 2, keys: keys(&[8, 9]) };
    assert_eq!(host.logs[0], Log { address: ADDRESS, data: expected.encode_log_data() });
}

#[test]
fn refusals_are_typed() {
    let mut host = initialised();
    let host = &mut host;
    let refused = |result: Result<Bytes, Failure>, error: Vec<u8>| {
        assert_eq!(result, Err(Failure::Revert(error.into())));
    };
    refused(
        send(host, OTHER, 5, set_next(&[1])),
        IValidators::NotAdmin { caller: OTHER, admin: ADMIN_ACCOUNT }.abi_encode(),
    );
    refused(
        send(host, ADMIN_ACCOUNT, 5, IValidatorsSystem::advanceEpochCall {}),
        IValidators::NotSystem { caller: ADMIN_ACCOUNT }.abi_encode(),
    );
    let count = |count: usize| {
        let (count, maximum) = (U256::from(count), U256::from(100));
        IValidators::InvalidCount { count, maximum }.abi_encode()
    };
    refused(send(host, ADMIN_ACCOUNT, 5, set_next(&[])), count(0));
    let many: Vec<u8> = (1..=101).collect();
    refused(send(host, ADMIN_ACCOUNT, 5, set_next(&many)), count(101));
    send(host, ADMIN_ACCOUNT, 5, set_next(&many[..100])).unwrap();
    refused(
        send(host, ADMIN_ACCOUNT, 5, set_next(&[5, 6, 5])),
        IValidators::DuplicateKey { key: key(5) }.abi_encode(),
    );
    let with = |other: B256| IValidators::setNextValidatorsCall { keys: vec![key(5), other] };
    refused(send(host, ADMIN_ACCOUNT, 5, with(B256::ZERO)), IValidators::ZeroKey {}.abi_encode());
    for key in unusable_keys() {
        let result = send(host, ADMIN_ACCOUNT, 5, with(key));
        refused(result, IValidators::InvalidKey { key }.abi_encode());
    }
    assert_eq!(view(host, 5, IValidators::getNextValidatorsCall {}), keys(&many[..100]));
    let again = IValidatorsSystem::initializeCall {
        keys: keys(&[1]),
        organisations: vec![String::new()],
        admin: OTHER,
        epochLength: 4,
    };
    refused(send(host, SYSTEM_ADDRESS, 5, again), vec![]);
}

/// Keys that consensus refuses: the identity (of order 1), a point of order 8, y = 3 in its second
/// encoding, and no point of the curve.
fn unusable_keys() -> [B256; 4] {
    let mut identity = B256::ZERO;
    identity[0] = 1;
    let order_8 = b256!("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");
    let not_canonical = b256!("f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
    [identity, order_8, not_canonical, B256::repeat_byte(0xff)]
}

#[test]
fn the_first_set_is_checked_as_every_other() {
    for key in unusable_keys() {
        let call = IValidatorsSystem::initializeCall {
            keys: vec![key],
            organisations: vec![String::new()],
            admin: ADMIN_ACCOUNT,
            epochLength: 4,
        };
        let error = IValidators::InvalidKey { key }.abi_encode();
        let result = send(&mut MemoryHost::default(), SYSTEM_ADDRESS, 1, call);
        assert_eq!(result, Err(Failure::Revert(error.into())));
    }
}

#[test]
fn each_checked_key_costs_gas() {
    let used = |count: u8| {
        let mut host = initialised();
        let input = set_next(&(1..=count).collect::<Vec<_>>()).abi_encode();
        let call = CallContext {
            caller: ADMIN_ACCOUNT,
            target: ADDRESS,
            is_static: false,
            gas_limit: GAS,
        };
        let mut context = Context::new(call, BlockContext::default(), &mut host);
        Validators.call(&mut context, &input).unwrap();
        GAS - context.gas_remaining()
    };
    // A key more is a slot, and a word in the input and in the event.
    let others = native::gas::WRITE_NEW + native::gas::READ_COLD;
    let (two, three) = (used(2), used(3));
    assert!(three - two >= KEY_CHECK_GAS + others, "{}", three - two);
}

#[test]
fn garbage_is_refused_without_effect() {
    let mut host = initialised();
    let selector = IValidators::setNextValidatorsCall::SELECTOR;
    // An array that claims 2^255 items, and one that points outside.
    let huge = [&selector[..], &U256::from(32).abi_encode(), &(U256::MAX >> 1usize).abi_encode()];
    let outside = [&selector[..], &U256::MAX.abi_encode(), &[]];
    for input in [vec![], vec![1, 2], vec![0; 4], huge.concat(), outside.concat(), vec![9; 70_000]]
    {
        let call = CallContext {
            caller: ADMIN_ACCOUNT,
            target: ADDRESS,
            is_static: false,
            gas_limit: GAS,
        };
        let mut context = Context::new(call, BlockContext::default(), &mut host);
        let result = Validators.call(&mut context, &input);
        assert!(matches!(result, Err(Failure::Revert(_))), "{result:?}");
    }
}

#[test]
fn a_full_set_fits_the_ledgers_gas() {
    let numbers: Vec<u8> = (1..=100).collect();
    let mut host = MemoryHost::default();
    let call = IValidatorsSystem::initializeCall {
        keys: keys(&numbers),
        organisations: vec!["x".repeat(256); 100],
        admin: ADMIN_ACCOUNT,
        epochLength: 200,
    };
    let input = call.abi_encode();
    assert!(input.len() < native::INPUT_BYTES_MAX);
    let context = CallContext {
        caller: SYSTEM_ADDRESS,
        target: ADDRESS,
        is_static: false,
        gas_limit: 100_000_000,
    };
    let mut context = Context::new(context, BlockContext::default(), &mut host);
    Validators.call(&mut context, &input).unwrap();
    let used = 100_000_000 - context.gas_remaining();
    assert!(used < 50_000_000, "{used}");
}

fn set_observer(number: u8, name: &str) -> IValidators::setObserverCall {
    let ip = std::net::Ipv4Addr::new(10, 0, 0, number).to_ipv6_mapped().octets().into();
    IValidators::setObserverCall { key: key(number), name: name.into(), ip, port: 12_345 }
}

#[test]
fn observers_come_and_go_and_are_read_as_they_were_written() {
    let mut host = initialised();
    let host = &mut host;
    let stored = |host: &MemoryHost| -> (u64, Vec<StoredObserver>) {
        let value = |slot: U256| host.storage.get(&(ADDRESS, slot)).copied().unwrap_or_default();
        let slots = StoredObservers::key_slots(value(StoredObservers::length_slot()));
        let observers = slots.into_iter().map(|slot| {
            let key = value(slot);
            StoredObservers::decode(key, value(StoredObservers::address_slot(key)))
        });
        (value(StoredObservers::changes_slot()).to(), observers.collect())
    };
    assert_eq!(stored(host), (0, vec![]));
    send(host, ADMIN_ACCOUNT, 5, set_observer(7, "Bank E")).unwrap();
    send(host, ADMIN_ACCOUNT, 5, set_observer(6, "监管机构")).unwrap();
    let observer = |number: u8| StoredObserver {
        key: ValidatorKey(key(number).0),
        address: format!("10.0.0.{number}:12345").parse().unwrap(),
    };
    assert_eq!(stored(host), (2, vec![observer(7), observer(6)]));
    let shown = view(host, 5, IValidators::getObserversCall {});
    assert_eq!((shown[0].key, shown[0].name.as_str(), shown[0].port), (key(7), "Bank E", 12_345));
    assert_eq!((shown[1].key, shown[1].name.as_str()), (key(6), "监管机构"));
    assert_eq!(view(host, 5, IValidators::organisationOfCall { key: key(7) }), "Bank E");
    let mut moved = set_observer(7, "Bank F");
    moved.ip = "2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap().octets().into();
    send(host, ADMIN_ACCOUNT, 5, moved).unwrap();
    let there = StoredObserver { address: "[2001:db8::1]:12345".parse().unwrap(), ..observer(7) };
    assert_eq!(stored(host), (3, vec![there, observer(6)]));
    send(host, ADMIN_ACCOUNT, 5, IValidators::removeObserverCall { key: key(7) }).unwrap();
    assert_eq!(stored(host), (4, vec![observer(6)]));
    let expected = IValidators::ObserverRemoved { key: key(7) };
    assert_eq!(host.logs.last().unwrap().data, expected.encode_log_data());
    assert_eq!(StoredObservers::key_slots(U256::MAX).len(), OBSERVERS_MAX);
}

#[test]
fn observers_are_checked_and_bounded() {
    let mut host = initialised();
    let host = &mut host;
    let refused = |result: Result<Bytes, Failure>, error: Vec<u8>| {
        assert_eq!(result, Err(Failure::Revert(error.into())));
    };
    let not_admin = IValidators::NotAdmin { caller: OTHER, admin: ADMIN_ACCOUNT }.abi_encode();
    refused(send(host, OTHER, 5, set_observer(1, "x")), not_admin.clone());
    let unknown = IValidators::removeObserverCall { key: key(1) };
    refused(send(host, OTHER, 5, unknown.clone()), not_admin);
    let error = IValidators::UnknownObserver { key: key(1) }.abi_encode();
    refused(send(host, ADMIN_ACCOUNT, 5, unknown), error);
    for name in [String::new(), "x".repeat(65)] {
        let (bytes_, maximum) = (U256::from(name.len()), U256::from(64));
        let error = IValidators::InvalidName { bytes_, maximum }.abi_encode();
        refused(send(host, ADMIN_ACCOUNT, 5, set_observer(1, &name)), error);
    }
    let nowhere = IValidators::InvalidAddress {}.abi_encode();
    let with = |ip: [u8; 16], port| IValidators::setObserverCall {
        ip: ip.into(),
        port,
        ..set_observer(1, "x")
    };
    refused(send(host, ADMIN_ACCOUNT, 5, with([0; 16], 1)), nowhere.clone());
    refused(send(host, ADMIN_ACCOUNT, 5, with([1; 16], 0)), nowhere);
    for key in unusable_keys() {
        let call = IValidators::setObserverCall { key, ..set_observer(1, "x") };
        let error = IValidators::InvalidKey { key }.abi_encode();
        refused(send(host, ADMIN_ACCOUNT, 5, call), error);
    }
    for number in 1..=64 {
        send(host, ADMIN_ACCOUNT, 5, set_observer(number, &"x".repeat(64))).unwrap();
    }
    let full = IValidators::TooManyObservers { maximum: U256::from(64) }.abi_encode();
    refused(send(host, ADMIN_ACCOUNT, 5, set_observer(65, "x")), full);
    send(host, ADMIN_ACCOUNT, 5, set_observer(64, "a known one may change")).unwrap();
    assert_eq!(view(host, 5, IValidators::getObserversCall {}).len(), 64, "all fit the gas");
}

/// Changing this test means a migration of every ledger.
#[test]
fn the_layout_is_as_it_was() {
    assert_eq!(ROOT, erc7201("heqi.storage.Validators"));
    let mut host = initialised();
    send(&mut host, ADMIN_ACCOUNT, 5, set_next(&[4])).unwrap();
    send(&mut host, ADMIN_ACCOUNT, 5, set_observer(6, "six")).unwrap();
    send(&mut host, ADMIN_ACCOUNT, 5, set_observer(5, "five")).unwrap();
    send(&mut host, ADMIN_ACCOUNT, 5, IValidators::removeObserverCall { key: self::key(6) })
        .unwrap();
    let hash = |words: &[U256]| {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect();
        U256::from_be_bytes(keccak256(bytes).0)
    };
    let key = |number: u8| U256::from_be_bytes(key(number).0);
    let root = |offset: u64| ROOT + U256::from(offset);
    let text = |number: u8| hash(&[key(number), root(4)]);
    let short = |name: &str| {
        let mut word = [0u8; 32];
        word[..name.len()].copy_from_slice(name.as_bytes());
        word[31] = u8::try_from(name.len() * 2).unwrap();
        U256::from_be_bytes(word)
    };
    let long = "合契一号机构".repeat(3);
    let piece = |index: usize| {
        let mut word = [0u8; 32];
        let end = long.len().min(index * 32 + 32);
        word[..end - index * 32].copy_from_slice(&long.as_bytes()[index * 32..end]);
        U256::from_be_bytes(word)
    };
    let items = |offset: u64, index: u64| hash(&[root(offset)]) + U256::from(index);
    let expected = BTreeMap::from([
        (U256::ZERO, U256::from(1)),
        (root(0), U256::from_be_bytes(ADMIN_ACCOUNT.into_word().0)),
        (root(1), U256::from(200)),
        (root(2), U256::from(3)),
        (items(2, 0), key(1)),
        (items(2, 1), key(2)),
        (items(2, 2), key(3)),
        (root(3), U256::from(1)),
        (items(3, 0), key(4)),
        (text(3), short("three")),
        (text(2), short("two")),
        (text(1), U256::from(long.len() * 2 + 1)),
        (hash(&[text(1)]), piece(0)),
        (hash(&[text(1)]) + U256::from(1), piece(1)),
        (root(5), U256::from(1)),
        (items(5, 0), key(5)),
        (text(6), short("six")),
        (text(5), short("five")),
        (hash(&[key(5), root(6)]), uint!(0xffff0a0000053039_U256)),
        (root(7), U256::from(3)),
    ]);
    let stored: BTreeMap<U256, U256> = host
        .storage
        .into_iter()
        .map(|((address, slot), value)| {
            assert_eq!(address, ADDRESS);
            (slot, value)
        })
        .collect();
    assert_eq!(stored, expected);
}

#[test]
fn the_stored_set_reads_what_the_contract_wrote() {
    let host = initialised();
    let value = |slot: U256| host.storage.get(&(ADDRESS, slot)).copied().unwrap_or_default();
    let slots = StoredSet::key_slots(value(StoredSet::length_slot()));
    let set = StoredSet::decode(slots.into_iter().map(value)).unwrap();
    let expected = [1u8, 2, 3].map(|number| ValidatorKey(key(number).0)).to_vec();
    assert_eq!(set, ValidatorSet::new(expected).unwrap());
    assert_eq!(StoredSet::key_slots(U256::MAX).len(), VALIDATORS_MAX);
    assert!(StoredSet::decode([]).is_err());
}

/// The published file is the source of the Rust side; clients rely on these signatures.
#[test]
fn the_interface_is_as_published() {
    use IValidators::*;
    let functions = [
        getValidatorsCall::SIGNATURE,
        getNextValidatorsCall::SIGNATURE,
        currentEpochCall::SIGNATURE,
        epochLengthCall::SIGNATURE,
        validatorCountCall::SIGNATURE,
        isValidatorCall::SIGNATURE,
        organisationOfCall::SIGNATURE,
        adminCall::SIGNATURE,
        setNextValidatorsCall::SIGNATURE,
        getObserversCall::SIGNATURE,
        setObserverCall::SIGNATURE,
        removeObserverCall::SIGNATURE,
    ];
    assert_eq!(
        functions,
        [
            "getValidators()",
            "getNextValidators()",
            "currentEpoch()",
            "epochLength()",
            "validatorCount()",
            "isValidator(bytes32)",
            "organisationOf(bytes32)",
            "admin()",
            "setNextValidators(bytes32[])",
            "getObservers()",
            "setObserver(bytes32,string,bytes16,uint16)",
            "removeObserver(bytes32)",
        ]
    );
    assert_eq!(IValidatorsCalls::SELECTORS.len(), functions.len(), "none is missing above");
    assert_eq!(NextValidatorsSet::SIGNATURE, "NextValidatorsSet(uint64,bytes32[])");
    assert_eq!(ObserverSet::SIGNATURE, "ObserverSet(bytes32,string,bytes16,uint16)");
    assert_eq!(ObserverRemoved::SIGNATURE, "ObserverRemoved(bytes32)");
    assert_eq!(NotAdmin::SIGNATURE, "NotAdmin(address,address)");
    assert_eq!(InvalidKey::SIGNATURE, "InvalidKey(bytes32)");
    let published = include_str!("../../interfaces/IValidators.sol");
    for signature in functions {
        let name = signature.split('(').next().unwrap();
        assert!(published.contains(&format!("function {name}(")), "{name}");
    }
}
