//! What most services and their tests import: `use wavetank::prelude::*;`.

pub use wavetank_node::prelude::*;
pub use wavetank_sim::{Storm, run_storms};
