//! What must happen in time: answers to calls, and progress of a healed cluster.

pub(crate) mod every_call_ends;
pub mod progress;
