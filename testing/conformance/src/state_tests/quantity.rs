//! Numbers as the state tests write them.

use alloy_primitives::U256;
use serde::Deserialize;

/// A hexadecimal number, perhaps with leading zeros, perhaps (written `0x:bigint 0x…`) wider than
/// any transaction can carry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(super) struct Quantity(String);

impl Quantity {
    /// The number; `None` where no transaction can carry it.
    pub(super) fn value(&self) -> Option<U256> {
        let digits = self.0.strip_prefix("0x")?;
        if digits.is_empty() {
            return Some(U256::ZERO);
        }
        U256::from_str_radix(digits, 16).ok()
    }

    /// The number, in 64 bits.
    pub(super) fn value_u64(&self) -> Option<u64> {
        u64::try_from(self.value()?).ok()
    }

    /// The number, in 128 bits.
    pub(super) fn value_u128(&self) -> Option<u128> {
        u128::try_from(self.value()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_tests_write() {
        let read = |text: &str| Quantity(text.into()).value();
        assert_eq!(read("0x"), Some(U256::ZERO));
        assert_eq!(read("0x00ff"), Some(U256::from(255)));
        assert_eq!(read(&format!("0x{}", "f".repeat(64))), Some(U256::MAX));
        assert_eq!(read(&format!("0x:bigint 0x1{}", "0".repeat(64))), None);
        assert_eq!(read("12"), None);
        assert_eq!(Quantity("0x10000000000000000".into()).value_u64(), None);
    }
}
