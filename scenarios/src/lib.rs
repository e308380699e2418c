//! Stories with seeds, the storm, and the `wavetank` command that plays them.
//!
//! The stories are in their chapters and are listed once, in [`registry`]. The wall clock and
//! threads are used in [`cli`] alone: a run knows neither.

pub mod chronicle;
pub mod cli;
pub mod dsl;
pub mod registry;
pub mod stories;
mod watchers;

pub use registry::{Chapter, Play, Scenario};
pub use watchers::TraceForm;
