//! Consecutive configurations cannot decide without each other: every quorum of the one meets
//! every quorum of the other.

use super::{Check, Column};
use crate::ledger::{Conf, Facts, Ledger};
use crate::slot::{Slot, Slots};
use std::fmt;

/// Consecutive configurations overlap (M2).
#[derive(Debug, Default)]
pub struct ConfigurationsOverlap(u64);

/// Two quorums without a common server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Disjoint {
    /// Who appended the second configuration.
    pub leader: Slot,
    /// The first.
    pub before: Conf,
    /// The second.
    pub now: Conf,
    /// A quorum of each.
    pub quorums: (Slots, Slots),
}

impl fmt::Display for Disjoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { leader, before, now, quorums: (one, other) } = self;
        write!(f, "{leader} went from {before} to {now}: {one:?} and {other:?} can each decide alone")
    }
}

impl Check for ConfigurationsOverlap {
    const NAME: &'static str = "configurations_overlap";
    const SECTION: &'static str = "thesis §4.1, §4.3";
    const COLUMN: Column = Column::Steps;
    const WATCHES: Facts = Facts::CHANGED;
    type Breach = Disjoint;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Disjoint> {
        let leader = ledger.step.slot;
        ledger.step.changed.iter().find_map(|(before, now)| {
            let (before, now) = ((*before)?.conf, now.conf);
            self.0 += 1;
            let quorums = before.disjoint_quorums(now)?;
            Some(Disjoint { leader, before, now, quorums })
        })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, N4, Tale, voters};
    use wavetank_raft::Payload;

    #[test]
    fn one_more_overlaps() {
        let mut tale = Tale::<ConfigurationsOverlap>::three();
        tale.settle(N1, 2);
        tale.append(N1, vec![Payload::Configuration(voters(&[N1, N2, N3, N4]))]);
        tale.is_quiet();
    }

    #[test]
    fn one_for_two_does_not() {
        let mut tale = Tale::<ConfigurationsOverlap>::three();
        tale.settle(N1, 2);
        tale.append(N1, vec![Payload::Configuration(voters(&[N1, N4]))]);
        tale.speaks("n1 went from n1 n2 n3 to n1 n4: {n2 n3} and {n1 n4} can each decide alone");
    }
}
