//! What the state holds.

use alloy_primitives::{B256, Bytes, KECCAK256_EMPTY, U256};

/// An account. An account that is empty in the sense of EIP-161 is absent from the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// Transactions sent, or contracts created by a contract.
    pub nonce: u64,
    /// Wei.
    pub balance: U256,
    /// keccak256 of the code; [`KECCAK256_EMPTY`] without code.
    pub code_hash: B256,
}

impl AccountRecord {
    /// Bytes of [`Self::to_bytes`].
    pub const LENGTH: usize = 72;

    /// `nonce (8) || balance (32) || code hash (32)`, numbers big endian.
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0u8; Self::LENGTH];
        bytes[..8].copy_from_slice(&self.nonce.to_be_bytes());
        bytes[8..40].copy_from_slice(&self.balance.to_be_bytes::<32>());
        bytes[40..].copy_from_slice(self.code_hash.as_slice());
        bytes
    }

    /// Reverse of [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Self {
        let mut nonce = [0u8; 8];
        nonce.copy_from_slice(&bytes[..8]);
        Self {
            nonce: u64::from_be_bytes(nonce),
            balance: U256::from_be_slice(&bytes[8..40]),
            code_hash: B256::from_slice(&bytes[40..]),
        }
    }
}

impl Default for AccountRecord {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: KECCAK256_EMPTY }
    }
}

/// A present value; absence is `None` around it. A zero slot and empty code are absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateValue {
    /// Of [`StateKey::Account`](crate::StateKey::Account).
    Account(AccountRecord),
    /// Of [`StateKey::Storage`](crate::StateKey::Storage), never zero.
    Storage(U256),
    /// Of [`StateKey::Code`](crate::StateKey::Code), never empty.
    Code(Bytes),
}
