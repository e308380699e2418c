//! A server gives its vote away once in a term, for ever: crashes give no second one.

use super::{Check, Column};
use crate::ledger::step::TwoVotes;
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{NodeId, Term};

/// One vote per term (T3).
#[derive(Debug, Default)]
pub struct VoteOncePerTerm(u64);

/// How a vote was given twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecondVote {
    /// Two servers were told that they have it.
    Told {
        /// By whom.
        voter: Slot,
        /// The votes.
        votes: TwoVotes,
    },
    /// It was changed in memory.
    Changed {
        /// By whom.
        voter: Slot,
        /// In this term.
        term: Term,
        /// The vote before.
        before: NodeId,
        /// The vote after.
        now: Option<NodeId>,
    },
}

impl fmt::Display for SecondVote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told { voter, votes } => {
                let TwoVotes { term, before, now } = votes;
                write!(f, "{voter} gave its vote of {term} to {before} and then to {now}")
            }
            Self::Changed { voter, term, before, now: Some(now) } => {
                write!(f, "{voter} changed its vote of {term} from {before} to {now}")
            }
            Self::Changed { voter, term, before, now: None } => {
                write!(f, "{voter} forgot that its vote of {term} went to {before}")
            }
        }
    }
}

impl Check for VoteOncePerTerm {
    const NAME: &'static str = "vote_once_per_term";
    const SECTION: &'static str = "thesis §3.4";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts =
        Facts::SENT_GRANT.or(Facts::SENT_CANDIDACY).or(Facts::LEADS).or(Facts::VOTED);
    type Breach = SecondVote;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<SecondVote> {
        self.0 += 1;
        let step = &ledger.step;
        let voter = step.slot;
        if let Some(votes) = step.two_votes {
            return Some(SecondVote::Told { voter, votes });
        }
        let before = step.was.vote.filter(|_| step.was.term == step.now.term)?;
        let now = step.now.vote;
        (now != Some(before)).then_some(SecondVote::Changed { voter, term: step.now.term, before, now })
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
    fn once_a_term_is_legal() {
        let mut tale = Tale::<VoteOncePerTerm>::three();
        tale.elect(N1, 2);
        tale.elect(N2, 3);
        tale.is_quiet();
    }

    #[test]
    fn a_crash_gives_no_second_vote() {
        let mut tale = Tale::<VoteOncePerTerm>::three();
        tale.grant(N3, 2, N1);
        tale.crash(N3);
        tale.boot_with_vote(N3, 1, None);
        tale.grant(N3, 2, N2);
        tale.speaks("n3 gave its vote of t2 to n1 and then to n2");
    }

    #[test]
    fn a_candidate_has_voted_for_itself() {
        let mut tale = Tale::<VoteOncePerTerm>::three();
        tale.campaign(N1, 2);
        tale.grant(N1, 2, N2);
        tale.speaks("n1 changed its vote of t2 from n1 to n2");
    }

    #[test]
    fn a_vote_is_not_taken_back_in_memory() {
        let mut tale = Tale::<VoteOncePerTerm>::three();
        tale.grant(N3, 2, N1);
        tale.pose(N3, |posed| posed.glimpse.vote = None);
        tale.speaks("n3 forgot that its vote of t2 went to n1");
    }

    #[test]
    fn a_vote_that_nobody_was_told_of_is_lost_in_a_crash() {
        let mut tale = Tale::<VoteOncePerTerm>::three();
        tale.pose(N3, |posed| (posed.glimpse.term, posed.glimpse.vote) = (Term(2), Some(N1.node())));
        tale.crash(N3);
        tale.boot_with_vote(N3, 1, None);
        tale.grant(N3, 2, N2);
        tale.is_quiet();
    }
}
