//! Keys, sets and blocks for unit tests.
#![allow(clippy::unwrap_used)]

use alloy_primitives::B256;
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use types::{
    Block, DatabaseCommitment, Extension, Genesis, Header, Namespace, StateCommitment,
    ValidatorKey, ValidatorSet,
};

use crate::validator_key;

pub(crate) fn private_key(seed: u64) -> PrivateKey {
    PrivateKey::from_seed(seed)
}

pub(crate) fn key(seed: u64) -> ValidatorKey {
    validator_key(&private_key(seed).public_key())
}

pub(crate) fn set(seeds: std::ops::Range<u64>) -> ValidatorSet {
    ValidatorSet::new(seeds.map(key).collect()).unwrap()
}

pub(crate) fn namespace() -> Namespace {
    Namespace { chain_id: 7001, genesis_hash: B256::repeat_byte(7), ledger_id: 3, incarnation: 1 }
}

pub(crate) fn empty_state() -> StateCommitment {
    let empty =
        DatabaseCommitment { root: B256::ZERO, ops_root: B256::ZERO, range_start: 0, range_end: 1 };
    StateCommitment { accounts: empty, storage: empty, code: empty }
}

pub(crate) fn genesis() -> Genesis {
    let validators: Vec<String> = (0..4)
        .map(|seed| format!(r#"{{"organisation":"org {seed}","key":"{}"}}"#, key(seed)))
        .collect();
    let text = format!(
        r#"{{"format":1,"chain_id":7001,"profile":"dev","time_ms":5,"validators":[{}],
            "validator_admin":"0x0000000000000000000000000000000000000001"}}"#,
        validators.join(",")
    );
    Genesis::from_json(&text).unwrap()
}

/// A child of block 0 without transactions.
pub(crate) fn block(leader: ValidatorKey) -> Block {
    let parent = genesis().block(empty_state()).unwrap();
    let extension = Extension {
        epoch: 2,
        view: 9,
        leader,
        parent_view: 8,
        time_ms: 1_234,
        genesis_commitment: None,
        ..parent.extension().clone()
    };
    let header = Header { parent_hash: parent.hash(), number: 1, ..parent.header().clone() };
    Block::new(header, extension, Vec::new())
}
