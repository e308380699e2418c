//! The simulation engine: the world with its event queue, servers, clocks, network and clients.

pub mod clock;
pub mod event_queue;
pub(crate) mod host;
mod machine_faults;
pub mod network;
pub(crate) mod pending_events;
pub(crate) mod relative_state;
pub(crate) mod scheduling;
pub mod workload;
pub mod world;
