//! A deterministic world for Raft: one thread, one virtual clock, one seed.
//!
//! The world moves; faults decide; checks look; traces print. They meet only in [`Observation`].

pub mod check;
pub mod ledger;
pub mod observe;
pub mod report;
pub mod slot;
pub mod sometimes;

pub mod workload;

pub use check::{Clocks, Column, Judges, Options};
pub use observe::{Fate, Observation, Seen};
pub use report::{Class, Report, Verdict, Violation};
pub use slot::{Slot, Slots};
