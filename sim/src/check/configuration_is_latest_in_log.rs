//! The configuration in force is the last one in the log, committed or not; with none in the log,
//! the snapshot's.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger, Placed};
use crate::slot::Slot;
use std::fmt;

/// Configuration is the latest in the log (M1).
#[derive(Debug, Default)]
pub struct ConfigurationIsLatestInLog(u64);

/// Another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotLatest {
    /// Whose.
    pub slot: Slot,
    /// What it goes by.
    pub in_force: Option<Placed>,
    /// What its log says.
    pub latest: Option<Placed>,
}

impl fmt::Display for NotLatest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |placed: Option<Placed>| placed.map_or_else(|| "nothing".to_owned(), |it| it.to_string());
        let (in_force, latest) = (words(self.in_force), words(self.latest));
        write!(f, "{} goes by {in_force}; the latest in its log is {latest}", self.slot)
    }
}

impl Check for ConfigurationIsLatestInLog {
    const NAME: &'static str = "configuration_is_latest_in_log";
    const SECTION: &'static str = "thesis §4.1";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::CONFIGURED
        .or(Facts::APPENDED)
        .or(Facts::CUT)
        .or(Facts::COMPACTED)
        .or(Facts::INSTALLED)
        .or(Facts::BOOTED);
    type Breach = NotLatest;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<NotLatest> {
        self.0 += 1;
        let (in_force, latest) = (ledger.step.now_conf, ledger.subject().log.conf());
        (in_force != latest).then_some(NotLatest { slot: ledger.step.slot, in_force, latest })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale, voters};
    use wavetank_raft::{Index, Payload};

    #[test]
    fn from_the_append_on_and_back_with_the_cut() {
        let mut tale = Tale::<ConfigurationIsLatestInLog>::three();
        tale.settle(N1, 2);
        tale.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        tale.elect(N2, 3);
        tale.replicate(N2, N1, 2);
        tale.is_quiet();
    }

    #[test]
    fn not_rolled_back() {
        let mut tale = Tale::<ConfigurationIsLatestInLog>::three();
        tale.settle(N1, 2);
        tale.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        tale.elect(N2, 3);
        let rpc = tale.rpc();
        let entry = tale.posed(N2).entries[2].clone();
        let write = tale.write(None, wavetank_raft::LogOp::Replace([entry].into()));
        let stuck = |posed: &mut crate::check::tale::Posed| {
            posed.configuration = Some((Index(3), voters(&[N1, N2])));
        };
        tale.step(N1, &wavetank_raft::Event::Persisted(wavetank_raft::Token(rpc.0)), stuck, vec![write]);
        tale.speaks("n1 goes by n1 n2 at i3; the latest in its log is n1 n2 n3 at i1");
    }

    #[test]
    fn not_only_once_committed() {
        let mut tale = Tale::<ConfigurationIsLatestInLog>::three();
        tale.settle(N1, 2);
        let entry = wavetank_raft::Entry::new(
            wavetank_raft::Term(2),
            Index(3),
            Payload::Configuration(voters(&[N1, N2])),
        );
        let write = tale.write(None, wavetank_raft::LogOp::Append([entry].into()));
        let late = |posed: &mut crate::check::tale::Posed| {
            posed.configuration = Some((Index(1), voters(&[N1, N2, N3])));
        };
        tale.step(N1, &wavetank_raft::Event::Timer, late, vec![write]);
        tale.speaks("n1 goes by n1 n2 n3 at i1; the latest in its log is n1 n2 at i3");
    }
}
