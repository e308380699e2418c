//! The store, its clients, and both together in a tank.

mod bent;
mod clients;
mod store;
mod storms;
