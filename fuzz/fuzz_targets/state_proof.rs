//! Proofs of state.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::state_proof(bytes);
});
