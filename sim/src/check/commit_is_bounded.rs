//! A commit index lies within the log, never falls while a server runs, and never starts below
//! its snapshot.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::Index;

/// Commit is bounded and monotonic (C1).
#[derive(Debug, Default)]
pub struct CommitIsBounded(u64);

/// A commit index that cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unbounded {
    /// It fell.
    Fell {
        /// Whose.
        slot: Slot,
        /// From here.
        was: Index,
        /// To here.
        now: Index,
    },
    /// It is beyond the log.
    Beyond {
        /// Whose.
        slot: Slot,
        /// The index.
        commit: Index,
        /// Where the log ends.
        last: Index,
    },
    /// It starts below the snapshot.
    Below {
        /// Whose.
        slot: Slot,
        /// The index.
        commit: Index,
        /// The snapshot's.
        snapshot: Index,
    },
}

impl fmt::Display for Unbounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fell { slot, was, now } => write!(f, "{slot} took its commit index back from {was} to {now}"),
            Self::Beyond { slot, commit, last } => {
                write!(f, "{slot} has committed {commit}, but its log ends at {last}")
            }
            Self::Below { slot, commit, snapshot } => {
                write!(f, "{slot} starts with commit index {commit} and a snapshot of {snapshot}")
            }
        }
    }
}

impl Check for CommitIsBounded {
    const NAME: &'static str = "commit_is_bounded";
    const SECTION: &'static str = "thesis §3.5";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::COMMIT.or(Facts::COMMIT_ODD).or(Facts::BOOTED);
    type Breach = Unbounded;

    fn judge(&mut self, ledger: &Ledger, facts: Facts) -> Option<Unbounded> {
        self.0 += 1;
        let step = &ledger.step;
        let (slot, commit, last) = (step.slot, step.now.commit, step.now.last.index);
        if facts.touches(Facts::BOOTED) && commit < step.now.snapshot.index {
            return Some(Unbounded::Below { slot, commit, snapshot: step.now.snapshot.index });
        }
        if last < commit {
            return Some(Unbounded::Beyond { slot, commit, last });
        }
        let was = step.was.commit;
        (commit < was).then_some(Unbounded::Fell { slot, was, now: commit })
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
    fn it_rises_and_a_crash_forgets_it() {
        let mut tale = Tale::<CommitIsBounded>::three();
        tale.settle(N1, 2);
        tale.crash(N2);
        tale.boot(N2);
        tale.commit(N2, 1);
        tale.is_quiet();
    }

    #[test]
    fn it_does_not_fall() {
        let mut tale = Tale::<CommitIsBounded>::three();
        tale.settle(N1, 2);
        tale.commit(N1, 1);
        tale.speaks("n1 took its commit index back from i2 to i1");
    }

    #[test]
    fn it_is_within_the_log() {
        let mut tale = Tale::<CommitIsBounded>::three();
        tale.settle(N1, 2);
        tale.commit(N2, 3);
        tale.speaks("n2 has committed i3, but its log ends at i2");
    }
}
