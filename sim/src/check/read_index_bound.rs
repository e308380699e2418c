//! A read sees at least everything that was committed anywhere when it was asked for.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{Index, RequestId};

/// The bound of a read index (R1).
#[derive(Debug, Default)]
pub struct ReadIndexBound(u64);

/// A read of the past.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stale {
    /// Who allows it.
    pub slot: Slot,
    /// The call.
    pub request: RequestId,
    /// Where it may read.
    pub index: Index,
    /// What was committed when it was asked for.
    pub committed: Index,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, request, index, committed } = self;
        write!(f, "{slot} lets {request} read at {index}; when it was asked, {committed} was committed")
    }
}

impl Check for ReadIndexBound {
    const NAME: &'static str = "read_index_bound";
    const SECTION: &'static str = "thesis §6.4";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::READABLE;
    type Breach = Stale;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Stale> {
        let slot = ledger.step.slot;
        ledger.step.allowed.iter().find_map(|allowed| {
            let (asked, index) = (allowed.asked, allowed.index?);
            // What a lease shows is judged with the lease.
            if !asked.indexed || asked.leased {
                return None;
            }
            self.0 += 1;
            let (request, committed) = (asked.request, asked.committed);
            (index < committed).then_some(Stale { slot, request, index, committed })
        })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, Tale};
    use wavetank_raft::{Answer, ReadPath};

    #[test]
    fn what_was_committed_is_seen() {
        let mut tale = Tale::<ReadIndexBound>::three();
        tale.settle(N1, 2);
        tale.read(N1, 50, ReadPath::Index);
        tale.allow(N1, 50, Answer::Readable { index: Index(2) });
        tale.is_quiet();
    }

    #[test]
    fn the_past_is_not() {
        let mut tale = Tale::<ReadIndexBound>::three();
        tale.settle(N1, 2);
        tale.read(N1, 50, ReadPath::Index);
        tale.allow(N1, 50, Answer::Readable { index: Index(1) });
        tale.speaks("n1 lets r50 read at i1; when it was asked, i2 was committed");
    }
}
