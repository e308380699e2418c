//! Who comes back stands by what it said before: its term, its vote, its part in every commit.

use super::{Check, Column};
use crate::ledger::step::Found;
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{HardState, Index, LogId, Term};

/// Recovery covers exposure (P2).
#[derive(Debug, Default)]
pub struct RecoveryCoversExposure(u64);

/// What was promised and did not come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// The term.
    Term {
        /// Whose.
        slot: Slot,
        /// What it had told.
        exposed: Term,
        /// What it found.
        found: HardState,
    },
    /// The vote.
    Vote {
        /// Whose.
        slot: Slot,
        /// For whom it had voted.
        voted: Slot,
        /// What it found.
        found: HardState,
    },
    /// Entries that were committed with its help.
    Committed {
        /// Whose.
        slot: Slot,
        /// Up to here they were committed, and on its disk.
        committed: Index,
        /// Where the log ends that it found.
        last: LogId,
    },
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Term { slot, exposed, found } => {
                write!(f, "{slot} comes back at {}, and had told others of {exposed}", found.term)
            }
            Self::Vote { slot, voted, found } => {
                write!(f, "{slot} comes back at {} and has forgotten its vote for {voted}", found.term)
            }
            Self::Committed { slot, committed, last } => {
                write!(f, "{slot} comes back with a log up to {last}; committed, and on its disk, was {committed}")
            }
        }
    }
}

/// What a server that comes back owes.
#[must_use]
pub fn judged(slot: Slot, found: &Found) -> Option<Broken> {
    if found.hard.term < found.exposed {
        return Some(Broken::Term { slot, exposed: found.exposed, found: found.hard });
    }
    if let Some(voted) = found.voted
        && found.hard.vote != Some(voted.node())
    {
        return Some(Broken::Vote { slot, voted, found: found.hard });
    }
    let committed = found.kept_committed;
    let there = found.last.index.max(found.snapshot.index);
    (there < committed).then_some(Broken::Committed { slot, committed, last: found.last })
}

impl Check for RecoveryCoversExposure {
    const NAME: &'static str = "recovery_covers_exposure";
    const SECTION: &'static str = "thesis §3.8";
    const COLUMN: Column = Column::Steps;
    const WATCHES: Facts = Facts::BOOTED;
    type Breach = Broken;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Broken> {
        let found = &ledger.step.found;
        if !found.returning {
            return None;
        }
        self.0 += 1;
        judged(ledger.step.slot, found)
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
    fn all_is_there() {
        let mut tale = Tale::<RecoveryCoversExposure>::three();
        tale.settle(N1, 2);
        tale.crash(N2);
        tale.boot(N2);
        tale.is_quiet();
    }

    #[test]
    fn the_vote_is_there() {
        let mut tale = Tale::<RecoveryCoversExposure>::three();
        tale.elect(N1, 2);
        tale.crash(N3);
        tale.boot_with_vote(N3, 2, None);
        tale.speaks("n3 comes back at t2 and has forgotten its vote for n1");
    }

    #[test]
    fn the_term_is_there() {
        let mut tale = Tale::<RecoveryCoversExposure>::three();
        tale.elect(N1, 2);
        tale.crash(N3);
        tale.boot_with_vote(N3, 1, None);
        tale.speaks("n3 comes back at t1, and had told others of t2");
    }

    #[test]
    fn its_part_in_a_commit_is_there() {
        let found = |last, snapshot| Found {
            hard: HardState { term: Term(2), vote: None },
            last: LogId::new(Term(2), Index(last)),
            snapshot: LogId::new(Term(2), Index(snapshot)),
            kept_committed: Index(6),
            exposed: Term(2),
            ..Found::default()
        };
        assert_eq!(judged(N1, &found(6, 0)), None, "what was not committed may be missing");
        assert!(matches!(judged(N1, &found(5, 0)), Some(Broken::Committed { .. })));
        assert_eq!(judged(N1, &found(0, 7)), None, "a snapshot stands for it");
    }
}
