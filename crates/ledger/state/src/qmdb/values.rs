//! Values as the databases hold them.

use alloy_primitives::{B256, Bytes, U256};
use types::code_chunk_key;

use super::{AccountValue, CodeChunk, Key, StorageValue};
use crate::{AccountRecord, StateError};

/// Bytes of one chunk of code. The first chunk starts with the length of the code (4 bytes, big
/// endian); the last one is padded with zeros.
pub const CODE_CHUNK_BYTES: usize = 256;

/// Longest code that is stored, bytes: far above EIP-170's 24,576, so that a raised limit fits.
pub const CODE_BYTES_MAX: usize = 1024 * 1024;

const LENGTH_BYTES: usize = 4;

pub(super) fn digest(key: B256) -> Key {
    Key::from(key.0)
}

pub(super) fn account_value(record: &AccountRecord) -> AccountValue {
    AccountValue::new(record.to_bytes())
}

pub(super) fn account_record(value: &AccountValue) -> AccountRecord {
    let bytes: &[u8; AccountRecord::LENGTH] =
        value.as_ref().try_into().expect("the value has the record's length by type");
    AccountRecord::from_bytes(bytes)
}

pub(super) fn storage_value(word: U256) -> StorageValue {
    StorageValue::new(word.to_be_bytes::<32>())
}

pub(super) fn storage_word(value: &StorageValue) -> U256 {
    U256::from_be_slice(value.as_ref())
}

/// Key of chunk `index` of a code.
pub(super) fn chunk_key(code_hash: B256, index: usize) -> Key {
    let index = u32::try_from(index).expect("CODE_BYTES_MAX bounds the index");
    digest(code_chunk_key(code_hash, index))
}

/// Cuts code into chunks, the length first.
pub(super) fn code_chunks(code: &[u8]) -> Vec<CodeChunk> {
    let length = u32::try_from(code.len()).expect("CODE_BYTES_MAX fits in 32 bits");
    let mut bytes = Vec::with_capacity(LENGTH_BYTES + code.len());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(code);
    bytes
        .chunks(CODE_CHUNK_BYTES)
        .map(|part| {
            let mut chunk = [0u8; CODE_CHUNK_BYTES];
            chunk[..part.len()].copy_from_slice(part);
            CodeChunk::new(chunk)
        })
        .collect()
}

/// Number of chunks that a code takes, read from its first chunk.
pub(super) fn chunk_count(first: &CodeChunk) -> Result<usize, StateError> {
    Ok((LENGTH_BYTES + code_length(first)?).div_ceil(CODE_CHUNK_BYTES))
}

/// Puts chunks together again.
pub(super) fn join_chunks(chunks: &[CodeChunk]) -> Result<Bytes, StateError> {
    let first = chunks.first().ok_or_else(|| StateError::Store("code without chunks".into()))?;
    let length = code_length(first)?;
    let mut bytes = Vec::with_capacity(chunks.len() * CODE_CHUNK_BYTES);
    for chunk in chunks {
        bytes.extend_from_slice(chunk.as_ref());
    }
    let code = bytes
        .get(LENGTH_BYTES..LENGTH_BYTES + length)
        .ok_or_else(|| StateError::Store(format!("code of {length} bytes lacks chunks")))?;
    Ok(Bytes::copy_from_slice(code))
}

fn code_length(first: &CodeChunk) -> Result<usize, StateError> {
    let mut length = [0u8; LENGTH_BYTES];
    length.copy_from_slice(&first.as_ref()[..LENGTH_BYTES]);
    let length = u32::from_be_bytes(length) as usize;
    if length > CODE_BYTES_MAX {
        return Err(StateError::Store(format!("stored code claims {length} bytes")));
    }
    Ok(length)
}
