//! Typed storage on Solidity's layout rules: a value per slot, `keccak256(key . slot)` for the
//! values of a mapping, length in the slot and items from `keccak256(slot)` on for an array,
//! Solidity's two forms for a string. Values are never packed: one slot holds one value.

mod sequence;
mod slot;
#[cfg(test)]
mod tests;
mod text;

pub use sequence::Seq;
pub use slot::{Mapping, Slot, Word};
pub use text::{TEXT_BYTES_MAX, Text};

use alloy_primitives::{B256, U256, keccak256};

/// Root slot of a namespace by ERC-7201:
/// `keccak256(keccak256(id) - 1) & ~0xff`.
pub fn erc7201(id: &str) -> U256 {
    let inner = U256::from_be_bytes(keccak256(id).0).wrapping_sub(U256::ONE);
    let outer: B256 = keccak256(inner.to_be_bytes::<32>());
    U256::from_be_bytes(outer.0) & !U256::from(0xff)
}
