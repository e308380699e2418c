//! The forms in which a run can be written down.

/// How much of a run is written down. The run is the same, whatever is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TraceForm {
    /// Who led, what was committed, what broke: no times.
    Story,
    /// A line for every event.
    Full,
    /// A JSON object for every event, one a line.
    Json,
    /// What every server came to be, step by step, in a few letters each.
    Course,
    /// What led to a step, and nothing else.
    Past(u64),
    /// A page to look at in a browser.
    Page,
    /// Another form, up to a step.
    Cut(&'static Self, u64),
    /// Nothing.
    None,
}
