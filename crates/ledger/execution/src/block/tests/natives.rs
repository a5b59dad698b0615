//! Native contracts called from outside and from bytecode, and the call gate.

use std::sync::Arc;

use alloy_consensus::TxEip7702;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::{SolCall as _, SolError as _};
use futures::executor::block_on;
use system::validators::{self, IValidators};

use super::super::*;
use crate::{
    CallGate, FrameKind, FrameStart, GateRefusal, drive,
    testing::{CHAIN_ID, Chain, call, dynamic, forwarder, genesis, init_code, key, validator_key},
};

fn deploy(chain: &mut Chain, nonce: u64, runtime: &[u8]) -> Address {
    let block =
        chain.block(vec![key(1).sign(dynamic(nonce, TxKind::Create, 0, init_code(runtime)))]);
    block.results[0].contract_address.unwrap()
}

fn count_call() -> Bytes {
    IValidators::validatorCountCall {}.abi_encode().into()
}

#[test]
fn bytecode_calls_and_static_calls_a_native_contract() {
    let mut chain = Chain::new(genesis());
    for (nonce, operation) in [(0, 0xf1), (2, 0xfa)] {
        let caller = deploy(&mut chain, nonce, &forwarder(operation, validators::ADDRESS));
        let block = chain.block(vec![call(&key(1), nonce + 1, caller, count_call())]);
        assert!(block.results[0].success);
        assert_eq!(chain.reader.slot(caller, 0), U256::from(2), "operation {operation:x}");
        assert_eq!(chain.reader.slot(caller, 1), U256::from(4), "operation {operation:x}");
    }
}

#[test]
fn native_code_runs_in_no_other_storage() {
    let mut chain = Chain::new(genesis());
    for (nonce, operation) in [(0, 0xf4), (2, 0xf2)] {
        let caller = deploy(&mut chain, nonce, &forwarder(operation, validators::ADDRESS));
        chain.block(vec![call(&key(1), nonce + 1, caller, count_call())]);
        assert_eq!(chain.reader.slot(caller, 0), U256::ONE, "operation {operation:x} fails");
    }
}

#[test]
fn a_static_call_cannot_write() {
    let mut file = genesis();
    // The forwarder itself is the admin.
    file.validator_admin = key(1).address.create(0);
    let input = IValidators::setNextValidatorsCall { keys: vec![validator_key(3).0.into()] };
    let input: Bytes = input.abi_encode().into();
    for (operation, flag) in [(0xfa, 1), (0xf1, 2)] {
        let mut chain = Chain::new(file.clone());
        let caller = deploy(&mut chain, 0, &forwarder(operation, validators::ADDRESS));
        // As in the EVM a violation uses up all the gas that was handed on, 63/64 of it.
        let mut transaction = dynamic(1, TxKind::Call(caller), 0, input.clone());
        transaction.gas_limit = 8_000_000;
        let block = chain.block(vec![key(1).sign(transaction)]);
        assert_eq!(chain.reader.slot(caller, 0), U256::from(flag), "operation {operation:x}");
        let next = block.next_validators.unwrap();
        assert_eq!(next.keys().len(), if flag == 2 { 1 } else { 4 });
    }
}

#[test]
fn native_addresses_take_no_value() {
    let mut chain = Chain::new(genesis());
    let unused = native::native_address(0x77);
    let block = chain.block(vec![
        key(1).sign(dynamic(0, TxKind::Call(validators::ADDRESS), 5, count_call())),
        key(1).sign(dynamic(1, TxKind::Call(unused), 5, Bytes::new())),
        key(1).sign(dynamic(2, TxKind::Call(validators::ADDRESS), 0, count_call())),
    ]);
    let success: Vec<bool> = block.results.iter().map(|result| result.success).collect();
    assert_eq!(success, [false, false, true]);
    assert_eq!(chain.reader.balance(validators::ADDRESS), U256::ZERO);
    assert_eq!(chain.reader.balance(unused), U256::ZERO);
}

#[test]
fn an_account_delegated_to_a_native_contract_does_not_run_it() {
    let mut chain = Chain::new(genesis());
    let user = key(2);
    let block = chain.block(vec![key(1).sign(TxEip7702 {
        chain_id: CHAIN_ID,
        gas_limit: 200_000,
        to: user.address,
        authorization_list: vec![user.authorize(validators::ADDRESS, 0)],
        input: count_call(),
        ..Default::default()
    })]);
    assert_eq!(block.results[0].halt.as_deref(), Some("invalid opcode: INVALID"));
}

#[test]
fn garbage_reverts_and_gas_is_charged() {
    let mut chain = Chain::new(genesis());
    let short = |gas| {
        let mut transaction = dynamic(1, TxKind::Call(validators::ADDRESS), 0, count_call());
        transaction.gas_limit = gas;
        key(1).sign(transaction)
    };
    let block = chain.block(vec![
        key(1).sign(dynamic(0, TxKind::Call(validators::ADDRESS), 0, Bytes::from_static(b"xx"))),
        short(22_000),
    ]);
    assert!(!block.results[0].success && block.results[0].halt.is_none());
    assert_eq!(block.results[1].halt.as_deref(), Some("out of gas"));
    assert_eq!(block.results[1].gas_used, 22_000);
}

/// Refuses one contract to everybody, however it is reached.
#[derive(Debug)]
struct Closed(Address);

alloy_sol_types::sol! {
    error ContractClosed(address target);
}

impl CallGate for Closed {
    fn check(&self, frame: &FrameStart) -> Result<(), GateRefusal> {
        if frame.target == Some(self.0) {
            let output = ContractClosed { target: self.0 }.abi_encode().into();
            return Err(GateRefusal { output });
        }
        if frame.kind == FrameKind::Create {
            return Err(GateRefusal { output: Bytes::from_static(b"no") });
        }
        Ok(())
    }
}

#[test]
fn the_gate_sees_every_frame() {
    let mut chain = Chain::new(genesis());
    let forward = deploy(&mut chain, 0, &forwarder(0xf1, validators::ADDRESS));
    let mut rules = chain.rules(chain.number + 1);
    rules.gate = Arc::new(Closed(validators::ADDRESS));
    rules.frame.epoch_blocks = None;
    let transactions = vec![
        call(&key(1), 1, forward, count_call()),
        call(&key(1), 2, validators::ADDRESS, count_call()),
        key(1).sign(dynamic(3, TxKind::Create, 0, init_code(&[0x00]))),
    ];
    let environment = chain.environment(chain.number + 1);
    let executor = BlockExecutor::new(environment, rules, transactions, Mode::Verify);
    let outcome = block_on(drive(executor, &chain.reader, &crate::Here, None)).unwrap();
    chain.reader.apply(&outcome.diff);
    let success: Vec<bool> = outcome.results.iter().map(|result| result.success).collect();
    assert_eq!(success, [true, false, false]);
    assert_eq!(chain.reader.slot(forward, 0), U256::ONE, "the inner call was refused");
    let expected = ContractClosed { target: validators::ADDRESS }.abi_encode();
    assert_eq!(outcome.results[1].failure_output[..], expected);
    assert_eq!(outcome.results[2].failure_output[..], *b"no");
}
