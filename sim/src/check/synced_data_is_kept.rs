//! What reached the disk is there after a crash: only what was never reported durable may be
//! missing. A server that finds less has to stop, not to go on with less.

use super::{Check, Column};
use crate::ledger::step::Found;
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{HardState, LogId};

/// Synced data is kept (P5).
#[derive(Debug, Default)]
pub struct SyncedDataIsKept(u64);

/// What went missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lost {
    /// The end of the log.
    Tail {
        /// Whose.
        slot: Slot,
        /// Where it ended.
        kept: LogId,
        /// Where it ends.
        found: LogId,
    },
    /// The vote record.
    Vote {
        /// Whose.
        slot: Slot,
        /// What it was.
        kept: HardState,
        /// What it is.
        found: HardState,
    },
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tail { slot, kept, found } => {
                write!(f, "{slot} goes on with a log up to {found}; on its disk it went up to {kept}")
            }
            Self::Vote { slot, kept, found } => {
                write!(f, "{slot} goes on with {found:?}; on its disk was {kept:?}")
            }
        }
    }
}

/// What is missing of what was kept.
#[must_use]
pub fn judged(slot: Slot, found: &Found) -> Option<Lost> {
    let older = found.hard.term < found.kept.term;
    let unvoted = found.hard.term == found.kept.term && found.hard.vote != found.kept.vote;
    if older || unvoted && found.kept.vote.is_some() {
        return Some(Lost::Vote { slot, kept: found.kept, found: found.hard });
    }
    // A log that the snapshot contradicts goes with good reason.
    let there = found.last.index.max(found.snapshot.index);
    let lost = found.kept_fits && there < found.kept_last.index;
    lost.then_some(Lost::Tail { slot, kept: found.kept_last, found: found.last })
}

impl Check for SyncedDataIsKept {
    const NAME: &'static str = "synced_data_is_kept";
    const SECTION: &'static str = "thesis §3.8";
    const COLUMN: Column = Column::Steps;
    const WATCHES: Facts = Facts::BOOTED;
    type Breach = Lost;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Lost> {
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
    use crate::check::tale::{N1, N2, Tale};
    use wavetank_raft::{Index, Term};

    #[test]
    fn what_was_not_synced_may_go() {
        let mut tale = Tale::<SyncedDataIsKept>::three();
        tale.elect(N1, 2);
        tale.deliver(N1, N2, 0);
        tale.crash(N2);
        tale.boot(N2);
        tale.is_quiet();
    }

    #[test]
    fn what_was_synced_may_not() {
        let found = |last, fits| Found {
            last: LogId::new(Term(2), Index(last)),
            kept_last: LogId::new(Term(2), Index(9)),
            kept_fits: fits,
            ..Found::default()
        };
        assert_eq!(judged(N1, &found(9, true)), None);
        assert!(matches!(judged(N1, &found(8, true)), Some(Lost::Tail { .. })));
        assert_eq!(judged(N1, &found(8, false)), None, "the snapshot contradicts it");
    }

    #[test]
    fn nor_may_the_vote_record() {
        let found = |kept, hard| Found { kept, hard, ..Found::default() };
        let record = |term, vote: Option<Slot>| HardState { term: Term(term), vote: vote.map(Slot::node) };
        assert_eq!(judged(N1, &found(record(2, None), record(2, Some(N2)))), None);
        assert_eq!(judged(N1, &found(record(2, Some(N2)), record(3, None))), None);
        assert!(judged(N1, &found(record(2, Some(N2)), record(2, None))).is_some());
        assert!(judged(N1, &found(record(2, Some(N2)), record(1, Some(N2)))).is_some());
    }
}
