//! Bytes become the inputs of one node: see `raft/tests/it/step.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wavetank_tests::step::run(bytes));
