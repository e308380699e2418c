//! A leader changes the membership only when the change before is committed, its own or inherited.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger, Placed};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::Index;

/// One change at a time (M3).
#[derive(Debug, Default)]
pub struct OneChangeAtATime(u64);

/// A change upon a pending one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TwoChanges {
    /// Who leads.
    pub leader: Slot,
    /// The pending one.
    pub pending: Placed,
    /// The one upon it.
    pub next: Placed,
    /// What the leader has committed.
    pub commit: Index,
}

impl fmt::Display for TwoChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { leader, pending, next, commit } = self;
        write!(f, "{leader} appended {next} while {pending} was not committed (only {commit} was)")
    }
}

impl Check for OneChangeAtATime {
    const NAME: &'static str = "one_change_at_a_time";
    const SECTION: &'static str = "thesis §4.1";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::CHANGED;
    type Breach = TwoChanges;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<TwoChanges> {
        let (leader, commit) = (ledger.step.slot, ledger.step.now.commit);
        ledger.step.changed.iter().find_map(|(pending, next)| {
            let pending = (*pending)?;
            self.0 += 1;
            (commit < pending.index).then_some(TwoChanges { leader, pending, next: *next, commit })
        })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale, voters};
    use wavetank_raft::Payload;

    fn change(tale: &mut Tale<OneChangeAtATime>, leader: Slot, to: &[Slot]) {
        tale.append(leader, vec![Payload::Configuration(voters(to))]);
    }

    #[test]
    fn one_after_the_other() {
        let mut tale = Tale::<OneChangeAtATime>::three();
        tale.settle(N1, 2);
        change(&mut tale, N1, &[N1, N2]);
        tale.replicate(N1, N2, 2);
        tale.commit(N1, 3);
        change(&mut tale, N1, &[N1]);
        tale.is_quiet();
    }

    #[test]
    fn not_two_at_once() {
        let mut tale = Tale::<OneChangeAtATime>::three();
        tale.settle(N1, 2);
        change(&mut tale, N1, &[N1, N2]);
        change(&mut tale, N1, &[N1]);
        tale.speaks("n1 appended n1 at i4 while n1 n2 at i3 was not committed (only i2 was)");
    }

    #[test]
    fn an_inherited_change_is_pending_too() {
        let mut tale = Tale::<OneChangeAtATime>::three();
        tale.settle(N1, 2);
        change(&mut tale, N1, &[N1, N2]);
        tale.replicate(N1, N3, 2);
        tale.elect(N3, 3);
        change(&mut tale, N3, &[N3]);
        tale.speaks("n3 appended n3 at i5 while n1 n2 at i3 was not committed");
    }
}
