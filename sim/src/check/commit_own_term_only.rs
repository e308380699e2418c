//! A leader commits by counting only entries of its own term; older ones come along.

use super::committed_is_durable_on_quorum::counted;
use super::{Check, Column};
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{LogId, Term};

/// The commit rule (C5).
#[derive(Debug, Default)]
pub struct CommitOwnTermOnly(u64);

/// An old entry that was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OldCounted {
    /// Who leads.
    pub leader: Slot,
    /// In this term.
    pub term: Term,
    /// The entry.
    pub entry: LogId,
}

impl fmt::Display for OldCounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, leader of {}, committed {} by counting", self.leader, self.term, self.entry)
    }
}

impl Check for CommitOwnTermOnly {
    const NAME: &'static str = "commit_own_term_only";
    const SECTION: &'static str = "thesis §3.6.2";
    const COLUMN: Column = Column::Steps;
    const WATCHES: Facts = Facts::COMMIT;
    type Breach = OldCounted;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<OldCounted> {
        let step = &ledger.step;
        if !counted(step) {
            return None;
        }
        self.0 += 1;
        let (leader, term, commit) = (step.slot, step.now.term, step.now.commit);
        let entry = LogId::new(ledger.subject().log.link(commit)?.term, commit);
        (entry.term != term).then_some(OldCounted { leader, term, entry })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, Tale};

    #[test]
    fn an_own_entry_takes_the_old_ones_along() {
        let mut tale = Tale::<CommitOwnTermOnly>::three();
        tale.elect(N1, 2);
        tale.propose(N1, 2);
        tale.replicate(N1, N2, 0);
        tale.elect(N2, 3);
        tale.replicate(N2, N1, 4);
        tale.commit(N2, 5);
        tale.commit(N1, 5);
        tale.is_quiet();
    }

    #[test]
    fn an_old_entry_is_not_counted() {
        let mut tale = Tale::<CommitOwnTermOnly>::three();
        tale.elect(N1, 2);
        tale.replicate(N1, N2, 0);
        tale.elect(N2, 3);
        tale.commit(N2, 2);
        tale.speaks("n2, leader of t3, committed t2.i2 by counting");
    }
}
