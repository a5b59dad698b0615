//! The validators of an epoch.

use alloy_primitives::{B256, hex, keccak256};
use serde::{Deserialize, Serialize};

use crate::limits::VALIDATORS_MAX;

/// Ed25519 public key of a validator: its consensus and network identity (RFC 8032, 32 bytes).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ValidatorKey(#[serde(with = "hex::serde")] pub [u8; 32]);

impl std::fmt::Debug for ValidatorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for ValidatorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode_prefixed(self.0))
    }
}

/// Why a list of keys is not a validator set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorSetError {
    /// No key at all.
    #[error("a validator set needs at least one key")]
    Empty,
    /// Too many keys.
    #[error("{0} validators exceed the limit of {VALIDATORS_MAX}")]
    TooMany(usize),
    /// The same key twice.
    #[error("validator key {0} appears twice")]
    Duplicate(ValidatorKey),
}

/// Keys in ascending byte order, each once. The position of a key is its index in certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet(Vec<ValidatorKey>);

impl ValidatorSet {
    /// Sorts and checks.
    pub fn new(mut keys: Vec<ValidatorKey>) -> Result<Self, ValidatorSetError> {
        keys.sort_unstable();
        match keys.len() {
            0 => return Err(ValidatorSetError::Empty),
            n if n > VALIDATORS_MAX => return Err(ValidatorSetError::TooMany(n)),
            _ => {}
        }
        if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ValidatorSetError::Duplicate(pair[0]));
        }
        Ok(Self(keys))
    }

    /// The keys in ascending order.
    pub fn keys(&self) -> &[ValidatorKey] {
        &self.0
    }

    /// `keccak256(rlp([key, key, …]))`.
    pub fn hash(&self) -> B256 {
        let keys: Vec<[u8; 32]> = self.0.iter().map(|key| key.0).collect();
        keccak256(alloy_rlp::encode(keys))
    }
}
