//! Senders of transactions with a zero balance.

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{Address, Bytes, TxKind, U256, keccak256};
use crypto::{EthereumKey, Secret};

/// An account and its next nonce.
pub struct Account {
    key: EthereumKey,
    chain_id: u64,
    nonce: u64,
}

impl Account {
    /// The account with this number; the same in every run.
    pub fn new(number: u64, chain_id: u64) -> Self {
        let secret = keccak256(number.to_be_bytes());
        let key = EthereumKey::from_secret(Secret::new(secret.0)).unwrap();
        Self { key, chain_id, nonce: 0 }
    }

    /// Its address.
    pub fn address(&self) -> Address {
        self.key.address()
    }

    /// The next nonce.
    pub const fn nonce(&self) -> u64 {
        self.nonce
    }

    /// Leaves out nonces.
    pub const fn skip(&mut self, nonces: u64) {
        self.nonce += nonces;
    }

    /// A signed call; uses up a nonce.
    pub fn call(&mut self, to: TxKind, input: Bytes) -> Bytes {
        let transaction = TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: 1_000_000,
            max_fee_per_gas: 1,
            max_priority_fee_per_gas: 1,
            to,
            value: U256::ZERO,
            input,
            ..TxEip1559::default()
        };
        self.nonce += 1;
        let signature = self.key.sign_hash(transaction.signature_hash());
        TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into()
    }
}
