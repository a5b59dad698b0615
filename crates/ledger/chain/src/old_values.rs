//! Keys and values of the history table, as bytes (described in the crate's documentation).

use alloy_primitives::{B256, Bytes, KECCAK256_EMPTY, U256};
use state::{AccountRecord, StateKey, StateValue};

use crate::encoding::Reason;

const ACCOUNT: u8 = 0;
const STORAGE: u8 = 1;
const CODE: u8 = 2;

/// `kind (1) || name || height (8)`; the order of the kinds is that of [`StateKey`].
pub(crate) fn history_key(key: &StateKey, height: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + 52 + 8);
    match key {
        StateKey::Account(address) => {
            out.push(ACCOUNT);
            out.extend_from_slice(address.as_slice());
        }
        StateKey::Storage(address, slot) => {
            out.push(STORAGE);
            out.extend_from_slice(address.as_slice());
            out.extend_from_slice(&slot.to_be_bytes::<32>());
        }
        StateKey::Code(hash) => {
            out.push(CODE);
            out.extend_from_slice(hash.as_slice());
        }
    }
    out.extend_from_slice(&height.to_be_bytes());
    out
}

/// The slot that a [`history_key`] of one names.
pub(crate) fn slot_of(key: &[u8]) -> Result<U256, Reason> {
    match key {
        [STORAGE, rest @ ..] if rest.len() == 20 + 32 + 8 => Ok(U256::from_be_slice(&rest[20..52])),
        _ => Err(format!("a key of {} bytes is none of a slot", key.len())),
    }
}

/// Nothing for an absent value; see [`encode_account`] for accounts; the number without leading
/// zeros for slots; the code itself.
pub(crate) fn encode_value(value: Option<&StateValue>) -> Vec<u8> {
    match value {
        None => Vec::new(),
        Some(StateValue::Account(account)) => encode_account(account),
        Some(StateValue::Storage(number)) => number.to_be_bytes_trimmed_vec(),
        Some(StateValue::Code(code)) => code.to_vec(),
    }
}

/// `length of nonce (1) || nonce || length of balance (1) || balance || code hash (32, left out
/// without code)`, numbers without leading zeros.
fn encode_account(account: &AccountRecord) -> Vec<u8> {
    let mut out = Vec::with_capacity(AccountRecord::LENGTH + 2);
    push_number(&mut out, U256::from(account.nonce));
    push_number(&mut out, account.balance);
    if account.code_hash != KECCAK256_EMPTY {
        out.extend_from_slice(account.code_hash.as_slice());
    }
    out
}

fn push_number(out: &mut Vec<u8>, number: U256) {
    let bytes = number.to_be_bytes_trimmed_vec();
    out.push(bytes.len() as u8);
    out.extend_from_slice(&bytes);
}

/// Reverse of [`encode_value`] for a value of `key`.
pub(crate) fn decode_value(key: &StateKey, bytes: &[u8]) -> Result<Option<StateValue>, Reason> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let value = match key {
        StateKey::Account(_) => StateValue::Account(decode_account(bytes)?),
        StateKey::Storage(..) => {
            let number = U256::try_from_be_slice(bytes).ok_or("slot has more than 32 bytes")?;
            StateValue::Storage(number)
        }
        StateKey::Code(_) => StateValue::Code(Bytes::copy_from_slice(bytes)),
    };
    Ok(Some(value))
}

fn decode_account(bytes: &[u8]) -> Result<AccountRecord, Reason> {
    let mut rest = bytes;
    let nonce = take_number(&mut rest)?;
    let balance = take_number(&mut rest)?;
    let code_hash = match rest.len() {
        0 => KECCAK256_EMPTY,
        32 => B256::from_slice(rest),
        other => return Err(format!("code hash of {other} bytes")),
    };
    let nonce = u64::try_from(nonce).map_err(|_| "nonce has more than 8 bytes")?;
    Ok(AccountRecord { nonce, balance, code_hash })
}

fn take_number(rest: &mut &[u8]) -> Result<U256, Reason> {
    let (length, tail) = rest.split_first().ok_or("account is cut off")?;
    let split = tail.split_at_checked(usize::from(*length));
    let (number, tail) = split.ok_or("account is cut off")?;
    *rest = tail;
    U256::try_from_be_slice(number).ok_or_else(|| "number has more than 32 bytes".into())
}
