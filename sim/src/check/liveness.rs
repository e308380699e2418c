//! Checks of liveness: calls are answered, and the cluster makes progress after all faults have ended.

pub(crate) mod every_call_ends;
pub mod progress;
