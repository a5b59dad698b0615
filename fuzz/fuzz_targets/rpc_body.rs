//! JSON-RPC bodies and their parameters.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::rpc_body(bytes);
});
