//! Votes, certificates and reports of consensus.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::consensus_message(bytes);
});
