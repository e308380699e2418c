//! A transfer of leadership: only to a voter that has everything, only in its term, nothing is
//! proposed meanwhile, and it ends with the leadership at the latest.

use crate::check::ghost::{Exposure, Facts, Ledger, Took};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;
use crate::plan::server_set::Slot;
use wavetank_raft::NodeId;

const WATCHES: Facts = Facts::SENT_TIMEOUT_NOW.or(Facts::TIMEOUT_NOW).or(Facts::TRANSFER);

/// Transfers keep their discipline (T10).
pub(crate) const CHECK: Check =
    Check::new("transfer_discipline", "thesis §3.10", Column::Steps, WATCHES, judge);

fn judge(ledger: &Ledger, facts: Facts, witnessed: &mut u64) -> Option<String> {
    let (slot, was) = (ledger.step.slot, ledger.step.was.term);
    if let Took::TimeoutNow { term: Some(said) } = ledger.step.took
        && facts.touches(Facts::CAMPAIGNED)
        && said < was
    {
        return say(format_args!("{slot} at {was} obeyed a call of {said} to campaign"));
    }
    let called = ledger.step.exposures.iter().find_map(|exposure| {
        let Exposure::TimeoutNow { to: target } = *exposure else { return None };
        *witnessed += 1;
        unfit(ledger, target)
    });
    called.or_else(|| pending(ledger, witnessed))
}

/// Why a leader should not have handed over to this server.
fn unfit(ledger: &Ledger, target: NodeId) -> Option<String> {
    let (step, leader) = (&ledger.step, ledger.step.slot);
    let confs = [step.was_conf, step.now_conf];
    let votes = |slot| confs.iter().flatten().any(|placed| placed.conf.voters().contains(slot));
    if !Slot::of(target).is_some_and(votes) {
        return say(format_args!("{leader} hands over to {target}, which has no vote"));
    }
    if !step.now.leads() {
        return None;
    }
    // What the leader appends in the same step, to leave a joint configuration, comes after the
    // call.
    let last = step.was.last.index;
    match ledger.subject().follower(target).map(|follower| follower.matched) {
        None => say(format_args!("{leader} hands over to {target}, which does not follow it")),
        Some(matched) if matched < last => {
            say(format_args!("{leader} hands over to {target}, which has {matched} of {last}"))
        }
        Some(_) => None,
    }
}

/// What is wrong with a server that has not answered a request to hand over.
fn pending(ledger: &Ledger, witnessed: &mut u64) -> Option<String> {
    let step = &ledger.step;
    if ledger.subject().transfers.is_empty() {
        return None;
    }
    *witnessed += 1;
    let (slot, role) = (step.slot, step.now.role);
    if !step.now.leads() {
        return say(format_args!("{slot} is a {role:?} and has not answered who asked it to hand over"));
    }
    let (_, index) = step.appended.filter(|_| step.proposals)?;
    say(format_args!("{slot} appended a proposal at {index} while handing over"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, N4, Tale};
    use wavetank_raft::{
        Action, Call, Error, Event, Request, RequestId, Response, RoleName, RpcId, Term, TimeoutNow,
        TimeoutNowResponse,
    };

    fn tale() -> Tale {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale
    }

    fn call(target: Slot) -> Action {
        let request = Request::TimeoutNow(TimeoutNow { term: Some(Term(2)) });
        Action::Send { to: target.node(), rpc: RpcId(5), request }
    }

    fn asked(tale: &mut Tale) {
        let event = Event::Call { request: RequestId(70), call: Call::Transfer { target: None } };
        tale.step(N1, &event, |_| {}, Vec::new());
    }

    #[test]
    fn a_whole_transfer() {
        let mut tale = tale();
        asked(&mut tale);
        tale.step(N1, &Event::Timer, |_| {}, vec![call(N2)]);
        let outcome = Ok(wavetank_raft::Answer::Done);
        let done = Action::Answer { request: RequestId(70), outcome };
        let depose = |posed: &mut crate::check::fixture::Posed| posed.glimpse.role = RoleName::Follower;
        tale.step(N1, &Event::Timer, depose, vec![done]);
        tale.is_quiet();
    }

    #[test]
    fn the_target_votes_and_has_everything() {
        let mut stranger = tale();
        stranger.step(N1, &Event::Timer, |_| {}, vec![call(N4)]);
        stranger.speaks("n1 hands over to n4, which has no vote");

        let mut behind = tale();
        behind.propose(N1, 1);
        behind.step(N1, &Event::Timer, |_| {}, vec![call(N3)]);
        behind.speaks("n1 hands over to n3, which has i2 of i3");
    }

    #[test]
    fn nothing_is_proposed_meanwhile() {
        let mut tale = tale();
        asked(&mut tale);
        tale.propose(N1, 1);
        tale.speaks("n1 appended a proposal at i3 while handing over");
    }

    #[test]
    fn after_a_refusal_all_is_as_before() {
        let mut tale = tale();
        asked(&mut tale);
        let refusal = Action::Answer { request: RequestId(70), outcome: Err(Error::EnqueueTimeout) };
        tale.step(N1, &Event::Timer, |_| {}, vec![refusal]);
        tale.propose(N1, 1);
        tale.is_quiet();
    }

    #[test]
    fn it_does_not_outlive_the_leadership() {
        let mut tale = tale();
        asked(&mut tale);
        tale.pose(N1, |posed| posed.glimpse.role = RoleName::Follower);
        tale.speaks("n1 is a Follower and has not answered");
    }

    #[test]
    fn a_call_of_an_older_term_is_not_obeyed() {
        let mut tale = tale();
        let request = Request::TimeoutNow(TimeoutNow { term: Some(Term(1)) });
        let event = Event::Request { from: N1.node(), rpc: RpcId(5), request };
        let response = Response::TimeoutNow(TimeoutNowResponse { accepted: false });
        let refuse = Action::Reply { to: N1.node(), rpc: RpcId(5), response };
        tale.step(N3, &event, |_| {}, vec![refuse]);
        tale.is_unspoken();
        tale.step(N3, &event, |posed| posed.glimpse.role = RoleName::Candidate, Vec::new());
        tale.speaks("n3 at t2 obeyed a call of t1");
    }
}
