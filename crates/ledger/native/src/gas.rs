//! What native operations cost. Storage costs what the EVM charges for it (EIP-2929, EIP-2200,
//! without refunds), so a native contract is never a cheaper way to grow the state.

/// Entering a native contract: dispatch and ABI decoding (about 2 µs).
pub const CALL: u64 = 500;
/// Each word of call data or output, decoding or encoding it.
pub const WORD: u64 = 3;
/// Reading a slot for the first time in a transaction (EIP-2929).
pub const READ_COLD: u64 = 2_100;
/// Reading it again.
pub const READ_WARM: u64 = 100;
/// Writing a value where zero was (EIP-2200).
pub const WRITE_NEW: u64 = 20_000;
/// Changing or clearing a value (EIP-2200 after EIP-2929).
pub const WRITE_CHANGE: u64 = 2_900;
/// Writing the value that is there already.
pub const WRITE_SAME: u64 = 100;
/// A log with its address (as LOG0).
pub const LOG: u64 = 375;
/// Each topic of a log.
pub const LOG_TOPIC: u64 = 375;
/// Each byte of a log's data.
pub const LOG_BYTE: u64 = 8;
/// keccak256 of one or two words, as for the slot of a mapping's value.
pub const HASH: u64 = 42;

/// Words that hold `bytes`.
pub const fn words(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(32)
}
