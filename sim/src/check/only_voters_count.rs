//! The sets that are counted with are the voters of the configuration in force, nobody more and
//! nobody less.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger, Placed};
use crate::slot::Slot;
use std::fmt;

/// Only voters count (M7).
#[derive(Debug, Default)]
pub struct OnlyVotersCount(u64);

/// Others are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OthersCount {
    /// By whom.
    pub slot: Slot,
    /// The configuration in force.
    pub in_force: Option<Placed>,
}

impl fmt::Display for OthersCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, in_force } = self;
        match in_force {
            Some(in_force) => write!(f, "{slot} counts with others than the voters of {in_force}"),
            None => write!(f, "{slot} counts with somebody, and knows no configuration"),
        }
    }
}

impl Check for OnlyVotersCount {
    const NAME: &'static str = "only_voters_count";
    const SECTION: &'static str = "thesis §4.2.1";
    const COLUMN: Column = Column::Steps;
    const WATCHES: Facts = Facts::CONFIGURED.or(Facts::COUNTED);
    type Breach = OthersCount;

    fn judge(&mut self, ledger: &Ledger, facts: Facts) -> Option<OthersCount> {
        self.0 += 1;
        let step = &ledger.step;
        facts.touches(Facts::COUNTED).then_some(OthersCount { slot: step.slot, in_force: step.now_conf })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale, voters};
    use crate::ledger::Conf;
    use wavetank_raft::{Index, Payload};

    #[test]
    fn the_voters() {
        let mut tale = Tale::<OnlyVotersCount>::three();
        tale.settle(N1, 2);
        tale.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        tale.is_quiet();
    }

    #[test]
    fn and_nobody_else() {
        let mut tale = Tale::<OnlyVotersCount>::three();
        tale.settle(N1, 2);
        tale.pose(N1, |posed| {
            posed.configuration = Some((Index(3), voters(&[N1, N2])));
            posed.counted = Some(Conf::of(&voters(&[N1, N2, N3])));
        });
        tale.speaks("n1 counts with others than the voters of n1 n2 at i3");
    }
}
