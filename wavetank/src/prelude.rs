//! The names that most services and their tests need: `use wavetank::prelude::*;`.

pub use wavetank_node::prelude::*;
pub use wavetank_sim::{Storm, run_storms};
