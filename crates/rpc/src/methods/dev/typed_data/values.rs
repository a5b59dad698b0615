//! Types of Solidity that are no structs, and their values in one word.

use alloy_primitives::{Address, B256, U256, hex, keccak256};
use serde_json::{Number, Value};

/// Digits of the longest number, decimal.
const DECIMAL_DIGITS_MAX: usize = 78;

/// A type as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// `item[]`, or `item[length]`.
    Array {
        /// Type of its values.
        item: &'a str,
        /// How many it has; any number where there is none.
        length: Option<usize>,
    },
    /// No array.
    One(&'a str),
}

impl<'a> Kind<'a> {
    /// `None` where the brackets do not make sense.
    pub fn parse(text: &'a str) -> Option<Self> {
        let Some(open) = text.strip_suffix(']') else {
            return Some(Self::One(text));
        };
        let (item, length) = open.rsplit_once('[')?;
        let length = match length {
            "" => None,
            digits => Some(number(digits)?),
        };
        Some(Self::Array { item, length })
    }
}

/// The type without brackets.
pub fn base(text: &str) -> &str {
    text.split_once('[').map_or(text, |(base, _)| base)
}

/// Decimal digits without a sign or a leading zero.
fn number(digits: &str) -> Option<usize> {
    let plain = !digits.starts_with('0') && digits.bytes().all(|digit| digit.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

/// A type with a value of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomic {
    /// `bool`.
    Bool,
    /// `address`.
    Address,
    /// `string`.
    Text,
    /// `bytes`.
    Bytes,
    /// `bytes1` to `bytes32`.
    Fixed(usize),
    /// `uint8` to `uint256`, bits.
    Unsigned(usize),
    /// `int8` to `int256`, bits.
    Signed(usize),
}

impl Atomic {
    /// `None` where Solidity has no such type.
    pub fn parse(name: &str) -> Option<Self> {
        let bits = |digits: &str| match digits {
            "" => Some(256),
            digits => number(digits).filter(|bits| *bits <= 256 && *bits % 8 == 0),
        };
        match name {
            "bool" => Some(Self::Bool),
            "address" => Some(Self::Address),
            "string" => Some(Self::Text),
            "bytes" => Some(Self::Bytes),
            _ => {
                if let Some(digits) = name.strip_prefix("bytes") {
                    return number(digits).filter(|size| *size <= 32).map(Self::Fixed);
                }
                if let Some(digits) = name.strip_prefix("uint") {
                    return bits(digits).map(Self::Unsigned);
                }
                name.strip_prefix("int").and_then(bits).map(Self::Signed)
            }
        }
    }

    /// The word of a value; `None` where it is none of this type.
    pub fn word(self, value: &Value) -> Option<B256> {
        match self {
            Self::Bool => flag(value).map(|flag| B256::from(U256::from(flag))),
            Self::Address => value.as_str()?.parse().ok().map(|one: Address| one.into_word()),
            Self::Text => value.as_str().map(keccak256),
            Self::Bytes => bytes(value).map(keccak256),
            Self::Fixed(size) => {
                let bytes = bytes(value).filter(|bytes| bytes.len() == size)?;
                Some(B256::right_padding_from(&bytes))
            }
            Self::Unsigned(bits) => {
                let (negative, size) = integer(value)?;
                let fits = !negative && size.bit_len() <= bits;
                fits.then(|| B256::from(size))
            }
            Self::Signed(bits) => {
                let (negative, size) = integer(value)?;
                let limit = U256::ONE << bits.saturating_sub(1);
                let fits = if negative { size <= limit } else { size < limit };
                let word = if negative { size.wrapping_neg() } else { size };
                fits.then(|| B256::from(word))
            }
        }
    }
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    let digits = value.as_str()?.strip_prefix("0x")?;
    // The decoder would take a second prefix.
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if plain { hex::decode(digits).ok() } else { None }
}

/// Whether it is below zero, and its size.
fn integer(value: &Value) -> Option<(bool, U256)> {
    match value {
        Value::Number(number) => json_number(number),
        Value::String(text) => match text.strip_prefix('-') {
            Some(digits) => decimal(digits).map(|size| (!size.is_zero(), size)),
            None => match text.strip_prefix("0x") {
                Some(digits) => hexadecimal(digits).map(|size| (false, size)),
                None => decimal(text).map(|size| (false, size)),
            },
        },
        _ => None,
    }
}

/// Numbers that JSON readers do not round: those of 64 bits.
fn json_number(number: &Number) -> Option<(bool, U256)> {
    if let Some(size) = number.as_u64() {
        return Some((false, U256::from(size)));
    }
    number.as_i64().map(|number| (true, U256::from(number.unsigned_abs())))
}

fn decimal(digits: &str) -> Option<U256> {
    let plain = !digits.is_empty()
        && digits.len() <= DECIMAL_DIGITS_MAX
        && digits.bytes().all(|digit| digit.is_ascii_digit());
    if plain { U256::from_str_radix(digits, 10).ok() } else { None }
}

fn hexadecimal(digits: &str) -> Option<U256> {
    let plain = !digits.is_empty()
        && digits.len() <= 64
        && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if plain { U256::from_str_radix(digits, 16).ok() } else { None }
}
