//! What a server starts from makes a whole: no hole, nothing damaged taken for sound, no gap
//! between the snapshot and the log.

use super::{Check, Column};
use crate::ledger::step::Found;
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{Index, LogId};

/// The recovered log is whole (P3).
#[derive(Debug, Default)]
pub struct RecoveredLogIsWhole(u64);

/// How it is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotWhole {
    /// An entry is missing before this one.
    Hole {
        /// Whose.
        slot: Slot,
        /// The entry after the hole.
        index: Index,
    },
    /// An entry is not the one that reached the disk.
    Damaged {
        /// Whose.
        slot: Slot,
        /// Where.
        index: Index,
    },
    /// The log begins after the snapshot's end.
    Gap {
        /// Whose.
        slot: Slot,
        /// The snapshot.
        snapshot: LogId,
        /// The entry before the first of the log.
        base: LogId,
    },
}

impl fmt::Display for NotWhole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hole { slot, index } => write!(f, "{slot} starts with a log that has a hole before {index}"),
            Self::Damaged { slot, index } => {
                write!(f, "{slot} starts with an entry at {index} that is not the one that was written")
            }
            Self::Gap { slot, snapshot, base } => {
                write!(f, "{slot} starts with a snapshot of {snapshot} and a log that begins after {base}")
            }
        }
    }
}

/// What is not whole about what was found.
#[must_use]
pub fn judged(slot: Slot, found: &Found) -> Option<NotWhole> {
    if let Some(index) = found.hole {
        return Some(NotWhole::Hole { slot, index });
    }
    if let Some(index) = found.differs {
        return Some(NotWhole::Damaged { slot, index });
    }
    let (snapshot, base) = (found.snapshot, found.base);
    (snapshot.index < base.index).then_some(NotWhole::Gap { slot, snapshot, base })
}

impl Check for RecoveredLogIsWhole {
    const NAME: &'static str = "recovered_log_is_whole";
    const SECTION: &'static str = "thesis §3.8, §5.1";
    const COLUMN: Column = Column::Outcomes;
    const WATCHES: Facts = Facts::BOOTED;
    type Breach = NotWhole;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<NotWhole> {
        self.0 += 1;
        judged(ledger.step.slot, &ledger.step.found)
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, Tale};
    use wavetank_raft::{Boot, Entropy, Entry, HardState, LogImage, Payload, Term};

    fn restart(tale: &mut Tale<RecoveredLogIsWhole>, slot: Slot, base: LogId, entries: &[Entry]) {
        tale.crash(slot);
        let log = LogImage::new(base, 1);
        let hard_state = HardState { term: Term(2), vote: Some(N1.node()) };
        let boot = Boot { entropy: Entropy(0), incarnation: 2, hard_state, log, snapshot: None };
        tale.boot_as(slot, &boot, entries);
    }

    fn tale() -> (Tale<RecoveredLogIsWhole>, Vec<Entry>) {
        let mut tale = Tale::three();
        tale.settle(N1, 2);
        tale.propose(N1, 2);
        tale.replicate(N1, N2, 2);
        let entries = tale.posed(N2).entries.clone();
        (tale, entries)
    }

    #[test]
    fn as_it_was_written() {
        let (mut tale, entries) = tale();
        restart(&mut tale, N2, LogId::ZERO, &entries);
        restart(&mut tale, N1, LogId::ZERO, &entries[..3]);
        tale.is_quiet();
    }

    #[test]
    fn with_a_hole() {
        let (mut tale, mut entries) = tale();
        entries.remove(2);
        restart(&mut tale, N2, LogId::ZERO, &entries);
        tale.speaks("n2 starts with a log that has a hole before i4");
    }

    #[test]
    fn with_another_entry() {
        let (mut tale, mut entries) = tale();
        entries[2].payload = Payload::Barrier;
        restart(&mut tale, N2, LogId::ZERO, &entries);
        tale.speaks("n2 starts with an entry at i3 that is not the one that was written");
    }

    #[test]
    fn with_a_gap() {
        let (mut tale, entries) = tale();
        restart(&mut tale, N2, entries[1].id, &entries[2..]);
        tale.speaks("n2 starts with a snapshot of t0.i0 and a log that begins after t2.i2");
    }
}
