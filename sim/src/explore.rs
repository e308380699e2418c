//! Every schedule there is, within bounds, of the very same `Node::step`.
//!
//! Where to read first: [`Bounds`] (what may happen), [`local`] (a server and its steps), [`model`]
//! (each of them made once), [`search`] (breadth first). What must hold is in [`properties`]; what is
//! boot_from is a [`Schedule`], which is played again, with whole servers, for whoever wants to see it.
//!
//! Not in the room: threads and the wall clock. Whoever has them lends [`Executor`].

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
