//! Reverts as geth reports them: code 3, the reason in words, the returned bytes in `data`.

use alloy_primitives::{U256, hex};
use serde_json::Value;

use crate::error::{RpcError, code};

/// Selector of `Error(string)`.
const ERROR_SELECTOR: [u8; 4] = hex!("08c379a0");
/// Selector of `Panic(uint256)`.
const PANIC_SELECTOR: [u8; 4] = hex!("4e487b71");
/// Longest reason repeated in the message, bytes; `data` has all of it.
const REASON_BYTES_MAX: usize = 4_096;

/// The error for a call that reverted with `output`.
pub fn reverted(output: &[u8]) -> RpcError {
    let message = match reason(output) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".to_owned(),
    };
    RpcError::new(code::REVERTED, message).with_data(Value::String(hex::encode_prefixed(output)))
}

/// The reason of Solidity's two built-in errors.
fn reason(output: &[u8]) -> Option<String> {
    let (selector, rest) = output.split_first_chunk::<4>()?;
    match *selector {
        ERROR_SELECTOR => text(rest),
        PANIC_SELECTOR => Some(panic(U256::try_from_be_slice(rest.get(..32)?)?)),
        _ => None,
    }
}

/// The only argument, an ABI-encoded string.
fn text(rest: &[u8]) -> Option<String> {
    let number = |at: usize| -> Option<usize> {
        usize::try_from(U256::try_from_be_slice(rest.get(at..at.checked_add(32)?)?)?).ok()
    };
    let offset = number(0)?;
    let length = number(offset)?;
    let start = offset.checked_add(32)?;
    let bytes = rest.get(start..start.checked_add(length)?)?;
    let shown = &bytes[..bytes.len().min(REASON_BYTES_MAX)];
    Some(String::from_utf8_lossy(shown).into_owned())
}

/// Meaning of Solidity's panic codes, in geth's words.
fn panic(code: U256) -> String {
    let known = match u8::try_from(code).unwrap_or(u8::MAX) {
        0x00 => "generic panic",
        0x01 => "assert(false)",
        0x11 => "arithmetic underflow or overflow",
        0x12 => "division or modulo by zero",
        0x21 => "enum overflow",
        0x22 => "invalid encoded storage byte array accessed",
        0x31 => "out-of-bounds array access; popping on an empty array",
        0x32 => "out-of-bounds access of an array or bytesN",
        0x41 => "out of memory",
        0x51 => "uninitialized function",
        _ => return format!("unknown panic code: {code:#x}"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reasons_of_execution_apis() {
        let error = hex!(
            "08c379a00000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000a75736572206572726f72"
        );
        assert_eq!(reverted(&error).message, "execution reverted: user error");
        let panic =
            hex!("4e487b710000000000000000000000000000000000000000000000000000000000000001");
        assert_eq!(reverted(&panic).message, "execution reverted: assert(false)");
        assert_eq!(reverted(b"").message, "execution reverted");
        assert_eq!(reverted(b"").data.unwrap().as_str(), Some("0x"));
    }

    #[test]
    fn hostile_encodings_have_no_reason() {
        for tail in [&[0xff; 64][..], &[], &[0; 31], &[0xff; 32]] {
            let output = [&ERROR_SELECTOR[..], tail].concat();
            assert_eq!(reason(&output), None);
        }
    }
}
