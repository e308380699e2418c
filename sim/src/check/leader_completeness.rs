//! Leader Completeness: what was committed in a term is in the logs of the leaders of all later
//! terms.
//!
//! What is declared committed in the leader's own term or later is exempt: a leader that comes
//! late, with the votes of an older term, may well lack it.

use super::{Check, Column};
use crate::ledger::{Committed, Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{Index, LogId, Term};

/// Leader Completeness (L3).
#[derive(Debug, Default)]
pub struct LeaderCompleteness(u64);

/// A leader that lacks a committed entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Incomplete {
    /// Who leads.
    pub leader: Slot,
    /// In this term.
    pub term: Term,
    /// The entry's place.
    pub index: Index,
    /// What was committed there.
    pub committed: Committed,
    /// Where the leader's log ends.
    pub last: LogId,
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { leader, term, index, committed, last } = self;
        let Committed { link, term: declared, by } = committed;
        let id = LogId::new(link.term, *index);
        write!(f, "{leader} leads {term} with a log that ends at {last}, without {id}, ")?;
        write!(f, "which {by} declared committed in {declared}")
    }
}

impl Check for LeaderCompleteness {
    const NAME: &'static str = "leader_completeness";
    const SECTION: &'static str = "thesis §3.6.3";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::LEADS;
    type Breach = Incomplete;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Incomplete> {
        let step = &ledger.step;
        let index = ledger.history.committed_before(step.now.term);
        let committed = ledger.history.at(index)?;
        self.0 += 1;
        (!ledger.subject().holds(index, committed.link)).then_some(Incomplete {
            leader: step.slot,
            term: step.now.term,
            index,
            committed,
            last: step.was.last,
        })
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
    fn a_leader_with_everything() {
        let mut tale = Tale::<LeaderCompleteness>::three();
        tale.settle(N1, 2);
        tale.settle(N2, 3);
        tale.is_quiet();
    }

    #[test]
    fn a_leader_without_a_committed_entry() {
        let mut tale = Tale::<LeaderCompleteness>::three();
        tale.elect(N1, 2);
        tale.replicate(N1, N2, 0);
        tale.commit(N1, 2);
        tale.usurp(N3, 3);
        tale.speaks("n3 leads t3 with a log that ends at t1.i1, without t2.i2, which n1 declared committed in t2");
    }

    #[test]
    fn a_late_leader_of_an_older_term_may_lack_what_a_newer_one_committed() {
        let mut tale = Tale::<LeaderCompleteness>::three();
        tale.settle(N2, 2);
        tale.elect(N1, 4);
        tale.replicate(N1, N2, 1);
        tale.commit(N1, 3);
        tale.usurp(N3, 3);
        tale.is_quiet();
    }
}
