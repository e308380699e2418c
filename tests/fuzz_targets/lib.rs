//! What the tests and the fuzz targets share: bytes that become input for one thing each, and judges
//! of what it makes of them.

pub mod capsule;
mod decisions;
pub mod history;
pub mod step;
pub mod storm;
pub mod wire;
