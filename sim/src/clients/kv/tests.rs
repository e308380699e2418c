//! The store, its clients, and both together in a tank.

mod buggy_store;
mod clients;
mod store;
mod storms;
