//! The exam of planted bugs, but for its command line.
//!
//! A bug is a patch in `patches/` with a few lines at its head ([`Bug`]). It is planted in a copy
//! of the workspace ([`Workshop`]), so that the shipped code has no switch for it, and then storms
//! are played until a judge speaks ([`Sitting`]). What came of it is an [`Outcome`], which is [`Kept`],
//! so that an exam can be interrupted; the run that showed it can be made [`Smaller`].
//!
//! The judges and the code under test are reached by the `wavetank` command alone: this crate
//! depends on none of them.

mod bug;
mod kept;
mod outcome;
mod sitting;
mod smaller;
mod workshop;

pub use bug::{Bug, Within};
pub use kept::Kept;
pub use outcome::{Hits, Outcome, Spread};
pub use sitting::{Found, Range, Sitting};
pub use smaller::Smaller;
pub use workshop::Workshop;

/// FNV-1a over the parts, and where they part.
pub fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let bytes = parts.into_iter().flat_map(|part| part.iter().copied().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
