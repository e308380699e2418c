//! A leader transfers leadership only to a voter that has the whole log. The leader proposes nothing during
//! the transfer, and ends the transfer when the leader stops leading (thesis §3.10).
//!
//! The target also ignores a TimeoutNow of an older term. The check runs whenever a TimeoutNow is sent or
//! received, and at every step of a server that has not answered a call for a transfer.

use crate::check::ghost::{Consumed, Facts, Ghost, Promise};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::ServerIdx;
use crate::subject::Parts;
use wavetank_raft::NodeId;

const WATCHES: Facts = Facts::SENT_TIMEOUT_NOW.or(Facts::TIMEOUT_NOW).or(Facts::TRANSFER);

const NEEDS: Parts =
    Parts::MESSAGES.or(Parts::ROLE).or(Parts::TERM).or(Parts::LOG).or(Parts::CONFIGURATION).or(Parts::SERVER);

pub(crate) const CHECK: Check =
    Check::new("transfer_discipline", "thesis §3.10", JudgeLevel::Steps, WATCHES, judge).needing(NEEDS);

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    let (idx, was) = (ghost.step.idx, ghost.step.was.term);
    if let Consumed::TimeoutNow { term: Some(said) } = ghost.step.consumed
        && facts.touches(Facts::CAMPAIGNED)
        && said < was
    {
        return violated(format_args!(
            "{idx} is in term {was}, but obeyed a TimeoutNow of the older term {said}"
        ));
    }
    let called = ghost.step.promises.iter().find_map(|promise| {
        let Promise::TimeoutNow { to: target } = *promise else { return None };
        *witnessed += 1;
        unfit(ghost, target)
    });
    called.or_else(|| pending(ghost, witnessed))
}

/// Returns a message if the leader must not transfer leadership to this server.
fn unfit(ghost: &Ghost, target: NodeId) -> Option<String> {
    let (step, leader) = (&ghost.step, ghost.step.idx);
    let confs = [step.was_conf, step.now_conf];
    let votes = |idx| confs.iter().flatten().any(|placed| placed.conf.voters().contains(idx));
    if !ServerIdx::of(target).is_some_and(votes) {
        return violated(format_args!("{leader} transfers leadership to {target}, which is not a voter"));
    }
    if !step.now.leads() {
        return None;
    }
    // In the same step the leader may append the entry that leaves a joint configuration. The target
    // need not have this entry, so the log is compared as it was before the step.
    let last = step.was.last.index;
    match ghost.subject().follower(target).map(|follower| follower.matched) {
        None => violated(format_args!(
            "{leader} transfers leadership to {target}, but has no progress record of {target}"
        )),
        Some(matched) if matched < last => violated(format_args!(
            "{leader} transfers leadership to {target}, which has the log only up to {matched}, not up to {last}"
        )),
        Some(_) => None,
    }
}

/// Returns a message if a server with an unanswered call for a transfer does not lead, or appended a
/// proposal.
fn pending(ghost: &Ghost, witnessed: &mut u64) -> Option<String> {
    let step = &ghost.step;
    if ghost.subject().transfers.is_empty() {
        return None;
    }
    *witnessed += 1;
    let (idx, role) = (step.idx, step.now.role);
    if !step.now.leads() {
        return violated(format_args!(
            "{idx} does not lead any more (it is a {role:?}), but has not answered its client's call for a transfer"
        ));
    }
    let (_, index) = step.appended.filter(|_| step.proposals)?;
    violated(format_args!("{idx} appended a proposal at {index} during a transfer"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, N4};
    use wavetank_raft::{
        Action, Call, Event, Request, RequestError, RequestId, Response, RoleName, RpcId, Term, TimeoutNow,
        TimeoutNowResponse,
    };

    fn fixture() -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture
    }

    fn call(target: ServerIdx) -> Action {
        let request = Request::TimeoutNow(TimeoutNow { term: Some(Term(2)) });
        Action::Send { to: target.node(), rpc: RpcId(5), request }
    }

    fn asked(fixture: &mut Fixture) {
        let event = Event::Call { request: RequestId(70), call: Call::Transfer { target: None } };
        fixture.step(N1, &event, |_| {}, Vec::new());
    }

    #[test]
    fn a_complete_transfer_is_legal() {
        let mut fixture = fixture();
        asked(&mut fixture);
        fixture.step(N1, &Event::Timer, |_| {}, vec![call(N2)]);
        let outcome = Ok(wavetank_raft::Answer::Done);
        let done = Action::Answer { request: RequestId(70), outcome };
        let depose =
            |scripted: &mut crate::check::fixture::ScriptedServer| scripted.view.role = RoleName::Follower;
        fixture.step(N1, &Event::Timer, depose, vec![done]);
        fixture.expect_holds();
    }

    #[test]
    fn the_target_is_a_voter_with_the_whole_log() {
        let mut non_voter = fixture();
        non_voter.step(N1, &Event::Timer, |_| {}, vec![call(N4)]);
        non_voter.expect_violation("n1 transfers leadership to n4, which is not a voter");

        let mut behind = fixture();
        behind.propose(N1, 1);
        behind.step(N1, &Event::Timer, |_| {}, vec![call(N3)]);
        behind
            .expect_violation("n1 transfers leadership to n3, which has the log only up to i2, not up to i3");
    }

    #[test]
    fn nothing_is_proposed_during_a_transfer() {
        let mut fixture = fixture();
        asked(&mut fixture);
        fixture.propose(N1, 1);
        fixture.expect_violation("n1 appended a proposal at i3 during a transfer");
    }

    #[test]
    fn after_a_refusal_the_leader_may_propose() {
        let mut fixture = fixture();
        asked(&mut fixture);
        let refusal = Action::Answer { request: RequestId(70), outcome: Err(RequestError::EnqueueTimeout) };
        fixture.step(N1, &Event::Timer, |_| {}, vec![refusal]);
        fixture.propose(N1, 1);
        fixture.expect_holds();
    }

    #[test]
    fn a_transfer_ends_with_the_leadership() {
        let mut fixture = fixture();
        asked(&mut fixture);
        fixture.set_view(N1, |scripted| scripted.view.role = RoleName::Follower);
        fixture.expect_violation("n1 does not lead any more (it is a Follower), but has not answered its client's call for a transfer");
    }

    #[test]
    fn a_timeout_now_of_an_older_term_is_ignored() {
        let mut fixture = fixture();
        let request = Request::TimeoutNow(TimeoutNow { term: Some(Term(1)) });
        let event = Event::Request { from: N1.node(), rpc: RpcId(5), request };
        let response = Response::TimeoutNow(TimeoutNowResponse { accepted: false });
        let refuse = Action::Reply { to: N1.node(), rpc: RpcId(5), response };
        fixture.step(N3, &event, |_| {}, vec![refuse]);
        fixture.expect_no_violation();
        fixture.step(N3, &event, |scripted| scripted.view.role = RoleName::Candidate, Vec::new());
        fixture.expect_violation("n3 is in term t2, but obeyed a TimeoutNow of the older term t1");
    }
}
