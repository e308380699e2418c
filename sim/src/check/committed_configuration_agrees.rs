//! Who has committed a configuration goes by the same one as everybody who has.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger, Placed};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::Index;

/// Committed configurations agree (M6).
#[derive(Debug, Default)]
pub struct CommittedConfigurationAgrees(u64);

/// Two committed configurations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Disagrees {
    /// Whose is another one.
    pub slot: Slot,
    /// What it has committed.
    pub commit: Index,
    /// What it goes by.
    pub in_force: Placed,
    /// What was committed.
    pub committed: Option<Placed>,
}

impl fmt::Display for Disagrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, commit, in_force, committed } = self;
        write!(f, "{slot} has committed up to {commit} and goes by {in_force}; committed there is ")?;
        match committed {
            Some(committed) => write!(f, "{committed}"),
            None => write!(f, "nothing"),
        }
    }
}

/// Whether a server that has committed this far may go by this configuration.
#[must_use]
pub fn agrees(commit: Index, in_force: Placed, committed: Option<Placed>) -> bool {
    commit < in_force.index || committed == Some(in_force)
}

impl Check for CommittedConfigurationAgrees {
    const NAME: &'static str = "committed_configuration_agrees";
    const SECTION: &'static str = "thesis §4.1";
    const COLUMN: Column = Column::Steps;
    const WATCHES: Facts = Facts::COMMIT.or(Facts::CONFIGURED);
    type Breach = Disagrees;

    fn judge(&mut self, ledger: &Ledger, facts: Facts) -> Option<Disagrees> {
        let step = &ledger.step;
        let in_force = step.now_conf?;
        // A commit in the middle of nothing new about configurations is the common case.
        let passed = step.was.commit < in_force.index && in_force.index <= step.now.commit;
        if !passed && !facts.touches(Facts::CONFIGURED) {
            return None;
        }
        self.0 += 1;
        let commit = step.now.commit;
        let committed = ledger.history.conf_at(commit);
        let agrees = agrees(commit, in_force, committed);
        (!agrees).then_some(Disagrees { slot: step.slot, commit, in_force, committed })
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

    #[test]
    fn one_for_all() {
        let mut tale = Tale::<CommittedConfigurationAgrees>::three();
        tale.settle(N1, 2);
        tale.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        tale.replicate(N1, N2, 2);
        tale.commit(N1, 3);
        tale.commit(N2, 3);
        tale.is_quiet();
    }

    #[test]
    fn not_an_own_one() {
        let mut tale = Tale::<CommittedConfigurationAgrees>::three();
        tale.settle(N1, 2);
        tale.pose(N3, |posed| posed.configuration = Some((Index(1), voters(&[N2, N3]))));
        tale.speaks("n3 has committed up to i2 and goes by n2 n3 at i1; committed there is n1 n2 n3 at i1");
    }

    #[test]
    fn not_one_that_is_passed() {
        let mut tale = Tale::<CommittedConfigurationAgrees>::three();
        tale.settle(N1, 2);
        tale.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        tale.replicate(N1, N2, 2);
        tale.commit(N1, 3);
        tale.commit(N2, 3);
        tale.pose(N2, |posed| posed.configuration = Some((Index(1), voters(&[N1, N2, N3]))));
        tale.speaks("n2 has committed up to i3 and goes by n1 n2 n3 at i1; committed there is n1 n2 at i3");
    }
}
