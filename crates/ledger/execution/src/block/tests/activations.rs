//! Rules that begin at a height: the block before it is Prague's, the block at it Osaka's.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};

use super::BOB;
use crate::{
    InvalidTransaction, Mode,
    testing::{Chain, dynamic, forwarder, genesis, init_code, key},
    transaction_gas_max,
};

const OSAKA: u64 = 5;
/// Stores the leading zeros of call data's first word in slot 0 (EIP-7939).
const CLZ: &[u8] = &[0x5f, 0x35, 0x1e, 0x5f, 0x55, 0x00];
/// EIP-7951's precompiled contract.
const P256VERIFY: Address = Address::new(hex!("0000000000000000000000000000000000000100"));
/// A valid signature: hash, r, s, x, y.
const SIGNATURE: [u8; 160] = hex!(
    "4cee90eb86eaa050036147a12d49004b6b9c72bd725d39d4785011fe190f0b4d"
    "a73bd4903f0ce3b639bbbf6e8e80d16931ff4bcf5993d58468e8fb19086e8cac"
    "36dbcd03009df8c59286b162af3bd7fcc0450c9aa81be5d10d312af6c66b1d60"
    "4aebd3099c618202fcfe16ae7770b0c49ab5eadf74b754204a3bb6060e44eff3"
    "7618b065f9832de4ca6ca971a7a1adc826d0f7c00181a5fb2ddf79ae00b4e10e"
);

/// At height 3, with a contract of each kind.
fn chain() -> (Chain, Address, Address) {
    let mut genesis = genesis();
    genesis.parameters.activations.insert("osaka".into(), OSAKA);
    let mut chain = Chain::new(genesis);
    chain.block(vec![]);
    let create =
        |nonce, code: &[u8]| key(1).sign(dynamic(nonce, TxKind::Create, 0, init_code(code)));
    let verify = forwarder(0xfa, P256VERIFY);
    let block = chain.block(vec![create(0, CLZ), create(1, &verify)]);
    assert_eq!((block.included.len(), chain.number), (2, OSAKA - 2));
    (chain, key(1).address.create(0), key(1).address.create(1))
}

#[test]
fn osakas_operation_and_contract_begin_at_their_height() {
    let (mut chain, clz, verify) = chain();
    let calls = |nonce| {
        let word = Bytes::from(B256::with_last_byte(1).to_vec());
        vec![
            key(1).sign(dynamic(nonce, TxKind::Call(clz), 0, word)),
            key(1).sign(dynamic(nonce + 1, TxKind::Call(verify), 0, SIGNATURE.into())),
        ]
    };
    let before = chain.block(calls(2));
    assert_eq!(chain.number, OSAKA - 1);
    assert!(!before.receipts[0].success, "there is no such operation yet");
    // An account without code answers nothing, so that the word is still that of the call data.
    assert_eq!(chain.reader.slot(verify, 1), U256::from_be_slice(&SIGNATURE[..32]));
    let at = chain.block(calls(4));
    assert_eq!(chain.number, OSAKA);
    assert!(at.receipts[0].success && at.receipts[1].success);
    assert_eq!(chain.reader.slot(clz, 0), U256::from(255));
    assert_eq!(chain.reader.slot(verify, 1), U256::ONE, "the signature is valid");
}

#[test]
fn the_cap_of_gas_per_transaction_begins_at_its_height() {
    let (mut chain, ..) = chain();
    let cap = transaction_gas_max(revm::primitives::hardfork::SpecId::OSAKA);
    let asking = |nonce, gas_limit| {
        let mut transaction = dynamic(nonce, TxKind::Call(BOB), 0, Bytes::new());
        transaction.gas_limit = gas_limit;
        key(1).sign(transaction)
    };
    let before = chain.block(vec![asking(2, cap + 1)]);
    assert_eq!((chain.number, before.included.len()), (OSAKA - 1, 1));
    let wanted = vec![asking(3, cap + 1)];
    // Who has it in a block all the same makes an invalid block.
    assert!(chain.execute(wanted.clone(), Mode::Verify).is_err());
    let at = chain.block(wanted);
    assert_eq!(at.included.len(), 0);
    let reason = InvalidTransaction::GasLimitTooHigh { gas: cap + 1, limit: cap };
    assert_eq!(at.rejected[0].reason, reason);
    let after = chain.block(vec![asking(3, cap)]);
    assert_eq!(after.included.len(), 1);
}
