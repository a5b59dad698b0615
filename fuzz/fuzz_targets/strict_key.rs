//! Ed25519 keys and signatures.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::strict_key(bytes);
});
