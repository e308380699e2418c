//! Bytes become a file that may be a capsule: see `tests/fuzz_targets/capsule.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wavetank_tests::capsule::run(bytes));
