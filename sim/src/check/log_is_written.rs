//! A server's log in memory is what it has asked its disk to keep: no entry is known that no write
//! carries, and no write changes a log that the server does not know.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::LogId;

/// The log is written.
#[derive(Debug, Default)]
pub struct LogIsWritten(u64);

/// Two ends of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TwoEnds {
    /// Whose.
    pub slot: Slot,
    /// Where it ends in memory.
    pub memory: LogId,
    /// Where it ends by the writes.
    pub writes: LogId,
}

impl fmt::Display for TwoEnds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, memory, writes } = self;
        write!(f, "the log of {slot} ends at {memory}; by its writes it ends at {writes}")
    }
}

impl Check for LogIsWritten {
    const NAME: &'static str = "log_is_written";
    const SECTION: &'static str = "thesis §3.8";
    const COLUMN: Column = Column::Steps;
    const WATCHES: Facts = Facts::UNWRITTEN.or(Facts::APPENDED);
    type Breach = TwoEnds;

    fn judge(&mut self, ledger: &Ledger, facts: Facts) -> Option<TwoEnds> {
        self.0 += 1;
        let (memory, writes) = (ledger.step.now.last, ledger.subject().log.last());
        let odd = facts.touches(Facts::UNWRITTEN);
        odd.then_some(TwoEnds { slot: ledger.step.slot, memory, writes })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, Tale};
    use wavetank_raft::{Index, Term};

    #[test]
    fn every_entry_has_its_write() {
        let mut tale = Tale::<LogIsWritten>::three();
        tale.settle(N1, 2);
        tale.is_quiet();
    }

    #[test]
    fn one_in_memory_only() {
        let mut tale = Tale::<LogIsWritten>::three();
        tale.settle(N1, 2);
        tale.pose(N1, |posed| posed.glimpse.last = LogId::new(Term(2), Index(3)));
        tale.speaks("the log of n1 ends at t2.i3; by its writes it ends at t2.i2");
    }
}
