//! Native contracts of the platform.
//!
//! Each has its interface as a Solidity file in `interfaces/`, which is at the same time the
//! source that the Rust side is generated from.

pub mod validators;

use std::sync::Arc;

use native::NativeTable;

/// Every native contract of this release.
pub fn native_table() -> NativeTable {
    NativeTable::new([Arc::new(validators::Validators) as Arc<dyn native::NativeContract>])
}
