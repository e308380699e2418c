//! Bytes become messages and stored entries: see `tests/fuzz_targets/wire.rs`. Whatever a message says of
//! its lengths, little more is allocated than it has bytes.

#![no_main]

use cap::Cap;
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// A list of 1,024 entries, the longest there is, takes less.
const MOST: usize = 1 << 20;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    ALLOCATOR.set_limit(ALLOCATOR.allocated() + MOST).expect("it is above what is there");
    wavetank_tests::wire::run(bytes);
    ALLOCATOR.set_limit(usize::MAX).expect("it is above what is there");
});
