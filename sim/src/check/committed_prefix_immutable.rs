//! A server never cuts its log at or below its own commit index.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::Index;

/// The committed prefix is immutable (C3).
#[derive(Debug, Default)]
pub struct CommittedPrefixImmutable(u64);

/// A cut that goes too deep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeepCut {
    /// By whom.
    pub slot: Slot,
    /// From here on.
    pub from: Index,
    /// The commit index.
    pub commit: Index,
}

impl fmt::Display for DeepCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cut its log from {} on, and had committed {}", self.slot, self.from, self.commit)
    }
}

impl Check for CommittedPrefixImmutable {
    const NAME: &'static str = "committed_prefix_immutable";
    const SECTION: &'static str = "thesis §3.6.3";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::CUT;
    type Breach = DeepCut;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<DeepCut> {
        self.0 += 1;
        let (step, commit) = (&ledger.step, ledger.step.was.commit);
        let from = step.gone.last()?.index;
        (from <= commit).then_some(DeepCut { slot: step.slot, from, commit })
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
    fn above_the_commit_index_it_may() {
        let mut tale = Tale::<CommittedPrefixImmutable>::three();
        tale.settle(N1, 2);
        tale.propose(N1, 2);
        tale.elect(N2, 3);
        tale.replicate(N2, N1, 2);
        tale.is_quiet();
    }

    #[test]
    fn at_the_commit_index_it_may_not() {
        let mut tale = Tale::<CommittedPrefixImmutable>::three();
        tale.settle(N1, 2);
        tale.elect(N2, 3);
        tale.replicate(N2, N3, 1);
        tale.speaks("n3 cut its log from i2 on, and had committed i2");
    }
}
