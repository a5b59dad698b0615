//! Transactions as users sign them: EIP-2718 types 0, 1, 2 and 4.

use alloy_consensus::{
    Transaction as _, TxEnvelope, Typed2718 as _, transaction::SignerRecoverable as _,
};
use alloy_eips::{Decodable2718 as _, Encodable2718 as _, eip2718::Eip2718Error};
use alloy_primitives::{Address, B256, Bytes, keccak256};

use crate::limits::TRANSACTION_BYTES_MAX;

/// Type byte of blob transactions (EIP-4844), which a ledger without a data market refuses.
const BLOB_TYPE: u8 = 3;
/// Type byte kept for Heqi's own transaction (SM2 keys, organisation-sponsored fees).
const RESERVED_TYPE: u8 = 0x68;

/// The accepted types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionKind {
    /// Type 0.
    Legacy,
    /// Type 1, EIP-2930.
    AccessList,
    /// Type 2, EIP-1559.
    DynamicFee,
    /// Type 4, EIP-7702.
    SetCode,
}

/// Why a transaction was refused before execution. The texts are geth's where geth has one:
/// client libraries match them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// No bytes.
    #[error("empty transaction")]
    Empty,
    /// Too many bytes.
    #[error("oversized data: transaction size {0}, limit {TRANSACTION_BYTES_MAX}")]
    Oversized(usize),
    /// Type 3.
    #[error("transaction type not supported: blob transactions (type 3)")]
    Blob,
    /// Any other unknown type.
    #[error("transaction type not supported: {0}")]
    Type(u8),
    /// Not the canonical encoding of a transaction.
    #[error("rlp: {0}")]
    Malformed(String),
    /// The signature does not recover, or has a high s value (EIP-2).
    #[error("invalid sender: {0}")]
    Signature(String),
}

/// A decoded transaction with its hash and encoding; its sender is known once recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    envelope: TxEnvelope,
    encoded: Bytes,
    hash: B256,
    sender: Address,
}

impl Transaction {
    /// Decodes the canonical EIP-2718 encoding and recovers the sender (about 40 µs).
    pub fn decode(encoded: Bytes) -> Result<Self, TransactionError> {
        let hash = keccak256(&encoded);
        Self::decode_hashed(encoded, hash)
    }

    /// [`Self::decode`] where the caller has already taken `hash`, keccak256 of the encoding.
    pub fn decode_hashed(encoded: Bytes, hash: B256) -> Result<Self, TransactionError> {
        debug_assert_eq!(hash, keccak256(&encoded));
        let envelope = decode_envelope(&encoded)?;
        let sender = envelope
            .recover_signer()
            .map_err(|error| TransactionError::Signature(error.to_string()))?;
        Ok(Self { envelope, encoded, hash, sender })
    }

    /// Decodes an encoding whose sender is already known, from this node's own stores: recovery is
    /// skipped. Never for bytes from outside.
    pub fn with_sender(encoded: Bytes, sender: Address) -> Result<Self, TransactionError> {
        let envelope = decode_envelope(&encoded)?;
        let hash = keccak256(&encoded);
        Ok(Self { envelope, encoded, hash, sender })
    }

    /// A transaction of another chain, of any type, blobs included; `encoded` is its encoding.
    /// Nothing is checked: for imported chains, whose blocks were, and for simulated calls, which
    /// nobody signed.
    pub fn of_any_type(envelope: TxEnvelope, encoded: Bytes, sender: Address) -> Self {
        let hash = keccak256(&encoded);
        Self { envelope, encoded, hash, sender }
    }

    /// The decoded fields.
    pub fn envelope(&self) -> &TxEnvelope {
        &self.envelope
    }

    /// EIP-2718 encoding.
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// keccak256 of the encoding.
    pub fn hash(&self) -> B256 {
        self.hash
    }

    /// Who signed.
    pub fn sender(&self) -> Address {
        self.sender
    }

    /// Nonce of the sender's account that the transaction uses.
    pub fn nonce(&self) -> u64 {
        self.envelope.nonce()
    }

    /// Gas limit.
    pub fn gas_limit(&self) -> u64 {
        self.envelope.gas_limit()
    }

    /// EIP-2718 type byte.
    pub fn type_byte(&self) -> u8 {
        self.envelope.ty()
    }

    /// The accepted type.
    pub fn kind(&self) -> TransactionKind {
        match &self.envelope {
            TxEnvelope::Legacy(_) => TransactionKind::Legacy,
            TxEnvelope::Eip2930(_) => TransactionKind::AccessList,
            TxEnvelope::Eip7702(_) => TransactionKind::SetCode,
            _ => TransactionKind::DynamicFee,
        }
    }
}

fn decode_envelope(encoded: &Bytes) -> Result<TxEnvelope, TransactionError> {
    match encoded.first() {
        None => return Err(TransactionError::Empty),
        Some(&BLOB_TYPE) => return Err(TransactionError::Blob),
        Some(&kind @ RESERVED_TYPE) => return Err(TransactionError::Type(kind)),
        Some(&kind) if kind < 0xc0 && !matches!(kind, 1 | 2 | 4) => {
            return Err(TransactionError::Type(kind));
        }
        Some(_) => {}
    }
    if encoded.len() > TRANSACTION_BYTES_MAX {
        return Err(TransactionError::Oversized(encoded.len()));
    }
    let envelope = TxEnvelope::decode_2718_exact(encoded).map_err(|error| match error {
        Eip2718Error::RlpError(error) => TransactionError::Malformed(error.to_string()),
        // How the library says that a list is no transaction of type 0.
        _ => TransactionError::Malformed("the list is not a signed transaction".into()),
    })?;
    if envelope.encoded_2718() != encoded[..] {
        return Err(TransactionError::Malformed("not the canonical encoding".into()));
    }
    Ok(envelope)
}
