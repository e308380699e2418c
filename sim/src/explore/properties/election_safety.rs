//! At most one server leads a term.

use super::Stated;
use crate::check::election_safety::ElectionSafety;
use crate::slot::Slot;
use wavetank_raft::Term;

pub(crate) const STATED: Stated = Stated::of::<ElectionSafety>();

pub(crate) fn breach(first: Option<Slot>, (leader, term): (Slot, Term)) -> Option<String> {
    let first = first.filter(|first| *first != leader)?;
    Some(format!("{first} and {leader} both lead {term}"))
}
