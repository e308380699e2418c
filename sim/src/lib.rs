//! A deterministic world for Raft: one thread, one virtual clock, one seed.
//!
//! The world moves; faults decide; checks look; traces print. They meet only in [`Observation`].
//!
//! Where to read first: [`Plan`] (everything that determines a run), then [`World`] (how a run
//! proceeds), then [`run_storms`].

pub mod capsule;
pub mod check;
pub mod clients;
pub mod disk;
pub mod engine;
pub mod explore;
pub mod harness;
pub mod nemesis;
pub mod observe;
pub mod plan;
pub mod runner;
pub mod shrink;

pub use check::{ClockBound, Judges, Options};
pub use engine::world::World;
pub use harness::{Storm, run_storms};
pub use observe::observer::Observer;
pub use observe::report::{Class, Report, Verdict, Violation};
pub use observe::{Fate, Observation, ObservationKind};
pub use plan::Plan;
pub use plan::judge_level::JudgeLevel;
pub use plan::server_set::{ServerIdx, ServerSet};
pub use wavetank_linear as linear;
