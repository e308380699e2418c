//! Bytes become whatever may happen to one node: see `tests/one_node.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wavetank_tests::one_node::run(bytes));
