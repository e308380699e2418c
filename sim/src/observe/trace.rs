//! Traces: the same observations in three forms, for people. Never read by anything.
//!
//! A [`Story`] says who led and what was committed, without times, and is what tests bless. A
//! [`Full`] trace has a line for every event and action. [`Json`] has the same, a value per line,
//! for tools that look at runs.
//! A [`Page`] is for a browser, and a [`Causes`] tells what led to one step.

mod display;
mod full;
mod json;
mod page;
mod past;
mod story;

pub(crate) use display::message;
pub use full::Full;
pub use json::Json;
pub use page::Page;
pub use past::Causes;
pub use story::{Story, last_lines};

use crate::observe::observer::Observer;
use std::fmt;

/// A trace that is text in the end.
pub trait TextTrace: Observer + fmt::Debug {
    /// Takes out the text so far.
    fn take(&mut self) -> String;
}
