//! The beginning of a log goes only when a durable snapshot stands for it.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{Index, LogId};

/// Compaction follows the snapshot.
#[derive(Debug, Default)]
pub struct CompactionFollowsSnapshot(u64);

/// A log that nothing stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unsupported {
    /// Whose.
    pub slot: Slot,
    /// Up to here it went.
    pub index: Index,
    /// The newest durable snapshot.
    pub snapshot: LogId,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, index, snapshot } = self;
        write!(f, "{slot} drops its log up to {index}; its newest durable snapshot is of {snapshot}")
    }
}

impl Check for CompactionFollowsSnapshot {
    const NAME: &'static str = "compaction_follows_snapshot";
    const SECTION: &'static str = "thesis §5.1";
    const COLUMN: Column = Column::Steps;
    const WATCHES: Facts = Facts::COMPACTED;
    type Breach = Unsupported;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Unsupported> {
        self.0 += 1;
        let snapshot = ledger.subject().disk.snapshot;
        let index = ledger.step.compacted?;
        (snapshot.index < index).then_some(Unsupported { slot: ledger.step.slot, index, snapshot })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, Tale};
    use wavetank_raft::{Event, LogOp, Term};

    fn compact(tale: &mut Tale<CompactionFollowsSnapshot>, index: u64) {
        let write = tale.write(None, LogOp::Compact(Index(index)));
        tale.step(N1, &Event::Timer, |_| {}, vec![write]);
    }

    #[test]
    fn after_the_snapshot() {
        let mut tale = Tale::<CompactionFollowsSnapshot>::three();
        tale.settle(N1, 2);
        tale.captured(N1, LogId::new(Term(2), Index(2)), 7);
        compact(&mut tale, 2);
        tale.is_quiet();
    }

    #[test]
    fn not_before_it() {
        let mut tale = Tale::<CompactionFollowsSnapshot>::three();
        tale.settle(N1, 2);
        compact(&mut tale, 2);
        tale.speaks("n1 drops its log up to i2; its newest durable snapshot is of t0.i0");
    }
}
