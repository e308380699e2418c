//! Bytes become a history that two checkers judge: see `tests/fuzz_targets/history.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wavetank_tests::history::run(bytes));
