//! The clients of a run: client machines that send calls and wait for answers, and a key-value store with its
//! clients and its judges.

pub mod callers;
pub mod kv;
