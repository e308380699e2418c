//! A deterministic world for Raft: one thread, one virtual clock, one seed.
//!
//! The world moves; faults decide; checks look; traces print. They meet only in [`Observation`].

pub mod agenda;
pub mod observe;
pub mod report;
pub mod rng;
pub mod slot;
pub mod topology;

pub mod workload;

pub use observe::{Fate, Observation, Seen};
pub use report::{Class, Report, Verdict, Violation};
pub use slot::{Slot, Slots};
