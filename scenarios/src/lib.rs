//! Stories and storms, and the `wavetank` command that runs them.
//!
//! The stories are in the chapters of [`stories`]. The stories use the functions of [`dsl`], and [`registry`]
//! lists the stories. Only [`cli`] uses the wall clock and threads. The clock and the threads cannot affect a
//! run.

pub mod cli;
pub mod command_log;
pub mod dsl;
pub mod registry;
pub mod stories;
mod trace;

pub use cli::subject_main;
pub use registry::{Chapter, Play, Scenario, SubjectOption, Suite};
pub use trace::{Trace, TraceForm, TraceText};
