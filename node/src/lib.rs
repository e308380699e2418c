//! The real water: [`wavetank_raft::Server`] on real clocks, disks and sockets.
//!
//! What is here is what the tank does not run: sockets, threads, files and the clock. Every
//! decision of the protocol is taken in `wavetank-raft`, by the code that has lived in the tank.

pub mod store;
pub mod transport;
pub mod wire;
