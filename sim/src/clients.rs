//! Clients: the client machines that send calls and wait for answers, and the key-value store with its
//! clients and its judges.

pub mod callers;
pub mod kv;
