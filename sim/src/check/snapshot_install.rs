//! A snapshot from the leader takes the place of what it stands for, and of nothing else.

use super::{Check, Column};
use crate::ledger::step::Discarded;
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{Index, LogId, NodeId};

/// The install rule (S5).
#[derive(Debug, Default)]
pub struct SnapshotInstall(u64);

/// What an install did that it should not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misinstalled {
    /// It took entries that follow the snapshot's last one.
    Suffix {
        /// Whose.
        slot: Slot,
        /// The snapshot.
        snapshot: LogId,
        /// The log's end before.
        last: LogId,
    },
    /// It touched a vote of the same term.
    Vote {
        /// Whose.
        slot: Slot,
        /// The vote before.
        was: Option<NodeId>,
        /// The vote after.
        now: Option<NodeId>,
    },
    /// It put an older snapshot in the place of a newer one.
    Older {
        /// Whose.
        slot: Slot,
        /// The snapshot before.
        was: LogId,
        /// The snapshot after.
        now: LogId,
    },
    /// It left a log that does not follow the snapshot.
    Torn {
        /// Whose.
        slot: Slot,
        /// The snapshot.
        snapshot: LogId,
        /// The entry before the first of the log.
        base: LogId,
        /// The last entry of the log.
        last: LogId,
    },
    /// It took the applied index back.
    Applied {
        /// Whose.
        slot: Slot,
        /// The index before.
        was: Index,
        /// The index after.
        now: Index,
    },
}

impl fmt::Display for Misinstalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Suffix { slot, snapshot, last } => {
                write!(f, "{slot} had {snapshot} and installed a snapshot of it; the log up to {last} went")
            }
            Self::Vote { slot, was, now } => {
                write!(f, "a snapshot changed the vote of {slot} from {was:?} to {now:?}")
            }
            Self::Older { slot, was, now } => {
                write!(f, "{slot} had a snapshot of {was} and now has one of {now}")
            }
            Self::Torn { slot, snapshot, base, last } => {
                write!(f, "{slot} installed a snapshot of {snapshot}; its log is ({base}, {last}]")
            }
            Self::Applied { slot, was, now } => {
                write!(f, "a snapshot took the applied index of {slot} back from {was} to {now}")
            }
        }
    }
}

impl SnapshotInstall {
    fn installed(&mut self, ledger: &Ledger) -> Option<Misinstalled> {
        self.0 += 1;
        let (step, log) = (&ledger.step, &ledger.subject().log);
        let (slot, snapshot) = (step.slot, step.now.snapshot);
        let (base, last) = (log.base(), log.last());
        if step.was.term == step.now.term && step.was.vote != step.now.vote {
            return Some(Misinstalled::Vote { slot, was: step.was.vote, now: step.now.vote });
        }
        let follows = base.index <= snapshot.index && snapshot.index <= last.index;
        if !follows || !log.has(snapshot) {
            return Some(Misinstalled::Torn { slot, snapshot, base, last });
        }
        let (was, now) = (step.was.applied, step.now.applied);
        (now < was).then_some(Misinstalled::Applied { slot, was, now })
    }
}

impl Check for SnapshotInstall {
    const NAME: &'static str = "snapshot_install";
    const SECTION: &'static str = "thesis §5.1, figure 5.3";
    const COLUMN: Column = Column::Steps;
    const WATCHES: Facts = Facts::SNAPSHOT.or(Facts::COMPACTED);
    type Breach = Misinstalled;

    fn judge(&mut self, ledger: &Ledger, facts: Facts) -> Option<Misinstalled> {
        let step = &ledger.step;
        let slot = step.slot;
        if let Some(Discarded { snapshot, last, matched: true }) = step.discarded {
            return Some(Misinstalled::Suffix { slot, snapshot, last });
        }
        let (was, now) = (step.was.snapshot, step.now.snapshot);
        if now.index < was.index {
            return Some(Misinstalled::Older { slot, was, now });
        }
        if facts.touches(Facts::INSTALLED) { self.installed(ledger) } else { None }
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Posed, Tale};
    use wavetank_raft::{LogOp, Term};

    /// n3 has the log of an old leader up to 4; 3 is committed by the new one without it.
    fn tale() -> Tale<SnapshotInstall> {
        let mut tale = Tale::three();
        tale.settle(N1, 2);
        tale.propose(N1, 2);
        tale.replicate(N1, N3, 2);
        tale.replicate(N1, N2, 2);
        tale.commit(N1, 3);
        tale
    }

    fn at(posed: &mut Posed, snapshot: LogId) {
        posed.glimpse.snapshot = snapshot;
        posed.glimpse.commit = snapshot.index;
        posed.glimpse.applied = snapshot.index;
    }

    #[test]
    fn what_follows_the_snapshot_stays() {
        let snapshot = LogId::new(Term(2), Index(3));
        let mut tale = tale();
        tale.install(N3, snapshot, LogOp::Compact(Index(3)), |posed| at(posed, snapshot));
        tale.is_quiet();
    }

    #[test]
    fn what_follows_the_snapshot_does_not_go() {
        let snapshot = LogId::new(Term(2), Index(3));
        let mut tale = tale();
        tale.install(N3, snapshot, LogOp::Discard, |posed| at(posed, snapshot));
        tale.speaks("n3 had t2.i3 and installed a snapshot of it; the log up to t2.i4 went");
    }

    #[test]
    fn what_is_in_conflict_goes() {
        let snapshot = LogId::new(Term(3), Index(3));
        let mut right = tale();
        right.install(N3, snapshot, LogOp::Discard, |posed| {
            at(posed, snapshot);
            posed.glimpse.last = snapshot;
        });
        right.is_quiet();

        let mut wrong = tale();
        wrong.install(N3, snapshot, LogOp::Compact(Index(3)), |posed| at(posed, snapshot));
        wrong.speaks("n3 installed a snapshot of t3.i3; its log is (t2.i3, t2.i4]");
    }

    #[test]
    fn vote_and_position_stay() {
        let snapshot = LogId::new(Term(2), Index(3));
        let mut vote = tale();
        vote.install(N3, snapshot, LogOp::Compact(Index(3)), |posed| {
            at(posed, snapshot);
            posed.glimpse.vote = None;
        });
        vote.speaks("a snapshot changed the vote of n3 from Some(n1) to None");

        let mut older = tale();
        older.pose(N3, |posed| at(posed, snapshot));
        older.pose(N3, |posed| at(posed, LogId::new(Term(2), Index(2))));
        older.speaks("n3 had a snapshot of t2.i3 and now has one of t2.i2");
    }
}
