//! A pre-vote binds nobody: asking for one and answering one leave term and vote as they are.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger, Step};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{NodeId, RoleName, Term};

/// Pre-votes have no side effects (T7).
#[derive(Debug, Default)]
pub struct PreVoteIsFree(u64);

/// A pre-vote that cost something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// To whom.
    pub slot: Slot,
    /// It asked, rather than answered.
    pub asked: bool,
    /// Term and vote before.
    pub was: (Term, Option<NodeId>),
    /// Term and vote after.
    pub now: (Term, Option<NodeId>),
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, asked, was, now } = self;
        let did = if *asked { "asking for" } else { "answering" };
        write!(f, "{did} a pre-vote took {slot} from {} to {}", vote(*was), vote(*now))
    }
}

fn vote((term, vote): (Term, Option<NodeId>)) -> String {
    vote.map_or_else(|| format!("{term} without a vote"), |vote| format!("{term} with a vote for {vote}"))
}

impl Check for PreVoteIsFree {
    const NAME: &'static str = "pre_vote_is_free";
    const SECTION: &'static str = "thesis §9.6";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::PRE_VOTE.or(Facts::CAMPAIGNED);
    type Breach = Cost;

    fn judge(&mut self, ledger: &Ledger, facts: Facts) -> Option<Cost> {
        let step: &Step = &ledger.step;
        let asked = !facts.touches(Facts::PRE_VOTE);
        if asked && step.now.role != RoleName::PreCandidate {
            return None;
        }
        self.0 += 1;
        let (was, now) = ((step.was.term, step.was.vote), (step.now.term, step.now.vote));
        (was != now).then_some(Cost { slot: step.slot, asked, was, now })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, Tale};
    use wavetank_raft::{Event, LogId, Request, RequestPreVote, RpcId};

    fn asks() -> Event {
        let request = Request::RequestPreVote(RequestPreVote { term: Term(2), last_log: LogId::ZERO });
        Event::Request { from: N1.node(), rpc: RpcId(9), request }
    }

    #[test]
    fn asking_and_answering_leave_no_trace() {
        let mut tale = Tale::<PreVoteIsFree>::three();
        tale.pose(N1, |posed| posed.glimpse.role = RoleName::PreCandidate);
        tale.step(N2, &asks(), |_| {}, Vec::new());
        tale.is_quiet();
    }

    #[test]
    fn asking_raises_no_term() {
        let mut tale = Tale::<PreVoteIsFree>::three();
        tale.pose(N1, |posed| (posed.glimpse.role, posed.glimpse.term) = (RoleName::PreCandidate, Term(2)));
        tale.speaks("asking for a pre-vote took n1 from t1 without a vote to t2 without a vote");
    }

    #[test]
    fn answering_sets_no_vote() {
        let mut tale = Tale::<PreVoteIsFree>::three();
        tale.step(N2, &asks(), |posed| posed.glimpse.vote = Some(N1.node()), Vec::new());
        tale.speaks("answering a pre-vote took n2 from t1 without a vote to t1 with a vote for n1");
    }
}
