//! Numbers and bytes as they stand in JSON, written without an intermediate value.

use std::fmt::{self, LowerHex};

use alloy_primitives::hex;
use serde::{Serialize, Serializer};

/// Minimal hex: `0x0`, `0x1f`.
#[derive(Clone, Copy, Debug)]
pub struct Quantity<N>(pub N);

impl<N: LowerHex> fmt::Display for Quantity<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl<N: LowerHex> Serialize for Quantity<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Lower-case hex of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a>(pub &'a [u8]);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode_prefixed(self.0))
    }
}
