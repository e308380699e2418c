//! A pre-vote does not change the term or the vote of the server that asks or of the server that answers
//! (thesis §9.6).
//!
//! The check runs whenever a server asks for pre-votes or answers a request for a pre-vote.

use crate::check::ghost::{Facts, Ghost, ServerView};
use crate::check::{Check, violated, vote_record};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use wavetank_raft::{HardState, RoleName};

const WATCHES: Facts = Facts::PRE_VOTE.or(Facts::CAMPAIGNED);

const NEEDS: Parts = Parts::MESSAGES.or(Parts::ROLE).or(Parts::TERM).or(Parts::VOTE);

pub(crate) const CHECK: Check =
    Check::new("pre_vote_is_free", "thesis §9.6", JudgeLevel::History, WATCHES, judge).needing(NEEDS);

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
    let did = if asked { "asked for" } else { "answered" };
    let (was, now) = (record(was), record(now));
    violated(format_args!("{idx} {did} a pre-vote and changed its vote record from {was} to {now}"))
}

fn record(view: &ServerView) -> String {
    vote_record(HardState { term: view.term, vote: view.vote })
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
    fn requests_and_responses_change_nothing() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.set_view(N1, |scripted| scripted.view.role = RoleName::PreCandidate);
        fixture.step(N2, &asks(), |_| {}, Vec::new());
        fixture.expect_holds();
    }

    #[test]
    fn a_request_raises_no_term() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.set_view(N1, |scripted| {
            (scripted.view.role, scripted.view.term) = (RoleName::PreCandidate, Term(2));
        });
        fixture.expect_violation(
            "n1 asked for a pre-vote and changed its vote record from t1 without a vote to t2 without a vote",
        );
    }

    #[test]
    fn a_response_sets_no_vote() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.step(N2, &asks(), |scripted| scripted.view.vote = Some(N1.node()), Vec::new());
        fixture.expect_violation(
            "n2 answered a pre-vote and changed its vote record from t1 without a vote to t1 with a vote for n1",
        );
    }
}
