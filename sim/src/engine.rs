//! What moves: the world with its clock and its queue of events, its servers, network and clients.

pub mod clock;
pub mod event_queue;
pub(crate) mod host;
pub mod network;
pub mod workload;
pub mod world;
