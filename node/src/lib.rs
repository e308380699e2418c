//! A Raft node: [`wavetank_raft::Server`] on real clocks, disks and sockets.
//!
//! [`Raft`] is the handle of a server, with HashiCorp Raft's names. This crate has the parts that
//! the tank does not run: sockets, threads, files and the clock. Every decision of the protocol is
//! taken in `wavetank-raft`, by the code that runs in the tank.

mod driver;
mod error;
mod handle;
pub mod store;
pub mod transport;
pub mod wire;

pub use driver::disk::LogDisk;
pub use driver::observer::Observer;
pub use driver::options::Options;
pub use driver::state::RaftState;
pub use driver::status::{Leadership, Stats};
pub use driver::worker_queue::Place;
pub use error::{Error, StartError};
pub use handle::{Applied, Parts, Raft, has_existing_state, recover_cluster};

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
