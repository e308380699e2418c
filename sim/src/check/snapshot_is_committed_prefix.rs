//! A snapshot stands for a prefix that was committed, with the configuration in force there.

use super::{Check, Column};
use crate::ledger::{Committed, Facts, Ledger, Placed};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{Index, LogId};

/// Snapshots are committed prefixes (S4).
#[derive(Debug, Default)]
pub struct SnapshotIsCommittedPrefix(u64);

/// A snapshot of something else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotPrefix {
    /// Of what is not committed.
    Uncommitted {
        /// Whose.
        slot: Slot,
        /// The snapshot.
        last: LogId,
        /// What is committed anywhere.
        committed: Index,
    },
    /// Of another entry.
    Other {
        /// Whose.
        slot: Slot,
        /// The snapshot.
        last: LogId,
        /// What was committed there.
        committed: Committed,
    },
    /// With another configuration.
    Conf {
        /// Whose.
        slot: Slot,
        /// The snapshot.
        last: LogId,
        /// What it says.
        says: Placed,
        /// What was in force.
        was: Option<Placed>,
    },
}

impl fmt::Display for NotPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uncommitted { slot, last, committed } => {
                write!(f, "{slot} has a snapshot of {last}, but only {committed} is committed anywhere")
            }
            Self::Other { slot, last, committed } => {
                write!(f, "{slot} has a snapshot of {last}, where {} committed ", committed.by)?;
                write!(f, "{}", LogId::new(committed.link.term, last.index))
            }
            Self::Conf { slot, last, says, was: Some(was) } => {
                write!(f, "{slot} has a snapshot of {last} that says {says}; in force was {was}")
            }
            Self::Conf { slot, last, says, was: None } => {
                write!(f, "{slot} has a snapshot of {last} that says {says}; nothing was in force")
            }
        }
    }
}

impl SnapshotIsCommittedPrefix {
    fn entry(&mut self, ledger: &Ledger, last: LogId) -> Option<NotPrefix> {
        let slot = ledger.step.slot;
        let committed = ledger.history.committed();
        if committed < last.index {
            return Some(NotPrefix::Uncommitted { slot, last, committed });
        }
        let committed = ledger.history.at(last.index)?;
        self.0 += 1;
        (committed.link.term != last.term).then_some(NotPrefix::Other { slot, last, committed })
    }
}

impl Check for SnapshotIsCommittedPrefix {
    const NAME: &'static str = "snapshot_is_committed_prefix";
    const SECTION: &'static str = "thesis §5.1";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::CAPTURING.or(Facts::CAPTURED).or(Facts::INSTALLED);
    type Breach = NotPrefix;

    fn judge(&mut self, ledger: &Ledger, facts: Facts) -> Option<NotPrefix> {
        let step = &ledger.step;
        if facts.touches(Facts::INSTALLED)
            && let Some(breach) = self.entry(ledger, step.now.snapshot)
        {
            return Some(breach);
        }
        let (last, says) = step.captured?;
        if let Some(breach) = self.entry(ledger, last) {
            return Some(breach);
        }
        let was = ledger.history.conf_at(last.index);
        (was != Some(says)).then_some(NotPrefix::Conf { slot: step.slot, last, says, was })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale, voters};
    use wavetank_raft::{Action, Event, Payload, SnapshotMeta, Term};

    fn capture(tale: &mut Tale<SnapshotIsCommittedPrefix>, last: LogId, conf: &[Slot], at: u64) {
        let meta = SnapshotMeta {
            last,
            configuration: (*voters(conf)).clone(),
            configuration_index: Index(at),
            size: 0,
            checksum: 0,
        };
        tale.step(N1, &Event::Timer, |_| {}, vec![Action::TakeSnapshot(meta)]);
    }

    fn tale() -> Tale<SnapshotIsCommittedPrefix> {
        let mut tale = Tale::three();
        tale.settle(N1, 2);
        tale.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        tale
    }

    #[test]
    fn of_what_is_committed() {
        let mut tale = tale();
        capture(&mut tale, LogId::new(Term(2), Index(2)), &[N1, N2, N3], 1);
        tale.is_quiet();
    }

    #[test]
    fn not_of_what_is_not() {
        let mut tale = tale();
        capture(&mut tale, LogId::new(Term(2), Index(3)), &[N1, N2], 3);
        tale.speaks("n1 has a snapshot of t2.i3, but only i2 is committed");
    }

    #[test]
    fn not_of_another_term() {
        let mut tale = tale();
        capture(&mut tale, LogId::new(Term(1), Index(2)), &[N1, N2, N3], 1);
        tale.speaks("n1 has a snapshot of t1.i2, where n1 committed t2.i2");
    }

    #[test]
    fn not_with_a_configuration_that_may_still_go() {
        let mut tale = tale();
        capture(&mut tale, LogId::new(Term(2), Index(2)), &[N1, N2], 3);
        tale.speaks("n1 has a snapshot of t2.i2 that says n1 n2 at i3; in force was n1 n2 n3 at i1");
    }
}
