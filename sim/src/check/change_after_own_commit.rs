//! A leader changes the membership only after it has committed an entry of its own term (found
//! missing in the thesis by its author in 2015).

use super::{Check, Column};
use crate::ledger::{Facts, Ledger, Placed};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{LogId, Term};

/// Own-term commit first (M4).
#[derive(Debug, Default)]
pub struct ChangeAfterOwnCommit(u64);

/// A change too early in a reign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooSoon {
    /// Who leads.
    pub leader: Slot,
    /// In this term.
    pub term: Term,
    /// The change.
    pub change: Placed,
    /// The last entry it has committed.
    pub commit: LogId,
}

impl fmt::Display for TooSoon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { leader, term, change, commit } = self;
        write!(f, "{leader}, leader of {term}, appended {change} and had committed only up to {commit}")
    }
}

impl Check for ChangeAfterOwnCommit {
    const NAME: &'static str = "change_after_own_commit";
    const SECTION: &'static str = "thesis §4.1, Ongaro 2015";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::CHANGED;
    type Breach = TooSoon;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<TooSoon> {
        let step = &ledger.step;
        let (_, change) = *step.changed.first()?;
        let commit = LogId::new(ledger.subject().log.link(step.now.commit)?.term, step.now.commit);
        self.0 += 1;
        let term = step.now.term;
        (commit.term != term).then_some(TooSoon { leader: step.slot, term, change, commit })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, Tale, voters};
    use wavetank_raft::Payload;

    #[test]
    fn after_its_first_entry_is_committed() {
        let mut tale = Tale::<ChangeAfterOwnCommit>::three();
        tale.settle(N1, 2);
        tale.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        tale.is_quiet();
    }

    #[test]
    fn not_before() {
        let mut tale = Tale::<ChangeAfterOwnCommit>::three();
        tale.settle(N1, 2);
        tale.elect(N2, 3);
        tale.append(N2, vec![Payload::Configuration(voters(&[N1, N2]))]);
        tale.speaks("n2, leader of t3, appended n1 n2 at i4 and had committed only up to t2.i2");
    }
}
