//! Election Safety: a term has at most one leader.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::Term;

/// Election Safety (T5).
#[derive(Debug, Default)]
pub struct ElectionSafety(u64);

/// A second leader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TwoLeaders {
    /// The term.
    pub term: Term,
    /// Who led it first.
    pub first: Slot,
    /// Who leads it now.
    pub second: Slot,
}

impl fmt::Display for TwoLeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {} both lead {}", self.first, self.second, self.term)
    }
}

impl Check for ElectionSafety {
    const NAME: &'static str = "election_safety";
    const SECTION: &'static str = "thesis §3.4";
    const COLUMN: Column = Column::Outcomes;
    const WATCHES: Facts = Facts::LEADS;
    type Breach = TwoLeaders;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<TwoLeaders> {
        self.0 += 1;
        let step = &ledger.step;
        let first = step.two_leaders?;
        Some(TwoLeaders { term: step.now.term, first, second: step.slot })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale};

    #[test]
    fn one_leader_a_term_is_legal() {
        let mut tale = Tale::<ElectionSafety>::three();
        tale.elect(N1, 2);
        tale.elect(N2, 3);
        tale.is_quiet();
    }

    #[test]
    fn two_leaders_of_a_term_are_not() {
        let mut tale = Tale::<ElectionSafety>::three();
        tale.elect(N1, 2);
        tale.usurp(N3, 2);
        tale.speaks("n1 and n3 both lead t2");
    }
}
