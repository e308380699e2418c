//! Clients: the machine that sends calls and waits for answers, and the key-value store with its
//! clients and its judges.

pub mod callers;
pub mod kv;
