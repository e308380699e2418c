//! Traces show the observations of a run in several forms, for people to read. The simulator never reads a
//! trace.
//!
//! A [`Story`] shows leaders and committed entries without times. Tests compare a story with a stored text. A
//! [`Full`] trace has a line for every event and action. A [`Json`] trace has the same data as a full trace,
//! for tools, with one value per line. A [`Page`] shows a run in a browser. A [`Causes`] trace shows the
//! steps that led to one step.

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
pub use story::{Story, WHEN_WIDTH, last_lines, last_of_lines, violation};

use crate::observe::observer::Observer;
use std::fmt;

/// A function that returns a command of a state machine as text, for example `put k4 = "v2"`. The function
/// returns `None` if the bytes are not such a command.
pub type CommandText = fn(&[u8]) -> Option<String>;

/// The function for the commands of an unknown state machine. The function always returns `None`, so a trace
/// shows the bytes of a command.
pub(crate) const UNKNOWN: CommandText = |_| None;

/// A trace whose result is text.
pub trait TextTrace: Observer + fmt::Debug {
    /// Removes and returns the text that was written so far.
    fn take(&mut self) -> String;
}
