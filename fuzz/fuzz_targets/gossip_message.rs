//! Messages of the pool's gossip.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::gossip_message(bytes);
});
