//! Bytes become a history, judged twice: see `tests/one_history.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wavetank_tests::one_history::run(bytes));
