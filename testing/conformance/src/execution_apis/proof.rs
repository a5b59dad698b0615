//! Merkle Patricia proofs of an in-memory state (EIP-1186).

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles, proof::ProofRetainer};
use ledger_api::{AccountProof, SlotProof};
use state::{AccountRecord, mpt::MptState};

/// Leaf of the account trie: nonce, balance, storage root, code hash.
type Leaf = (u64, U256, B256, B256);

/// Proof of an account and some of its slots.
pub fn account(state: &MptState, address: Address, slots: &[U256]) -> AccountProof {
    let mut leaves = Vec::new();
    let mut found = None;
    for (account, record, storage) in state.accounts() {
        let root = state.storage_root(account).unwrap_or(EMPTY_ROOT_HASH);
        leaves.push((
            keccak256(account),
            leaf((record.nonce, record.balance, root, record.code_hash)),
        ));
        if account == address {
            found = Some((record, root, storage));
        }
    }
    let (record, storage_root, storage) = match found {
        Some((record, root, storage)) => (record, root, storage.clone()),
        None => (AccountRecord::default(), EMPTY_ROOT_HASH, Default::default()),
    };
    let words: Vec<(B256, Vec<u8>)> = storage
        .iter()
        .map(|(slot, value)| (keccak256(slot.to_be_bytes::<32>()), alloy_rlp::encode(value)))
        .collect();
    let slots = slots
        .iter()
        .map(|slot| SlotProof {
            slot: *slot,
            value: storage.get(slot).copied().unwrap_or_default(),
            nodes: nodes(words.clone(), keccak256(slot.to_be_bytes::<32>())),
        })
        .collect();
    let nodes = nodes(leaves, keccak256(address));
    AccountProof { address, record, storage_root, nodes, slots }
}

fn leaf((nonce, balance, storage_root, code_hash): Leaf) -> Vec<u8> {
    let mut out = Vec::new();
    let fields: [&dyn alloy_rlp::Encodable; 4] = [&nonce, &balance, &storage_root, &code_hash];
    alloy_rlp::encode_list::<&dyn alloy_rlp::Encodable, dyn alloy_rlp::Encodable>(
        &fields, &mut out,
    );
    out
}

/// Nodes from the root towards a key.
fn nodes(mut leaves: Vec<(B256, Vec<u8>)>, key: B256) -> Vec<Bytes> {
    if leaves.is_empty() {
        return Vec::new();
    }
    leaves.sort_unstable_by_key(|(key, _)| *key);
    let target = Nibbles::unpack(key);
    let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::new(vec![target]));
    for (key, leaf) in &leaves {
        builder.add_leaf(Nibbles::unpack(key), leaf);
    }
    builder.root();
    let nodes = builder.take_proof_nodes().into_nodes_sorted();
    nodes.into_iter().map(|(_, node)| node).collect()
}
