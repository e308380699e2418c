//! Stories with seeds, the storm, and the `wavetank` command that plays them.
//!
//! The stories are in their chapters and are listed once, in [`registry`]. The wall clock and
//! threads are used in [`cli`] alone: a run knows neither.

pub mod cli;
pub mod registry;
pub mod words;

pub mod chronicle;
pub mod crashes;
pub mod disks;
pub mod elections;
pub mod membership;
pub mod partitions;
pub mod reads;
pub mod recovery;
pub mod replication;
pub mod snapshots;
pub mod storms;
pub mod transfers;
pub mod upheavals;
mod watchers;

pub use registry::{Chapter, Play, Scenario};
pub use watchers::{Trace, TraceForm};
