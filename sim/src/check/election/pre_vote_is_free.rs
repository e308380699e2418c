//! A pre-vote binds nobody: asking for one and answering one leave term and vote as they are.

use crate::check::ghost::{Facts, Ghost, ServerView};
use crate::check::{Check, say};
use crate::plan::judge_level::JudgeLevel;
use wavetank_raft::RoleName;

const WATCHES: Facts = Facts::PRE_VOTE.or(Facts::CAMPAIGNED);

/// Pre-votes have no side effects (T7).
pub(crate) const CHECK: Check =
    Check::new("pre_vote_is_free", "thesis §9.6", JudgeLevel::History, WATCHES, judge);

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ghost.step;
    let asked = !facts.touches(Facts::PRE_VOTE);
    if asked && step.now.role != RoleName::PreCandidate {
        return None;
    }
    *witnessed += 1;
    let (idx, was, now) = (step.idx, &step.was, &step.now);
    if (was.term, was.vote) == (now.term, now.vote) {
        return None;
    }
    let did = if asked { "asking for" } else { "answering" };
    say(format_args!("{did} a pre-vote took {idx} from {} to {}", record(was), record(now)))
}

fn record(view: &ServerView) -> String {
    let term = view.term;
    view.vote
        .map_or_else(|| format!("{term} without a vote"), |vote| format!("{term} with a vote for {vote}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2};
    use wavetank_raft::{Event, LogId, Request, RequestPreVote, RpcId, Term};

    fn asks() -> Event {
        let request = Request::RequestPreVote(RequestPreVote { term: Term(2), last_log: LogId::ZERO });
        Event::Request { from: N1.node(), rpc: RpcId(9), request }
    }

    #[test]
    fn asking_and_answering_leave_no_trace() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.pose(N1, |scripted| scripted.view.role = RoleName::PreCandidate);
        fixture.step(N2, &asks(), |_| {}, Vec::new());
        fixture.is_quiet();
    }

    #[test]
    fn asking_raises_no_term() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.pose(N1, |scripted| {
            (scripted.view.role, scripted.view.term) = (RoleName::PreCandidate, Term(2));
        });
        fixture.speaks("asking for a pre-vote took n1 from t1 without a vote to t2 without a vote");
    }

    #[test]
    fn answering_sets_no_vote() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.step(N2, &asks(), |scripted| scripted.view.vote = Some(N1.node()), Vec::new());
        fixture.speaks("answering a pre-vote took n2 from t1 without a vote to t1 with a vote for n1");
    }
}
