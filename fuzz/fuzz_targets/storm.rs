//! Bytes become what goes wrong in a storm: see `tests/one_storm.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wavetank_tests::one_storm::run(bytes));
