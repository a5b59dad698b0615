//! How the header commits to a state that lives in several databases, and the keys in them.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};

/// Accounts, storage, code: in this order everywhere.
pub const DATABASE_COUNT: usize = 3;

/// One authenticated database after a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct DatabaseCommitment {
    /// Root that proofs of current values verify against.
    pub root: B256,
    /// Root of the operation log: what state sync verifies against.
    pub ops_root: B256,
    /// First operation that state sync needs.
    pub range_start: u64,
    /// One past the last operation.
    pub range_end: u64,
}

/// All databases after a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateCommitment {
    /// Accounts: `account_key → nonce (8) || balance (32) || code hash (32)`.
    pub accounts: DatabaseCommitment,
    /// Storage: `storage_key → value (32)`.
    pub storage: DatabaseCommitment,
    /// Code: `code_chunk_key → chunk`.
    pub code: DatabaseCommitment,
}

impl StateCommitment {
    /// The header's `stateRoot`: keccak256 of the three roots, one after the other.
    pub fn state_root(&self) -> B256 {
        let mut bytes = [0u8; 32 * DATABASE_COUNT];
        for (slot, database) in bytes.chunks_exact_mut(32).zip(self.databases()) {
            slot.copy_from_slice(database.root.as_slice());
        }
        keccak256(bytes)
    }

    fn databases(&self) -> [DatabaseCommitment; DATABASE_COUNT] {
        [self.accounts, self.storage, self.code]
    }

    fn payload_length(&self) -> usize {
        self.databases().iter().map(Encodable::length).sum()
    }
}

impl Encodable for StateCommitment {
    fn length(&self) -> usize {
        let payload = self.payload_length();
        payload + alloy_rlp::length_of_length(payload)
    }

    fn encode(&self, out: &mut dyn bytes::BufMut) {
        alloy_rlp::Header { list: true, payload_length: self.payload_length() }.encode(out);
        for database in self.databases() {
            database.encode(out);
        }
    }
}

impl Decodable for StateCommitment {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let mut body = alloy_rlp::Header::decode_bytes(buf, true)?;
        let value = Self {
            accounts: DatabaseCommitment::decode(&mut body)?,
            storage: DatabaseCommitment::decode(&mut body)?,
            code: DatabaseCommitment::decode(&mut body)?,
        };
        if body.is_empty() { Ok(value) } else { Err(alloy_rlp::Error::UnexpectedLength) }
    }
}

/// Key of an account in the accounts database: `keccak256(0x00 || address)`.
pub fn account_key(address: Address) -> B256 {
    let mut bytes = [0u8; 21];
    bytes[1..].copy_from_slice(address.as_slice());
    keccak256(bytes)
}

/// Key of a slot in the storage database: `keccak256(0x01 || address || slot)`.
pub fn storage_key(address: Address, slot: U256) -> B256 {
    let mut bytes = [1u8; 53];
    bytes[1..21].copy_from_slice(address.as_slice());
    bytes[21..].copy_from_slice(&slot.to_be_bytes::<32>());
    keccak256(bytes)
}

/// Key of a piece of code in the code database: `keccak256(0x02 || code hash || index, 4 bytes)`.
pub fn code_chunk_key(code_hash: B256, index: u32) -> B256 {
    let mut bytes = [2u8; 37];
    bytes[1..33].copy_from_slice(code_hash.as_slice());
    bytes[33..].copy_from_slice(&index.to_be_bytes());
    keccak256(bytes)
}
