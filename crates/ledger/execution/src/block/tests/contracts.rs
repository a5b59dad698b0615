//! Bytecode: deployment, storage, logs, reverts, delegation, block hashes.

use alloy_consensus::TxEip7702;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use revm::primitives::keccak256;
use state::StateKey;

use crate::testing::{
    CHAIN_ID, Chain, REVERT, STORE, call, dynamic, genesis, hash_of, init_code, key,
};

fn deploy(chain: &mut Chain, nonce: u64, runtime: &[u8]) -> Address {
    let block =
        chain.block(vec![key(1).sign(dynamic(nonce, TxKind::Create, 0, init_code(runtime)))]);
    assert!(block.results[0].success, "{:?}", block.results[0]);
    let address = block.results[0].contract_address.unwrap();
    assert_eq!(chain.reader.code(address).unwrap()[..], *runtime);
    address
}

#[test]
fn deploy_call_and_log() {
    let mut chain = Chain::new(genesis());
    let contract = deploy(&mut chain, 0, STORE);
    assert_eq!(contract, key(1).address.create(0));
    let word = U256::from(5).to_be_bytes::<32>();
    let block = chain.block(vec![call(&key(1), 1, contract, word.into())]);
    assert_eq!(chain.reader.slot(contract, 0), U256::from(5));
    assert_eq!(block.receipts[0].logs.len(), 1);
    assert_eq!(block.receipts[0].logs[0].address, contract);
    assert!(block.logs_bloom.contains_input(alloy_primitives::BloomInput::Raw(&contract[..])));
    let block = chain.block(vec![call(&key(1), 2, contract, [0; 32].into())]);
    let slot = StateKey::Storage(contract, U256::ZERO);
    assert_eq!(block.diff.changes[&slot].current, None, "a zero slot is absent");
}

#[test]
fn a_revert_costs_gas_and_keeps_its_data() {
    let mut chain = Chain::new(genesis());
    let contract = deploy(&mut chain, 0, REVERT);
    let word = [7u8; 32];
    let block = chain.block(vec![call(&key(1), 1, contract, word.into())]);
    let result = &block.results[0];
    assert!(!result.success);
    assert_eq!(result.failure_output[..], word);
    assert!(result.gas_used > 21_000 && result.halt.is_none());
    assert!(!block.receipts[0].success);
    assert_eq!(chain.reader.nonce(key(1).address), 2);
}

#[test]
fn a_halt_says_why() {
    let mut chain = Chain::new(genesis());
    let contract = deploy(&mut chain, 0, &[0xfe]);
    let block = chain.block(vec![call(&key(1), 1, contract, Bytes::new())]);
    assert_eq!(block.results[0].halt.as_deref(), Some("invalid opcode: INVALID"));
    assert_eq!(block.results[0].gas_used, 1_000_000);
}

#[test]
fn the_same_code_twice_is_stored_once() {
    let mut chain = Chain::new(genesis());
    deploy(&mut chain, 0, STORE);
    let block = chain.block(vec![key(1).sign(dynamic(1, TxKind::Create, 0, init_code(STORE)))]);
    assert!(!block.diff.changes.contains_key(&StateKey::Code(keccak256(STORE))));
}

#[test]
fn a_contract_that_destroys_itself_at_once_leaves_nothing() {
    let mut chain = Chain::new(genesis());
    // sstore(0, 1); selfdestruct(caller) in the init code.
    let init = Bytes::from_static(&[0x60, 0x01, 0x5f, 0x55, 0x33, 0xff]);
    let block = chain.block(vec![key(1).sign(dynamic(0, TxKind::Create, 3, init))]);
    assert!(block.results[0].success);
    let contract = key(1).address.create(0);
    assert!(chain.reader.code(contract).is_none());
    assert_eq!(chain.reader.slot(contract, 0), U256::ZERO);
    assert!(!block.diff.changes.contains_key(&StateKey::Account(contract)));
    assert_eq!(chain.reader.balance(key(1).address), U256::from(1_000_000));
}

#[test]
fn delegated_accounts_run_code_and_still_send() {
    let mut chain = Chain::new(genesis());
    let contract = deploy(&mut chain, 0, STORE);
    let user = key(2);
    let set = key(1).sign(TxEip7702 {
        chain_id: CHAIN_ID,
        nonce: 1,
        gas_limit: 200_000,
        to: user.address,
        authorization_list: vec![user.authorize(contract, 0)],
        input: U256::from(8).to_be_bytes::<32>().into(),
        ..Default::default()
    });
    let block = chain.block(vec![set]);
    assert!(block.results[0].success);
    assert_eq!(chain.reader.slot(user.address, 0), U256::from(8));
    let block =
        chain.block(vec![call(&user, 1, contract, U256::from(9).to_be_bytes::<32>().into())]);
    assert!(block.results[0].success, "EIP-3607 excepts delegated accounts");
    assert_eq!(chain.reader.slot(contract, 0), U256::from(9));
}

#[test]
fn block_hashes_come_from_the_history_contract() {
    let mut chain = Chain::new(genesis());
    // sstore(0, blockhash(calldataload(0)))
    let contract = deploy(&mut chain, 0, &[0x5f, 0x35, 0x40, 0x5f, 0x55, 0x00]);
    for nonce in 1..6u64 {
        // Block 3 on: asks for block 0, 1, 2 …, the last one being the parent.
        let asked = if nonce == 5 { chain.number } else { nonce - 1 };
        let input = U256::from(asked).to_be_bytes::<32>().into();
        chain.block(vec![call(&key(1), nonce, contract, input)]);
        let expected = hash_of(asked);
        assert_eq!(B256::from(chain.reader.slot(contract, 0)), expected, "block {asked}");
    }
    let input = U256::from(chain.number + 1).to_be_bytes::<32>().into();
    chain.block(vec![call(&key(1), 6, contract, input)]);
    assert_eq!(chain.reader.slot(contract, 0), U256::ZERO, "its own hash is not known");
}
