//! Only a voter campaigns; a server that an uncommitted change leaves out may, and sometimes must.

use super::{Check, Column};
use crate::ledger::{Chain, Facts, Ledger, Placed};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{Index, Term};

/// Only eligible servers campaign (T8).
#[derive(Debug, Default)]
pub struct OnlyVotersCampaign(u64);

/// A campaign of somebody without a vote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotEligible {
    /// Who.
    pub slot: Slot,
    /// In this term.
    pub term: Term,
    /// The configuration that it goes by.
    pub conf: Option<Placed>,
}

impl fmt::Display for NotEligible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, term, conf } = self;
        match conf {
            Some(conf) => write!(f, "{slot} campaigns at {term}, but has no vote in {conf}"),
            None => write!(f, "{slot} campaigns at {term} without knowing any configuration"),
        }
    }
}

/// Whether a server may campaign under a configuration of its log, or under one before it that may
/// still come back: as far as it knows what is committed.
#[must_use]
pub fn is_eligible(slot: Slot, log: &Chain, conf: Placed, commit: Index) -> bool {
    let mut placed = conf;
    while !placed.conf.voters().contains(slot) {
        let before = log.conf_before(placed.index).filter(|_| commit < placed.index);
        let Some(before) = before else { return false };
        placed = before;
    }
    true
}

impl Check for OnlyVotersCampaign {
    const NAME: &'static str = "only_voters_campaign";
    const SECTION: &'static str = "thesis §4.2.2";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::CAMPAIGNED;
    type Breach = NotEligible;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<NotEligible> {
        self.0 += 1;
        let step = &ledger.step;
        let slot = step.slot;
        let log = &ledger.subject().log;
        let eligible = step.was_conf.is_some_and(|conf| is_eligible(slot, log, conf, step.was.commit));
        (!eligible).then_some(NotEligible { slot, term: step.now.term, conf: step.was_conf })
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
    fn a_voter_campaigns() {
        let mut tale = Tale::<OnlyVotersCampaign>::three();
        tale.elect(N1, 2);
        tale.is_quiet();
    }

    #[test]
    fn a_server_that_knows_nobody_does_not() {
        let mut tale = Tale::<OnlyVotersCampaign>::three();
        tale.campaign(N4, 2);
        tale.speaks("n4 campaigns at t2 without knowing any configuration");
    }

    #[test]
    fn a_server_left_out_may_until_that_is_committed() {
        let mut tale = Tale::<OnlyVotersCampaign>::three();
        tale.settle(N1, 2);
        tale.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        tale.replicate(N1, N3, 2);
        tale.campaign(N3, 3);
        tale.is_quiet();

        tale.commit(N3, 3);
        tale.campaign(N3, 4);
        tale.speaks("n3 campaigns at t4, but has no vote in n1 n2 at i3");
    }
}
