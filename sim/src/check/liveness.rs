//! Checks of liveness: calls are answered, and a cluster makes progress after all faults have ended.

pub(crate) mod every_call_ends;
pub mod progress;
