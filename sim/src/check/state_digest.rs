//! All state machines that have applied the same entries are in the same state, however they came
//! there.

use super::{Check, Column};
use crate::ledger::history::State;
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::Index;

/// State digests agree (S2).
#[derive(Debug, Default)]
pub struct StateDigest(u64);

/// Two states.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TwoStates {
    /// Whose state is another one.
    pub slot: Slot,
    /// After this entry.
    pub index: Index,
    /// Whose was known before.
    pub before: State,
}

impl fmt::Display for TwoStates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, index, before } = self;
        write!(f, "after {index} the state of {slot} is not the one that {} had", before.by)
    }
}

impl Check for StateDigest {
    const NAME: &'static str = "state_digest";
    const SECTION: &'static str = "thesis §3.6.3, §5.1";
    const COLUMN: Column = Column::Outcomes;
    const WATCHES: Facts = Facts::APPLIED.or(Facts::CAPTURED).or(Facts::RESTORED);
    type Breach = TwoStates;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<TwoStates> {
        self.0 += 1;
        let (index, before) = ledger.step.two_states?;
        Some(TwoStates { slot: ledger.step.slot, index, before })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale};
    use wavetank_raft::{LogId, Term};

    #[test]
    fn the_same_state_by_any_way() {
        let mut tale = Tale::<StateDigest>::three();
        tale.applied(N1, 1, 3, 33);
        tale.applied(N2, 1, 3, 33);
        tale.restored(N3, LogId::new(Term(1), Index(3)), 33);
        tale.applied(N2, 4, 4, 44);
        tale.is_quiet();
    }

    #[test]
    fn another_state() {
        let mut tale = Tale::<StateDigest>::three();
        tale.applied(N1, 1, 3, 33);
        tale.restored(N3, LogId::new(Term(1), Index(3)), 34);
        tale.speaks("after i3 the state of n3 is not the one that n1 had");
    }
}
