//! Numbers on the wire: minimal hex out, tolerant in.
//!
//! Out: EIP-1474 quantities. In: hex with or without leading zeros (Foundry, web3.js and old
//! scripts differ), and plain JSON numbers, which Hardhat and some scripts send.

use std::fmt;

use alloy_primitives::{B256, U256, hex};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

/// Minimal hex: `0x0`, `0x1f`.
pub fn quantity(value: impl fmt::LowerHex) -> Value {
    Value::String(format!("{value:#x}"))
}

/// Lower-case hex of bytes.
pub fn data(bytes: impl AsRef<[u8]>) -> Value {
    Value::String(hex::encode_prefixed(bytes))
}

/// A number of at most 256 bits from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(pub U256);

/// A number of at most 64 bits from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Small(pub u64);

/// A count of at most 64 bits from outside, which may also be decimal text, as geth reads the counts of
/// `eth_feeHistory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub u64);

/// A hash from outside: 32 bytes of hex with prefix, as geth demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(pub B256);

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if hex_digits(&text).is_none() {
            return Err(de::Error::custom("hex string without 0x prefix"));
        }
        text.parse().map(Self).map_err(|_| de::Error::custom("a hash has 32 bytes of hex"))
    }
}

/// A storage slot or key from outside: at most 32 bytes of hex, any length, odd lengths too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(pub B256);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor).map(Self)
    }
}

impl<'de> Deserialize<'de> for Small {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = deserializer.deserialize_any(NumberVisitor)?;
        u64::try_from(number).map(Self).map_err(|_| de::Error::custom("hex number > 64 bits"))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let decimal = value.as_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        match decimal.and_then(|digits| digits.parse().ok()) {
            Some(count) => Ok(Self(count)),
            None => serde_json::from_value(value)
                .map(|Small(count)| Self(count))
                .map_err(de::Error::custom),
        }
    }
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SlotVisitor).map(Self)
    }
}

struct SlotVisitor;

impl de::Visitor<'_> for SlotVisitor {
    type Value = B256;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("at most 32 bytes of hex")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<B256, E> {
        parse_slot(text).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<B256, E> {
        Ok(U256::from(value).into())
    }
}

struct NumberVisitor;

impl de::Visitor<'_> for NumberVisitor {
    type Value = U256;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hex number")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<U256, E> {
        parse_number(text).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<U256, E> {
        Ok(U256::from(value))
    }
}

/// Reads a hex number; the texts are geth's.
pub fn parse_number(text: &str) -> Result<U256, &'static str> {
    let digits = hex_digits(text).ok_or(match text {
        "" => "empty hex string",
        _ => "hex string without 0x prefix",
    })?;
    if digits.is_empty() {
        return Err("hex string \"0x\"");
    }
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err("invalid hex string");
    }
    let significant = digits.trim_start_matches('0');
    if significant.len() > 64 {
        return Err("hex number > 256 bits");
    }
    if significant.is_empty() {
        return Ok(U256::ZERO);
    }
    U256::from_str_radix(significant, 16).map_err(|_| "invalid hex string")
}

fn parse_slot(text: &str) -> Result<B256, String> {
    let shown: String = text.chars().take(100).collect();
    let digits = hex_digits(text).unwrap_or(text);
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(format!("invalid hex in storage key: \"{shown}\""));
    }
    if digits.len() > 64 {
        return Err(format!("storage key too long (want at most 32 bytes): \"{shown}\""));
    }
    let padded = format!("{digits:0>64}");
    padded.parse().map_err(|_| format!("invalid hex in storage key: \"{shown}\""))
}

fn hex_digits(text: &str) -> Option<&str> {
    text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn quantities_are_minimal_and_data_is_full_length() {
        assert_eq!(quantity(0u64), "0x0");
        assert_eq!(quantity(31u64), "0x1f");
        assert_eq!(quantity(U256::from(1u64) << 128), "0x100000000000000000000000000000000");
        assert_eq!(data([0u8, 0xAB]), "0x00ab");
    }

    #[test]
    fn numbers_are_read_tolerantly_and_bounded() {
        let read = |text: &str| serde_json::from_str::<Small>(text).map(|small| small.0);
        assert_eq!(read("\"0x0a\"").unwrap(), 10);
        assert_eq!(read("10").unwrap(), 10);
        for bad in [
            "\"0x\"",
            "\"\"",
            "\"10\"",
            "-1",
            "1.5",
            "null",
            "[]",
            "\"0xg\"",
            "\"0x10000000000000000\"",
            "true",
            "\"0x+1\"",
            "\"0x_1\"",
        ] {
            assert!(read(bad).is_err(), "{bad} was accepted");
        }
        let too_long = format!("\"0x1{}\"", "0".repeat(64));
        assert!(serde_json::from_str::<Number>(&too_long).is_err());
    }

    #[test]
    fn counts_may_be_decimal_text() {
        let read = |text: &str| serde_json::from_str::<Count>(text).map(|count| count.0);
        for (text, count) in [("\"10\"", 10), ("\"0x10\"", 16), ("7", 7), ("\"0\"", 0)] {
            assert_eq!(read(text).unwrap(), count, "{text}");
        }
        for bad in ["\"\"", "\"-1\"", "\"1.5\"", "\"ten\"", "\"99999999999999999999\"", "{}"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn slots_of_any_length_up_to_32_bytes() {
        assert_eq!(parse_slot("0x1").unwrap(), B256::with_last_byte(1));
        assert_eq!(parse_slot("0x").unwrap(), B256::ZERO);
        let plain: Slot = serde_json::from_str("300").unwrap();
        assert_eq!(plain.0, B256::from(U256::from(300)));
        assert!(parse_slot("0xasdf").unwrap_err().contains("invalid hex"));
        assert!(parse_slot(&format!("0x{}", "0".repeat(65))).unwrap_err().contains("too long"));
    }
}
