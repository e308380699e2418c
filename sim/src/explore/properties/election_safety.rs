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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::cast::{N1, N3, says};

    #[test]
    fn a_term_has_one_leader() {
        let t2 = Term(2);
        says(&[
            ("the first of its term", breach(None, (N1, t2)), None),
            ("the same again", breach(Some(N1), (N1, t2)), None),
            ("another", breach(Some(N1), (N3, t2)), Some("n1 and n3 both lead t2")),
        ]);
    }
}
