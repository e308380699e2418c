//! A deterministic simulation of Raft clusters: one thread, one virtual clock, one seed.
//!
//! The world changes the state of a cluster. Faults decide what goes wrong. Checks verify properties.
//! Traces print events. These parts share only [`Observation`].
//!
//! Begin with three items: [`Plan`] determines a run, [`World`] executes it, and [`run_storms`] draws plans
//! from seeds and runs them.

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
pub mod schedule;
pub mod shrink;
pub mod subject;

pub use check::{ClockBound, Judges, Options};
pub use engine::world::World;
pub use harness::{Storm, run_storms};
pub use observe::observer::Observer;
pub use observe::report::{Class, Report, Verdict, Violation};
pub use observe::{Fate, Observation, ObservationKind};
pub use plan::Plan;
pub use plan::judge_level::JudgeLevel;
pub use plan::server_set::{ServerIdx, ServerSet};
pub use subject::{Either, Exclusion, Parts, Protocol, Start, Subject, View};
pub use wavetank_linear as linear;
