//! A server that has recently heard from its leader gives no other server a vote or a pre-vote, and does not
//! enter the term in a vote request of another server (thesis §4.2.3, §6.4.1).
//!
//! Leases rely on this promise. The promise also prevents a server that was isolated from disrupting the
//! cluster when the isolation ends. A crash does not end the promise, and a newer term from another source
//! does not end the promise either. The check runs at every request for a vote or a pre-vote, unless a leader
//! told the candidate to campaign.

use crate::check::ghost::{Consumed, Facts, Ghost, Promise};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::{Exclusion, Parts};

const SECTION: &str = "thesis §4.2.3, §6.4.1";
const WATCHES: Facts = Facts::VOTE_ASKED.or(Facts::PRE_VOTE);

const NEEDS: Parts = Parts::MESSAGES.or(Parts::TERM).or(Parts::VOTE).or(Parts::LEADER).or(Parts::SERVER);

pub(crate) const CHECK: Check =
    Check::new(Exclusion::SILENCE, SECTION, JudgeLevel::Steps, WATCHES, judge).needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ghost.step;
    let (Consumed::VoteRequest { from: candidate, transfer: false, .. }
    | Consumed::PreVoteRequest { from: candidate, .. }) = step.consumed
    else {
        return None;
    };
    let leader_contact = ghost.subject().leader_contact.filter(|contact| contact.leader != candidate)?;
    if leader_contact.until <= step.clock {
        return None;
    }
    *witnessed += 1;
    let did = if step.was.vote != step.now.vote && step.now.vote == Some(candidate) {
        "votes for"
    } else if step.promises.contains(&Promise::PreGrant { to: candidate }) {
        "grants a pre-vote to"
    } else if step.was.term != step.now.term {
        "enters the term of"
    } else {
        return None;
    };
    let (idx, leader) = (step.idx, leader_contact.leader);
    let (ago, silence) = (step.clock.since(leader_contact.at), leader_contact.until.since(leader_contact.at));
    violated(format_args!(
        "{idx} {did} {candidate}, but {idx} heard from {leader} {ago} ago and must refuse candidates for {silence}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, HEARTBEAT_TIMEOUT, N1, N2, N3, ScriptedServer};
    use wavetank_raft::{
        Action, Event, LogId, Request, RequestPreVote, RequestPreVoteResponse, RequestVote, Response, RpcId,
        Span, Term,
    };

    const AT_ONCE: Span = Span::ms(99);

    /// All servers hear from n1, and then this time passes.
    fn after(span: Span) -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.clock = fixture.clock + span;
        fixture
    }

    fn asks(leadership_transfer: bool) -> Event {
        let request = RequestVote { term: Term(3), last_log: LogId::ZERO, leadership_transfer };
        Event::Request { from: N2.node(), rpc: RpcId(9), request: Request::RequestVote(request) }
    }

    #[test]
    fn after_the_timeout_votes_are_free() {
        let mut fixture = after(HEARTBEAT_TIMEOUT);
        fixture.elect(N2, 3);
        fixture.expect_no_violation();
    }

    #[test]
    fn a_voter_that_refuses_is_legal() {
        let mut fixture = after(AT_ONCE);
        fixture.step(N3, &asks(false), |_| {}, Vec::new());
        fixture.expect_holds();
    }

    #[test]
    fn no_vote_is_given_after_leader_contact() {
        let mut fixture = after(AT_ONCE);
        fixture.grant(N3, 3, N2);
        fixture.expect_violation(
            "n3 votes for n2, but n3 heard from n1 99.000ms ago and must refuse candidates for 100.000ms",
        );
    }

    #[test]
    fn no_pre_vote_is_granted() {
        let mut fixture = after(AT_ONCE);
        let request = Request::RequestPreVote(RequestPreVote { term: Term(3), last_log: LogId::ZERO });
        let event = Event::Request { from: N2.node(), rpc: RpcId(9), request };
        let response = Response::RequestPreVote(RequestPreVoteResponse { term: Term(3), granted: true });
        let yes = Action::Reply { to: N2.node(), rpc: RpcId(9), response };
        fixture.step(N3, &event, |_| {}, vec![yes]);
        fixture.expect_violation(
            "n3 grants a pre-vote to n2, but n3 heard from n1 99.000ms ago and must refuse candidates for 100.000ms",
        );
    }

    #[test]
    fn the_term_of_the_candidate_is_not_entered() {
        let enter =
            |scripted: &mut ScriptedServer| (scripted.view.term, scripted.view.leader) = (Term(3), None);
        let mut fixture = after(AT_ONCE);
        fixture.step(N3, &asks(false), enter, Vec::new());
        fixture.expect_violation(
            "n3 enters the term of n2, but n3 heard from n1 99.000ms ago and must refuse candidates for 100.000ms",
        );
    }

    #[test]
    fn a_crash_or_a_newer_term_does_not_end_the_promise() {
        let mut crashed = after(AT_ONCE);
        crashed.crash(N3);
        crashed.boot(N3);
        crashed.grant(N3, 3, N2);
        crashed.expect_violation("n3 votes for n2, but n3 heard from n1 99.000ms ago");

        let mut led_on = after(AT_ONCE);
        led_on.set_view(N3, |scripted| (scripted.view.term, scripted.view.leader) = (Term(3), None));
        led_on.grant(N3, 3, N2);
        led_on.expect_violation("n3 votes for n2, but n3 heard from n1 99.000ms ago");
    }

    #[test]
    fn a_leader_may_transfer_and_may_be_elected_again() {
        let mut fixture = after(AT_ONCE);
        let enter = |scripted: &mut ScriptedServer| {
            (scripted.view.term, scripted.view.vote) = (Term(3), Some(N2.node()));
        };
        fixture.step(N3, &asks(true), enter, Vec::new());
        fixture.grant(N3, 4, N1);
        fixture.expect_no_violation();
    }
}
