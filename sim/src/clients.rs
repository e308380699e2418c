//! The clients of a run. Client machines send calls and wait for answers. A key-value store with its clients
//! and its judges is included.

pub mod callers;
pub mod kv;
#[cfg(feature = "machine")]
pub mod machine;
