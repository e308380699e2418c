//! Bounded exploration tries every schedule within given bounds. Each step runs the same `Node::step` as a
//! real server.
//!
//! The main parts are [`Bounds`] (the events that may happen), [`server_state`] (one server and its steps),
//! [`transition_cache`] (each step, computed once) and [`search`] (breadth first). The properties that no
//! schedule may break are in [`properties`]. If a schedule breaks a property, the search returns this
//! [`Schedule`]. [`player`] runs the schedule with whole servers.
//!
//! This module uses no threads and no wall clock. The caller provides threads through [`Executor`].

pub mod call_id;
pub mod call_table;
pub mod history_vars;
pub mod server_state;

pub mod bounds;
pub mod clock;
pub mod disk;
pub mod expand;
pub mod fingerprint;

pub mod player;
pub mod properties;
pub mod schedule;
pub mod search;
pub mod state;
pub mod stimulus;
pub mod table;
pub mod transition_cache;

pub use bounds::{Bounds, DiskModel};
pub use expand::Expansion;
pub use schedule::{Schedule, Step};
pub use search::{Executor, Reductions, Search, SearchOutcome, SearchStats, SingleThread};
