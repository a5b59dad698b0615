//! Ethereum's system contracts, present as plain code from block 1 on.

use alloy_primitives::{Address, Bytes, U256};

pub use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS as HISTORY_ADDRESS;
pub use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;

/// Hashes that EIP-2935's contract keeps (`HISTORY_SERVE_WINDOW`).
pub const HISTORY_BLOCKS: u64 = 8191;

/// Slot of EIP-2935's contract that holds the hash of block `number`.
pub fn history_slot(number: u64) -> U256 {
    U256::from(number % HISTORY_BLOCKS)
}

/// Slots of EIP-4788's contract that hold a block's timestamp and root.
pub fn beacon_root_slots(timestamp: u64) -> [U256; 2] {
    let index = timestamp % HISTORY_BLOCKS;
    [U256::from(index), U256::from(index + HISTORY_BLOCKS)]
}

/// Address and code of EIP-2935's and EIP-4788's contracts.
pub fn system_contracts() -> [(Address, Bytes); 2] {
    [
        (HISTORY_ADDRESS, alloy_eips::eip2935::HISTORY_STORAGE_CODE.clone()),
        (BEACON_ROOTS_ADDRESS, alloy_eips::eip4788::BEACON_ROOTS_CODE.clone()),
    ]
}
