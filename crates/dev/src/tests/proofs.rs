//! Proofs of the Merkle Patricia back end, checked with alloy-trie against the blocks' state roots.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof};
use ledger_api::{AccountProof, BlockPlan, Development as _, Ledger as _};

use super::fixture::*;
use crate::{DevConfig, DevLedger, StateBackEnd};

fn proof(ledger: &DevLedger, height: u64, address: Address) -> AccountProof {
    ledger.store.prove(height, address, &[U256::ZERO, U256::ONE]).unwrap()
}

/// Against the header's `stateRoot`; answers the value of slot 0.
fn check(ledger: &DevLedger, height: u64, address: Address, exists: bool) -> U256 {
    let root = ledger.chain().header(height).unwrap().unwrap().0.state_root;
    let proof = proof(ledger, height, address);
    let account = TrieAccount {
        nonce: proof.record.nonce,
        balance: proof.record.balance,
        storage_root: proof.storage_root,
        code_hash: proof.record.code_hash,
    };
    let expected = exists.then(|| alloy_rlp::encode(account));
    verify_proof(root, Nibbles::unpack(keccak256(address)), expected, &proof.nodes).unwrap();
    for slot in &proof.slots {
        let key = Nibbles::unpack(keccak256(slot.slot.to_be_bytes::<32>()));
        let expected = (!slot.value.is_zero()).then(|| alloy_rlp::encode(slot.value));
        verify_proof(proof.storage_root, key, expected, &slot.nodes).unwrap();
    }
    proof.slots[0].value
}

#[test]
fn accounts_and_slots_are_proved_at_every_height() {
    let config = DevConfig { state: StateBackEnd::MerklePatricia, ..DevConfig::default() };
    let ledger = start(config);
    let counter = ledger.counter(0);
    for nonce in 1..20 {
        ledger.sent(0, TxKind::Call(counter), nonce, Bytes::new());
    }
    ledger.mine(BlockPlan { blocks: 50, ..BlockPlan::ONE }).unwrap();
    for height in 2..=ledger.height() {
        let counted = check(&ledger, height, counter, true);
        assert_eq!(counted, U256::from((height - 2).min(19)));
        assert!(check(&ledger, height, ledger.user(0), true).is_zero());
        assert!(check(&ledger, height, Address::repeat_byte(0xee), false).is_zero());
    }
    let root = ledger.chain().header(5).unwrap().unwrap().0.state_root;
    let forged = proof(&ledger, 6, counter).nodes;
    let key = Nibbles::unpack(keccak256(counter));
    assert!(verify_proof(root, key, None, &forged).is_err());
    assert_eq!(ledger.root_with(5, &Default::default()), Some(root));
}

#[test]
fn the_plain_back_end_proves_nothing_and_commits_to_every_change() {
    let roots: Vec<B256> = (0..2)
        .map(|change| {
            let config = DevConfig { genesis_time_s: Some(1_700_000_000), ..DevConfig::default() };
            let ledger = start(config);
            // Another sender, whose nonce rises; all else is alike.
            ledger.sent(change, TxKind::Call(ledger.user(2)), 0, Bytes::new());
            assert_eq!(ledger.store.prove(2, Address::ZERO, &[]), None);
            assert_eq!(ledger.root_with(2, &Default::default()), None);
            ledger.chain().header(2).unwrap().unwrap().0.state_root
        })
        .collect();
    assert_ne!(roots[0], roots[1]);
}
