//! Blocks as peers send them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::consensus_block(bytes);
});
