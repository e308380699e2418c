//! Log Matching: if two logs hold an entry of the same index and term, they are the same up to it.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{LogId, Term};

/// Log Matching (L2).
#[derive(Debug, Default)]
pub struct LogMatching(u64);

/// Logs that do not match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mismatch {
    /// Two prefixes of one name.
    Twins {
        /// The name.
        id: LogId,
        /// Who had it first.
        first: Slot,
        /// Who has another one.
        second: Slot,
    },
    /// An entry that does not follow the last one.
    Hole {
        /// Whose.
        slot: Slot,
        /// The entry.
        entry: LogId,
        /// The last one.
        last: LogId,
    },
    /// An entry of an older term than the one before it.
    Backwards {
        /// Whose.
        slot: Slot,
        /// The entry.
        entry: LogId,
        /// The term before.
        before: Term,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twins { id, first, second } => {
                write!(f, "{first} and {second} both have {id}, but not the same log up to it")
            }
            Self::Hole { slot, entry, last } => write!(f, "{slot} appended {entry} after {last}"),
            Self::Backwards { slot, entry, before } => {
                write!(f, "{slot} appended {entry} after an entry of {before}")
            }
        }
    }
}

impl Check for LogMatching {
    const NAME: &'static str = "log_matching";
    const SECTION: &'static str = "thesis §3.5";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::APPENDED.or(Facts::BOOTED);
    type Breach = Mismatch;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Mismatch> {
        self.0 += 1;
        let step = &ledger.step;
        let (slot, log) = (step.slot, &ledger.subject().log);
        if let Some(entry) = step.hole {
            return Some(Mismatch::Hole { slot, entry, last: log.last() });
        }
        if let Some((index, head)) = step.twin {
            let id = LogId::new(head.link.term, index);
            return Some(Mismatch::Twins { id, first: head.by, second: slot });
        }
        let (first, _) = step.appended?;
        let (before, entry) = (log.link(first.back())?, log.link(first)?);
        let id = LogId::new(entry.term, first);
        (entry.term < before.term).then_some(Mismatch::Backwards { slot, entry: id, before: before.term })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale};
    use wavetank_raft::{Entry, Event, Index, LogOp, Payload};

    fn append(tale: &mut Tale<LogMatching>, term: u64, index: u64) {
        let entry = Entry::new(Term(term), Index(index), Payload::Barrier);
        let write = tale.write(None, LogOp::Append([entry].into()));
        tale.step(N3, &Event::Timer, |_| {}, vec![write]);
    }

    #[test]
    fn conflicts_in_other_terms_are_legal() {
        let mut tale = Tale::<LogMatching>::three();
        tale.elect(N1, 2);
        tale.propose(N1, 3);
        tale.elect(N2, 3);
        tale.propose(N2, 3);
        tale.replicate(N2, N1, 1);
        tale.is_quiet();
    }

    #[test]
    fn one_name_is_one_log() {
        let mut tale = Tale::<LogMatching>::three();
        tale.elect(N1, 2);
        append(&mut tale, 2, 2);
        tale.speaks("n1 and n3 both have t2.i2, but not the same log");
    }

    #[test]
    fn the_same_entry_after_another_is_another_log() {
        let mut tale = Tale::<LogMatching>::three();
        tale.elect(N1, 2);
        tale.append(N1, vec![Payload::Barrier]);
        append(&mut tale, 1, 2);
        append(&mut tale, 2, 3);
        tale.speaks("n1 and n3 both have t2.i3, but not the same log");
    }

    #[test]
    fn a_log_has_no_holes_and_terms_do_not_fall() {
        let mut holes = Tale::<LogMatching>::three();
        append(&mut holes, 1, 3);
        holes.speaks("n3 appended t1.i3 after t1.i1");

        let mut falls = Tale::<LogMatching>::three();
        append(&mut falls, 4, 2);
        append(&mut falls, 3, 3);
        falls.speaks("n3 appended t3.i3 after an entry of t4");
    }
}
