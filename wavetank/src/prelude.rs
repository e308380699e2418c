//! The names that most services and the tests of these services need: `use wavetank::prelude::*;`.

pub use wavetank_node::prelude::*;
pub use wavetank_sim::{Storm, run_storms};
