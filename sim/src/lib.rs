//! A deterministic simulation of Raft clusters: one thread, one virtual clock, one seed.
//!
//! The world runs a cluster. Faults disturb the cluster. Checks verify the properties of Raft. Traces print
//! the events of a run. Checks and traces read a run only as [`Observation`]s.
//!
//! Begin with three items. A [`Plan`] determines a run. A [`World`] executes the run of a plan.
//! [`run_storms`] runs one storm for each seed. A storm is a run whose plan is drawn from the seed.

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
