//! A server refuses each call that the server must refuse, and each refusal gives a true reason (HashiCorp
//! Raft's errors). A server must refuse a change if the latest configuration does not have the index that the
//! change requires. A server must also refuse a proposal or a change during a transfer of leadership, and a
//! bootstrap if the server is not new or has no vote in the configuration of the bootstrap.
//!
//! The check runs at every call of these kinds.

use crate::check::ghost::{Asked, Facts, Ghost, ReceivedCall, index_of};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use std::fmt;
use wavetank_raft::{Refusal, RequestError};

const NEEDS: Parts = Parts::ROLE
    .or(Parts::TERM)
    .or(Parts::VOTE)
    .or(Parts::LOG)
    .or(Parts::SNAPSHOT)
    .or(Parts::CONFIGURATION)
    .or(Parts::SERVER);

pub(crate) const CHECK: Check =
    Check::new("refused_for_a_reason", "HashiCorp Raft, errors", JudgeLevel::History, Facts::CALLED, judge)
        .needing(NEEDS);

/// A reason to refuse a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reason {
    /// The index of the latest configuration is not the index that the call requires.
    OtherConfiguration,
    /// A transfer of leadership is in progress.
    InTransfer,
    /// The server already has a term above 1, a vote, an entry or a snapshot.
    NotNew,
    /// The server has no vote in the configuration of the bootstrap.
    NoVote,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherConfiguration => "the latest configuration has another index",
            Self::InTransfer => "a transfer is in progress",
            Self::NotNew => "the server is not new",
            Self::NoVote => "the server has no vote in the configuration",
        })
    }
}

/// Returns the true reasons to refuse a call. Each reason has a fixed place in the array; the place has
/// `None` if the reason is not true.
fn reasons(ghost: &Ghost, received: &ReceivedCall) -> [Option<Reason>; 4] {
    let latest = index_of(ghost.step.was_conf);
    let (other, not_new, no_vote) = match received.asked {
        Asked::Change { condition, .. } => (condition.is_some_and(|index| index != latest), false, false),
        Asked::Bootstrap { is_voter, .. } => (false, !received.was_blank, !is_voter),
        Asked::Entry(_) | Asked::Barrier | Asked::Restore(_) => (false, false, false),
    };
    [
        other.then_some(Reason::OtherConfiguration),
        received.in_transfer.then_some(Reason::InTransfer),
        not_new.then_some(Reason::NotNew),
        no_vote.then_some(Reason::NoVote),
    ]
}

/// Returns the reason that an error gives. Returns `None` if the check does not judge this error.
pub(crate) const fn given(error: &RequestError) -> Option<Reason> {
    match error {
        RequestError::Refused(Refusal::ConfigurationChanged { .. }) => Some(Reason::OtherConfiguration),
        RequestError::LeadershipTransferInProgress => Some(Reason::InTransfer),
        RequestError::CantBootstrap => Some(Reason::NotNew),
        RequestError::NotVoter => Some(Reason::NoVote),
        _ => None,
    }
}

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (idx, received) = (ghost.step.idx, ghost.step.received?);
    let request = received.request;
    let reasons = reasons(ghost, &received);
    let answered = ghost.step.answered.iter().find(|answered| answered.call.request == request);
    let Some(error) = answered.and_then(|answered| answered.error()) else {
        let reason = reasons.into_iter().flatten().next()?;
        return violated(format_args!("{idx} accepts {request}, although {reason}"));
    };
    *witnessed += 1;
    if matches!(error, RequestError::NotLeader(_)) && ghost.step.was.leads() {
        return violated(format_args!(
            "{idx} leads, but refuses {request} and says that {idx} does not lead"
        ));
    }
    let said = given(error)?;
    if reasons.contains(&Some(said)) {
        return None;
    }
    violated(format_args!("{idx} refuses {request} for an untrue reason: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, N4, voters};
    use crate::plan::server_set::ServerIdx;
    use wavetank_raft::{Action, Call, Change, Entry, Event, Index, LogOp, Payload, RequestId, Term};

    /// The server receives this call and refuses it, or appends this payload.
    fn call(fixture: &mut Fixture, idx: ServerIdx, call: Call, result: Result<Payload, RequestError>) {
        let request = RequestId(50);
        let action = match result {
            Ok(payload) => {
                let last = fixture.scripted(idx).view.last;
                let entry = Entry::new(Term(last.term.0.max(1)), last.index.next(), payload);
                fixture.write(None, LogOp::Append([entry].into()))
            }
            Err(error) => Action::Answer { request, outcome: Err(error) },
        };
        fixture.step(idx, &Event::Call { request, call }, |_| {}, vec![action]);
    }

    fn leader() -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture
    }

    fn removal(prev_index: u64) -> Call {
        Call::Change { change: Change::RemoveServer(N3.id()), prev_index: Some(Index(prev_index)) }
    }

    fn changed(since: u64) -> RequestError {
        RequestError::Refused(Refusal::ConfigurationChanged { since: Index(since), latest: Index(1) })
    }

    #[test]
    fn a_condition_on_another_configuration_is_refused() {
        let mut fixture = leader();
        call(&mut fixture, N1, removal(2), Err(changed(2)));
        fixture.expect_holds();
        call(&mut fixture, N1, removal(2), Ok(Payload::Configuration(voters(&[N1, N2]))));
        fixture.expect_violation("n1 accepts r50, although the latest configuration has another index");
    }

    #[test]
    fn a_condition_on_the_latest_configuration_is_not_refused() {
        let mut fixture = leader();
        call(&mut fixture, N1, removal(1), Err(changed(1)));
        fixture.expect_violation(
            "n1 refuses r50 for an untrue reason: the latest configuration has another index",
        );
    }

    #[test]
    fn a_change_during_a_transfer_is_refused() {
        let mut fixture = leader();
        let transfer = Event::Call { request: RequestId(49), call: Call::Transfer { target: None } };
        fixture.step(N1, &transfer, |_| {}, Vec::new());
        call(&mut fixture, N1, removal(1), Err(RequestError::LeadershipTransferInProgress));
        fixture.expect_holds();
        call(&mut fixture, N1, Call::Barrier, Ok(Payload::Barrier));
        fixture.expect_violation("n1 accepts r50, although a transfer is in progress");
    }

    #[test]
    fn a_server_is_bootstrapped_once_and_as_a_voter() {
        let bootstrap = |servers: &[ServerIdx]| Call::Bootstrap(voters(servers).as_ref().clone());
        let mut fixture = leader();
        call(&mut fixture, N2, bootstrap(&[N1, N2]), Err(RequestError::CantBootstrap));
        call(&mut fixture, N4, bootstrap(&[N1, N2]), Err(RequestError::NotVoter));
        fixture.expect_holds();
        call(&mut fixture, N4, bootstrap(&[N4]), Err(RequestError::CantBootstrap));
        fixture.expect_violation("n4 refuses r50 for an untrue reason: the server is not new");
        let mut fixture = leader();
        call(&mut fixture, N2, bootstrap(&[N2]), Ok(Payload::Configuration(voters(&[N2]))));
        fixture.expect_violation("n2 accepts r50, although the server is not new");
    }

    #[test]
    fn a_leader_does_not_deny_that_it_leads() {
        let mut fixture = leader();
        call(&mut fixture, N1, Call::Barrier, Err(RequestError::NotLeader(None)));
        fixture.expect_violation("n1 leads, but refuses r50 and says that n1 does not lead");
    }
}
