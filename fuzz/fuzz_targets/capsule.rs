//! Bytes become a file that may be a capsule: see `tests/one_capsule.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wavetank_tests::one_capsule::run(bytes));
