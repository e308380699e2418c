//! Who leads has the votes of a quorum, as the harness itself saw them given.

use super::{Check, Column};
use crate::ledger::{Conf, Facts, Ledger};
use crate::slot::{Slot, Slots};
use std::fmt;
use wavetank_raft::Term;

/// A leader owns a quorum of real votes (T6).
#[derive(Debug, Default)]
pub struct LeaderHasQuorum(u64);

/// A leader without a quorum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoQuorum {
    /// Who leads.
    pub leader: Slot,
    /// In this term.
    pub term: Term,
    /// Who voted for it.
    pub votes: Slots,
    /// Who would have to.
    pub conf: Conf,
}

impl fmt::Display for NoQuorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { leader, term, votes, conf } = self;
        write!(f, "{leader} leads {term} with the votes of {votes:?}, not a quorum of {conf}")
    }
}

impl Check for LeaderHasQuorum {
    const NAME: &'static str = "leader_has_quorum";
    const SECTION: &'static str = "thesis §3.4, §4.3";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::LEADS;
    type Breach = NoQuorum;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<NoQuorum> {
        self.0 += 1;
        let step = &ledger.step;
        let votes = ledger.terms.votes_for(step.slot, step.now.term);
        // The configuration with which it campaigned, or the one in which it won.
        let now = step.was_conf.map_or_else(Conf::default, |placed| placed.conf);
        let then = ledger.subject().campaign.unwrap_or(now);
        let won = now.is_quorum(votes) || then.is_quorum(votes);
        (!won).then_some(NoQuorum { leader: step.slot, term: step.now.term, votes, conf: now })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, N4, Tale};

    #[test]
    fn two_of_three_are_enough() {
        let mut tale = Tale::<LeaderHasQuorum>::three();
        tale.campaign(N1, 2);
        tale.grant(N2, 2, N1);
        tale.usurp(N1, 2);
        tale.is_quiet();
    }

    #[test]
    fn one_of_three_is_not() {
        let mut tale = Tale::<LeaderHasQuorum>::three();
        tale.campaign(N1, 2);
        tale.usurp(N1, 2);
        tale.speaks("n1 leads t2 with the votes of {n1}, not a quorum of n1 n2 n3");
    }

    #[test]
    fn a_vote_of_an_older_term_does_not_count() {
        let mut tale = Tale::<LeaderHasQuorum>::three();
        tale.campaign(N1, 2);
        tale.grant(N3, 2, N1);
        tale.campaign(N1, 3);
        tale.usurp(N1, 3);
        tale.speaks("n1 leads t3 with the votes of {n1}");
    }

    #[test]
    fn a_stranger_does_not_count() {
        let mut tale = Tale::<LeaderHasQuorum>::three();
        tale.campaign(N1, 2);
        tale.grant(N4, 2, N1);
        tale.usurp(N1, 2);
        tale.speaks("n1 leads t2 with the votes of {n1 n4}");
    }
}
