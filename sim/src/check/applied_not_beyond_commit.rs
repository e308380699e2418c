//! Only committed entries are applied, each once, in order, without a gap.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::Index;

/// Applied is not beyond commit (C2).
#[derive(Debug, Default)]
pub struct AppliedNotBeyondCommit(u64);

/// Entries that were applied as they should not be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misapplied {
    /// Beyond the commit index.
    Beyond {
        /// By whom.
        slot: Slot,
        /// The last of them.
        index: Index,
        /// The commit index.
        commit: Index,
    },
    /// Not where the ones before ended.
    Jump {
        /// By whom.
        slot: Slot,
        /// The first of them.
        first: Index,
        /// The last one before.
        before: Index,
    },
    /// The applied index fell.
    Fell {
        /// Whose.
        slot: Slot,
        /// From here.
        was: Index,
        /// To here.
        now: Index,
    },
}

impl fmt::Display for Misapplied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beyond { slot, index, commit } => {
                write!(f, "{slot} applies up to {index}, but has committed only {commit}")
            }
            Self::Jump { slot, first, before } => write!(f, "{slot} applies {first} after {before}"),
            Self::Fell { slot, was, now } => {
                write!(f, "{slot} took its applied index back from {was} to {now}")
            }
        }
    }
}

/// What is wrong with entries that follow those up to `before`, if only `commit` is committed.
#[must_use]
pub fn judged(slot: Slot, (first, last, before): (Index, Index, Index), commit: Index) -> Option<Misapplied> {
    if commit < last {
        return Some(Misapplied::Beyond { slot, index: last, commit });
    }
    (first != before.next()).then_some(Misapplied::Jump { slot, first, before })
}

impl Check for AppliedNotBeyondCommit {
    const NAME: &'static str = "applied_not_beyond_commit";
    const SECTION: &'static str = "thesis §3.5";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::APPLY.or(Facts::APPLY_ODD).or(Facts::HANDED).or(Facts::APPLIED);
    type Breach = Misapplied;

    fn judge(&mut self, ledger: &Ledger, facts: Facts) -> Option<Misapplied> {
        self.0 += 1;
        let step = &ledger.step;
        let slot = step.slot;
        if facts.touches(Facts::APPLIED) {
            // The state machine works on its own: what it was handed was committed then.
            return judged(slot, step.machine?, Index(u64::MAX));
        }
        let (was, now, commit) = (step.was.applied, step.now.applied, step.now.commit);
        if now < was {
            return Some(Misapplied::Fell { slot, was, now });
        }
        if commit < now {
            return Some(Misapplied::Beyond { slot, index: now, commit });
        }
        judged(slot, step.handed?, commit)
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, Tale};
    use wavetank_raft::{Action, Batch, Event};

    fn hand(tale: &mut Tale<AppliedNotBeyondCommit>, first: usize, last: usize) {
        let entries = tale.posed(N1).entries[first - 1..last].to_vec();
        tale.step(N1, &Event::Timer, |_| {}, vec![Action::Apply(Batch { entries })]);
    }

    fn tale() -> Tale<AppliedNotBeyondCommit> {
        let mut tale = Tale::three();
        tale.settle(N1, 2);
        tale.propose(N1, 4);
        tale
    }

    #[test]
    fn in_order_and_committed() {
        let mut tale = tale();
        hand(&mut tale, 1, 2);
        tale.pose(N1, |posed| posed.glimpse.applied = Index(2));
        tale.is_quiet();
    }

    #[test]
    fn not_before_the_commit() {
        let mut tale = tale();
        hand(&mut tale, 1, 3);
        tale.speaks("n1 applies up to i3, but has committed only i2");
    }

    #[test]
    fn not_twice_and_not_with_a_gap() {
        let mut twice = tale();
        hand(&mut twice, 1, 2);
        hand(&mut twice, 2, 2);
        twice.speaks("n1 applies i2 after i2");

        let mut gap = tale();
        hand(&mut gap, 2, 2);
        gap.speaks("n1 applies i2 after i0");
    }

    #[test]
    fn the_applied_index_stays_within() {
        let mut tale = tale();
        tale.pose(N1, |posed| posed.glimpse.applied = Index(3));
        tale.speaks("n1 applies up to i3, but has committed only i2");
    }
}
