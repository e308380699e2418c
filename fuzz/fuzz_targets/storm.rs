//! Bytes become the faults of a storm: see `tests/fuzz_targets/storm.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wavetank_tests::storm::run(bytes));
