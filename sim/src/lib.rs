//! A deterministic world for Raft: one thread, one virtual clock, one seed.
//!
//! The world moves; faults decide; checks look; traces print. They meet only in [`Observation`].
//!
//! Where to read first: [`plan`](plan::Plan) (what a run is), then [`world`](world::World) (how
//! it goes), then [`storm`](storm::run).

pub mod agenda;
pub mod callers;
pub mod capsule;
pub mod catch_panic;
pub mod changes;
pub mod check;
pub mod clock;
pub mod digest;
pub mod disk;
pub mod explore;
pub mod harness;
mod host;
pub mod kv;
mod ledger;
pub mod mishap;
mod named;
pub mod nemesis;
pub mod network;
pub mod observe;
pub mod observers;
pub mod plan;
pub mod report;
pub mod rng;
pub mod runner;
pub mod sealed;
pub mod shrink;
pub mod slot;
pub mod sometimes;
pub mod step_log;
pub mod storm;
#[cfg(feature = "proptest")]
pub mod strategies;
pub mod topology;
pub mod trace;
pub mod watch;
pub mod workload;
pub mod world;

pub use check::{Clocks, Column, Judges, Options};
pub use harness::{Storm, check};
pub use observe::{Fate, Observation, Seen};
pub use plan::Plan;
pub use report::{Class, Report, Verdict, Violation};
pub use slot::{Slot, Slots};
pub use watch::Watch;
pub use wavetank_linear as linear;
pub use world::World;
