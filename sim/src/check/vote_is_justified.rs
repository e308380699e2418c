//! At the instant at which a vote is given, the candidate's log is at least as new as the voter's.

use super::{Check, Column};
use crate::ledger::{Exposure, Facts, Ledger, Took};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{LogId, NodeId};

/// Votes are justified (T4).
#[derive(Debug, Default)]
pub struct VoteIsJustified(u64);

/// A vote that should not have been given, or asked for so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unjustified {
    /// The voter's log is newer.
    Older {
        /// Who votes.
        voter: Slot,
        /// The voter's last entry.
        mine: LogId,
        /// For whom.
        candidate: NodeId,
        /// The candidate's last entry.
        theirs: LogId,
    },
    /// The candidate did not ask in this step, so nothing was compared in it.
    Unasked {
        /// Who votes.
        voter: Slot,
        /// For whom.
        candidate: NodeId,
    },
    /// A candidate claims a newer log than it has.
    Boast {
        /// Who.
        candidate: Slot,
        /// What it says.
        said: LogId,
        /// What it has.
        has: LogId,
    },
}

impl fmt::Display for Unjustified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Older { voter, mine, candidate, theirs } => {
                write!(f, "{voter}, whose log ends at {mine}, votes for {candidate}, whose log ends at {theirs}")
            }
            Self::Unasked { voter, candidate } => {
                write!(f, "{voter} votes for {candidate}, which did not ask just now")
            }
            Self::Boast { candidate, said, has } => {
                write!(f, "{candidate} asks for votes with {said}, but its log ends at {has}")
            }
        }
    }
}

impl Check for VoteIsJustified {
    const NAME: &'static str = "vote_is_justified";
    const SECTION: &'static str = "thesis §3.6.1";
    const COLUMN: Column = Column::Steps;
    const WATCHES: Facts = Facts::VOTED.or(Facts::SENT_CANDIDACY);
    type Breach = Unjustified;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Unjustified> {
        let step = &ledger.step;
        let voter = step.slot;
        for exposure in &step.exposures {
            // A call that waited for the disk may leave when it is of no use any more.
            if let Exposure::Candidacy { last: said, term } = *exposure
                && term == step.now.term
                && step.now.last < said
            {
                return Some(Unjustified::Boast { candidate: voter, said, has: step.now.last });
            }
        }
        let candidate = step.now.vote.filter(|candidate| *candidate != voter.node())?;
        if step.was.vote == Some(candidate) && step.was.term == step.now.term {
            return None;
        }
        self.0 += 1;
        let mine = step.was.last;
        match step.took {
            Took::VoteRequest { from, term, last, .. } if from == candidate && term == step.now.term => {
                (last < mine).then_some(Unjustified::Older { voter, mine, candidate, theirs: last })
            }
            Took::VoteRequest { .. }
            | Took::Timer
            | Took::Append { .. }
            | Took::Snapshot { .. }
            | Took::PreVoteRequest { .. }
            | Took::TimeoutNow { .. }
            | Took::Answer { .. }
            | Took::SnapshotKept
            | Took::StoreFailed
            | Took::Call
            | Took::Report => Some(Unjustified::Unasked { voter, candidate }),
        }
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale};
    use wavetank_raft::{Action, Event, Index, Request, RequestVote, RpcId, Term};

    #[test]
    fn an_equal_log_is_new_enough() {
        let mut tale = Tale::<VoteIsJustified>::three();
        tale.elect(N1, 2);
        tale.is_quiet();
    }

    #[test]
    fn a_newer_term_beats_a_longer_log() {
        let mut tale = Tale::<VoteIsJustified>::three();
        tale.elect(N1, 2);
        tale.propose(N1, 3);
        tale.campaign(N2, 3);
        tale.grant(N3, 3, N2);
        tale.usurp(N2, 3);
        tale.grant(N1, 4, N2);
        tale.is_quiet();
    }

    #[test]
    fn an_older_log_is_refused() {
        let mut tale = Tale::<VoteIsJustified>::three();
        tale.elect(N1, 2);
        tale.grant(N1, 3, N2);
        tale.speaks("n1, whose log ends at t2.i2, votes for n2, whose log ends at t1.i1");
    }

    #[test]
    fn a_vote_is_given_in_the_step_that_compares() {
        let mut tale = Tale::<VoteIsJustified>::three();
        tale.pose(N3, |posed| posed.glimpse.vote = Some(N2.node()));
        tale.speaks("n3 votes for n2, which did not ask");
    }

    #[test]
    fn a_candidate_does_not_boast() {
        let mut tale = Tale::<VoteIsJustified>::three();
        let last_log = LogId::new(Term(7), Index(7));
        let request = Request::RequestVote(RequestVote { term: Term(1), last_log, leadership_transfer: false });
        let send = Action::Send { to: N2.node(), rpc: RpcId(1), request };
        tale.step(N1, &Event::Timer, |_| {}, vec![send]);
        tale.speaks("n1 asks for votes with t7.i7, but its log ends at t1.i1");
    }
}
