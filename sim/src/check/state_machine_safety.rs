//! State Machine Safety: what one server commits at an index, every server commits there.

use super::{Check, Column};
use crate::ledger::{Committed, Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{Index, LogId};

/// State Machine Safety (S1).
#[derive(Debug, Default)]
pub struct StateMachineSafety(u64);

/// Two truths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TwoTruths {
    /// Who commits something else.
    pub slot: Slot,
    /// Where.
    pub index: Index,
    /// What.
    pub entry: Option<LogId>,
    /// What was committed there before.
    pub before: Committed,
}

impl fmt::Display for TwoTruths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, index, entry, before } = self;
        match entry {
            Some(entry) => write!(f, "{slot} committed {entry}")?,
            None => write!(f, "{slot} committed something else at {index}")?,
        }
        let was = LogId::new(before.link.term, *index);
        write!(f, ", where {} had committed another {was} in {}", before.by, before.term)
    }
}

impl Check for StateMachineSafety {
    const NAME: &'static str = "state_machine_safety";
    const SECTION: &'static str = "thesis §3.6.3";
    const COLUMN: Column = Column::Outcomes;
    const WATCHES: Facts = Facts::COMMIT;
    type Breach = TwoTruths;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<TwoTruths> {
        self.0 += 1;
        let step = &ledger.step;
        let (index, before) = step.two_commits?;
        let entry = ledger.subject().log.link(index).map(|link| LogId::new(link.term, index));
        Some(TwoTruths { slot: step.slot, index, entry, before })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale};

    #[test]
    fn one_truth() {
        let mut tale = Tale::<StateMachineSafety>::three();
        tale.settle(N1, 2);
        tale.settle(N3, 3);
        tale.is_quiet();
    }

    #[test]
    fn two_truths() {
        let mut tale = Tale::<StateMachineSafety>::three();
        tale.elect(N1, 2);
        tale.commit(N1, 2);
        tale.elect(N2, 3);
        tale.commit(N2, 2);
        tale.speaks("n2 committed t3.i2, where n1 had committed another t2.i2 in t2");
    }
}
