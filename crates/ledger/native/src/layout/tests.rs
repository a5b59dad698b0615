#![allow(clippy::unwrap_used)]

use alloy_primitives::{Address, B256, U256, address, keccak256, uint};

use super::*;
use crate::{BlockContext, CallContext, Context, Failure, MemoryHost, gas};

fn call(gas_limit: u64, is_static: bool) -> CallContext {
    CallContext { caller: Address::ZERO, target: Address::repeat_byte(1), is_static, gas_limit }
}

fn with<R>(host: &mut MemoryHost, run: impl FnOnce(&mut Context<'_>) -> R) -> R {
    run(&mut Context::new(call(10_000_000, false), BlockContext::default(), host))
}

#[test]
fn erc7201_matches_the_standards_example() {
    // Example of ERC-7201: "example.main".
    let expected = uint!(0x183a6125c38840424c4a85fa12bab2ab606c4b6d0e7cc73c0c06ba5300eab500_U256);
    assert_eq!(erc7201("example.main"), expected);
}

#[test]
fn values_stand_where_solidity_puts_them() {
    let mut host = MemoryHost::default();
    let target = Address::repeat_byte(1);
    let owner = address!("00000000000000000000000000000000000000aa");
    with(&mut host, |context| {
        Slot::<Address>::at(U256::from(3)).set(context, owner).unwrap();
        Mapping::<Address, u64>::at(U256::from(4)).set(context, owner, 7).unwrap();
        Seq::<B256>::at(U256::from(5)).write(context, &[B256::repeat_byte(9)]).unwrap();
        assert_eq!(Mapping::<Address, u64>::at(U256::from(4)).get(context, owner).unwrap(), 7);
    });
    let mapping_slot = keccak256([owner.into_word().0, U256::from(4).to_be_bytes()].concat());
    let array_slot = keccak256(U256::from(5).to_be_bytes::<32>());
    assert_eq!(host.storage[&(target, U256::from(3))], U256::from(0xaa));
    assert_eq!(host.storage[&(target, U256::from_be_bytes(mapping_slot.0))], U256::from(7));
    assert_eq!(host.storage[&(target, U256::from(5))], U256::ONE);
    assert_eq!(
        host.storage[&(target, U256::from_be_bytes(array_slot.0))],
        U256::from_be_bytes([9; 32])
    );
}

#[test]
fn a_shorter_sequence_leaves_nothing_behind() {
    let mut host = MemoryHost::default();
    let seq = Seq::<u64>::at(U256::ZERO);
    with(&mut host, |context| {
        seq.write(context, &[1, 2, 3]).unwrap();
        seq.write(context, &[4]).unwrap();
        assert_eq!(seq.read(context).unwrap(), [4]);
    });
    assert_eq!(host.storage.len(), 2);
}

#[test]
fn texts_of_both_forms_read_back() {
    let long = "合契".repeat(30);
    for text in ["", "a", &"x".repeat(31), &"x".repeat(32), &"x".repeat(33), &long] {
        let mut host = MemoryHost::default();
        with(&mut host, |context| {
            let slot = Text::at(U256::from(2));
            slot.set(context, text).unwrap();
            assert_eq!(slot.get(context).unwrap(), text);
        });
    }
    let mut host = MemoryHost::default();
    with(&mut host, |context| {
        assert!(matches!(
            Text::at(U256::ZERO).set(context, &"x".repeat(257)),
            Err(Failure::Revert(_))
        ));
    });
    assert!(host.storage.is_empty());
}

#[test]
fn short_text_has_soliditys_encoding() {
    let mut host = MemoryHost::default();
    with(&mut host, |context| Text::at(U256::ZERO).set(context, "abc").unwrap());
    let word = host.storage[&(Address::repeat_byte(1), U256::ZERO)].to_be_bytes::<32>();
    assert_eq!(&word[..3], b"abc");
    assert_eq!(word[31], 6);
}

#[test]
fn accesses_are_charged_as_in_the_evm() {
    let mut host = MemoryHost::default();
    let mut context = Context::new(call(100_000, false), BlockContext::default(), &mut host);
    let slot = Slot::<u64>::at(U256::ZERO);
    let used = |context: &Context<'_>| 100_000 - context.gas_remaining();
    slot.get(&mut context).unwrap();
    assert_eq!(used(&context), gas::READ_COLD);
    slot.get(&mut context).unwrap();
    assert_eq!(used(&context), gas::READ_COLD + gas::READ_WARM);
    slot.set(&mut context, 1).unwrap();
    assert_eq!(used(&context), gas::READ_COLD + gas::READ_WARM + gas::WRITE_NEW);
    slot.set(&mut context, 1).unwrap();
    slot.set(&mut context, 2).unwrap();
    let expected = gas::READ_COLD + gas::READ_WARM + gas::WRITE_NEW + gas::WRITE_SAME;
    assert_eq!(used(&context), expected + gas::WRITE_CHANGE);
}

#[test]
fn gas_ends_and_static_calls_change_nothing() {
    let mut host = MemoryHost::default();
    let mut context = Context::new(call(2_099, false), BlockContext::default(), &mut host);
    let slot = Slot::<u64>::at(U256::ZERO);
    assert_eq!(slot.get(&mut context), Err(Failure::OutOfGas));
    assert_eq!(context.gas_remaining(), 0);
    let mut context = Context::new(call(100_000, true), BlockContext::default(), &mut host);
    assert_eq!(slot.set(&mut context, 1), Err(Failure::StaticViolation));
    assert!(host.storage.is_empty());
}
