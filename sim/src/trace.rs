//! Traces: the same observations in three forms, for people. Never read by anything.
//!
//! A [`Story`] says who led and what was committed, without times, and is what tests bless. A
//! [`Full`] trace has a line for every event and action. [`Json`] has the same, a value per line,
//! for tools that look at runs.

mod full;
mod json;
mod story;
mod words;

pub use full::Full;
pub use json::Json;
pub use story::Story;
