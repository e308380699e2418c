//! Bytes become messages and stored entries: see `tests/fuzz_targets/wire.rs`. A decoder must allocate
//! little more than the size of the message, even if the message announces larger lengths.

#![no_main]

use cap::Cap;
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// The largest allocation that a decoder may need. The longest list, of 1,024 entries, needs less.
const MOST: usize = 1 << 20;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    ALLOCATOR.set_limit(ALLOCATOR.allocated() + MOST).expect("the limit is above the memory in use");
    wavetank_tests::wire::run(bytes);
    ALLOCATOR.set_limit(usize::MAX).expect("the limit is above the memory in use");
});
