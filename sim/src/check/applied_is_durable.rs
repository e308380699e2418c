//! Only what is on a server's own disk is handed to its state machine.
//!
//! Raft itself would allow more; this core promises it, so that a state machine that keeps its own
//! files never knows more than the log beside it.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{Index, LogId};

/// What is applied is durable.
#[derive(Debug, Default)]
pub struct AppliedIsDurable(u64);

/// Entries that were handed over too early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooEarly {
    /// By whom.
    pub slot: Slot,
    /// The last of them.
    pub index: Index,
    /// Where the log on disk ends.
    pub disk: LogId,
}

impl fmt::Display for TooEarly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, index, disk } = self;
        write!(f, "{slot} applies up to {index}, but on its disk the log ends at {disk}")
    }
}

impl Check for AppliedIsDurable {
    const NAME: &'static str = "applied_is_durable";
    const SECTION: &'static str = "thesis §3.8";
    const COLUMN: Column = Column::Steps;
    const WATCHES: Facts = Facts::HANDED;
    type Breach = TooEarly;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<TooEarly> {
        self.0 += 1;
        let (_, index, _) = ledger.step.handed?;
        let shadow = ledger.subject();
        let held = shadow.log.link(index).is_none_or(|link| shadow.disk_holds(index, link));
        (!held).then_some(TooEarly { slot: ledger.step.slot, index, disk: shadow.disk.log.last() })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, Tale};
    use wavetank_raft::{Action, Batch, Event};

    #[test]
    fn after_the_disk() {
        let mut tale = Tale::<AppliedIsDurable>::three();
        tale.elect(N1, 2);
        tale.deliver(N1, N2, 0);
        let entries = tale.posed(N2).entries.clone();
        let apply = |entries| vec![Action::Apply(Batch { entries })];
        tale.step(N2, &Event::Timer, |_| {}, apply(entries[..1].to_vec()));
        tale.is_quiet();
        tale.step(N2, &Event::Timer, |_| {}, apply(entries[1..].to_vec()));
        tale.speaks("n2 applies up to i2, but on its disk the log ends at t1.i1");
    }
}
