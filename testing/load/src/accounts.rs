//! Test accounts and their signatures.

use alloy_consensus::{SignableTransaction, TxEip1559, transaction::RlpEcdsaEncodableTx};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex, keccak256};
use eyre::Result;
use k256::ecdsa::SigningKey;

/// A key that is only good for tests: it follows from a seed and a number.
#[derive(Clone)]
pub struct Account {
    key: SigningKey,
    /// Its address.
    pub address: Address,
}

/// A transaction ready to be sent.
pub struct Signed {
    /// Hash.
    pub hash: B256,
    /// Hex with `0x`, as `eth_sendRawTransaction` takes it.
    pub raw: String,
}

impl Account {
    /// Account `number` of a seed.
    ///
    /// # Errors
    /// Never in practice: a hash that is no secp256k1 key has a chance of about 2^-128.
    pub fn derive(seed: u64, number: u64) -> Result<Self> {
        let mut text = b"heqi load account".to_vec();
        text.extend_from_slice(&seed.to_be_bytes());
        text.extend_from_slice(&number.to_be_bytes());
        let key = SigningKey::from_slice(keccak256(text).as_slice())?;
        let point = key.verifying_key().to_encoded_point(false);
        let address = Address::from_raw_public_key(&point.as_bytes()[1..]);
        Ok(Self { key, address })
    }

    /// A type 2 transaction with fees of 0.
    ///
    /// # Errors
    /// Never in practice: a valid key signs every hash.
    pub fn sign(&self, chain_id: u64, nonce: u64, gas_limit: u64, call: &Call) -> Result<Signed> {
        let transaction = TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            to: call.to,
            input: call.data.clone(),
            ..TxEip1559::default()
        };
        let hash = transaction.signature_hash();
        let (signature, parity) = self.key.sign_prehash_recoverable(hash.as_slice())?;
        let (r, s) = signature.split_bytes();
        let signature =
            Signature::new(U256::from_be_slice(&r), U256::from_be_slice(&s), parity.is_y_odd());
        let mut bytes = Vec::with_capacity(256);
        transaction.eip2718_encode(&signature, &mut bytes);
        Ok(Signed { hash: keccak256(&bytes), raw: hex::encode_prefixed(&bytes) })
    }
}

/// What a transaction does.
#[derive(Clone, Debug)]
pub struct Call {
    /// Contract, or creation.
    pub to: TxKind,
    /// Input.
    pub data: Bytes,
}
