//! The names that most services and the tests of these services need: `use wavetank::prelude::*;`.

pub use wavetank_machine::{Replicated, StateMachine};
pub use wavetank_node::prelude::*;
#[cfg(feature = "storms")]
pub use wavetank_sim::harness::storms::Storms;
#[cfg(feature = "storms")]
pub use wavetank_sim::harness::story::Story;
pub use wavetank_sim::{Storm, run_storms};
