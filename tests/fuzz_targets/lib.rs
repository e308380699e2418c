//! The functions that tests and fuzz targets share. Each turns bytes into input for one part of the
//! system, and asserts the properties of the result.

pub mod capsule;
#[path = "../../raft/tests/it/decisions.rs"]
mod decisions;
pub mod history;
#[path = "../../raft/tests/it/step.rs"]
pub mod step;
pub mod storm;
pub mod wire;
