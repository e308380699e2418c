//! The clients of a run. The module `callers` sends the clients' requests and handles the answers. The module
//! `kv` contains a key-value store with its clients and its judges. The module `machine` contains the clients
//! and the judge of a state machine with typed commands.

pub mod callers;
pub mod kv;
#[cfg(feature = "machine")]
pub mod machine;
