//! The exam of planted bugs, but for its command line.
//!
//! A bug is a patch in this folder with a few lines at its head ([`Bug`]). It is planted in a copy
//! of the workspace ([`Workshop`]), so that the shipped code has no switch for it, and then storms
//! are played until a judge speaks ([`Sitting`]). What came of it is an [`Outcome`].
//!
//! The judges and the code under test are reached by the `wavetank` command alone: this crate
//! depends on none of them.

mod bug;
mod outcome;
mod sitting;
mod workshop;

pub use bug::{Bug, Within};
pub use outcome::{Outcome, Spread};
pub use sitting::{Found, Range, Sitting};
pub use workshop::Workshop;
