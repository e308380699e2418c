//! The real water: [`wavetank_raft::Server`] on real clocks, disks and sockets.
//!
//! [`Raft`] is a server as its users hold it, under HashiCorp Raft's names. What is here is what
//! the tank does not run: sockets, threads, files and the clock. Every decision of the protocol is
//! taken in `wavetank-raft`, by the code that has lived in the tank.

pub mod raft;
pub mod store;
pub mod transport;
pub mod wire;

pub use raft::{Applied, Error, Leadership, Raft, RaftState, StartError};

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
