//! A pre-vote binds nobody: asking for one and answering one leave term and vote as they are.

use crate::check::ghost::{Facts, Glimpse, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;
use wavetank_raft::RoleName;

const WATCHES: Facts = Facts::PRE_VOTE.or(Facts::CAMPAIGNED);

/// Pre-votes have no side effects (T7).
pub(crate) const CHECK: Check = Check::new("pre_vote_is_free", "thesis §9.6", Column::Ghosts, WATCHES, judge);

fn judge(ledger: &Ledger, facts: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ledger.step;
    let asked = !facts.touches(Facts::PRE_VOTE);
    if asked && step.now.role != RoleName::PreCandidate {
        return None;
    }
    *witnessed += 1;
    let (slot, was, now) = (step.slot, &step.was, &step.now);
    if (was.term, was.vote) == (now.term, now.vote) {
        return None;
    }
    let did = if asked { "asking for" } else { "answering" };
    say(format_args!("{did} a pre-vote took {slot} from {} to {}", record(was), record(now)))
}

fn record(glimpse: &Glimpse) -> String {
    let term = glimpse.term;
    glimpse
        .vote
        .map_or_else(|| format!("{term} without a vote"), |vote| format!("{term} with a vote for {vote}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, Tale};
    use wavetank_raft::{Event, LogId, Request, RequestPreVote, RpcId, Term};

    fn asks() -> Event {
        let request = Request::RequestPreVote(RequestPreVote { term: Term(2), last_log: LogId::ZERO });
        Event::Request { from: N1.node(), rpc: RpcId(9), request }
    }

    #[test]
    fn asking_and_answering_leave_no_trace() {
        let mut tale = Tale::three(&CHECK);
        tale.pose(N1, |posed| posed.glimpse.role = RoleName::PreCandidate);
        tale.step(N2, &asks(), |_| {}, Vec::new());
        tale.is_quiet();
    }

    #[test]
    fn asking_raises_no_term() {
        let mut tale = Tale::three(&CHECK);
        tale.pose(N1, |posed| (posed.glimpse.role, posed.glimpse.term) = (RoleName::PreCandidate, Term(2)));
        tale.speaks("asking for a pre-vote took n1 from t1 without a vote to t2 without a vote");
    }

    #[test]
    fn answering_sets_no_vote() {
        let mut tale = Tale::three(&CHECK);
        tale.step(N2, &asks(), |posed| posed.glimpse.vote = Some(N1.node()), Vec::new());
        tale.speaks("answering a pre-vote took n2 from t1 without a vote to t1 with a vote for n1");
    }
}
