//! Traces: the same observations in several forms, for people. The simulator never reads them.
//!
//! A [`Story`] says who led and what was committed, without times, and is what tests bless. A
//! [`Full`] trace has a line for every event and action. [`Json`] has the same, a value per line,
//! for tools that look at runs.
//! A [`Page`] is for a browser, and a [`Causes`] shows what led to one step.

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

/// A trace whose result is text.
pub trait TextTrace: Observer + fmt::Debug {
    /// Removes and returns the text so far.
    fn take(&mut self) -> String;
}
