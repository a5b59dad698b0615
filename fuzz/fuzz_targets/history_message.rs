//! Questions about the past and their answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::history_message(bytes);
});
