//! The tests that `minimal.rs` prints.
