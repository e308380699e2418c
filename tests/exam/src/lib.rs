//! The exam of planted bugs, without its command line.
//!
//! A [`Bug`] is a patch in `patches/` with a few lines at its head. The exam plants it in a
//! [`WorkingCopy`] of the workspace, so that the shipped code has no switch for it. A [`Sweep`] runs
//! storms until a judge finds a violation. The result is an [`Outcome`]. [`SavedOutcomes`] keep it, so
//! that an exam can be interrupted. The failing run can be [`Shrunk`].
//!
//! The exam reaches the judges and the code under test only through the `wavetank` command: this crate
//! depends on neither.

mod bug;
mod outcome;
mod saved_outcomes;
mod shrunk;
mod sweep;
mod working_copy;

pub use bug::{Bug, Within};
pub use outcome::{Hits, Outcome, Spread};
pub use saved_outcomes::SavedOutcomes;
pub use shrunk::Shrunk;
pub use sweep::{Found, Range, Sweep};
pub use working_copy::WorkingCopy;

/// Computes FNV-1a over the parts, with a zero byte after each part.
pub fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let bytes = parts.into_iter().flat_map(|part| part.iter().copied().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
