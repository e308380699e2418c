//! What the tests and the fuzz targets share: bytes that become input for one thing each, and judges
//! of what it makes of them.

mod decisions;
pub mod one_capsule;
pub mod one_history;
pub mod one_message;
pub mod one_node;
pub mod one_storm;
