//! For each call, the server appends the requested entry, or refuses the call and appends nothing. A
//! bootstrap succeeds only after its entry is durable. A call that stages a server succeeds only with the
//! index of an entry that makes the server a voter. Every other call succeeds only after its entry is
//! committed and applied. The answer to a command contains the response of the state machine (thesis §6.3;
//! HashiCorp Raft's futures).
//!
//! The check runs whenever a server receives or answers one of these calls: commands with extensions,
//! barriers, restores, changes of the membership, and bootstraps.

use crate::check::ghost::{AnsweredCall, Asked, Facts, Ghost, PendingCall, ReceivedCall};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use wavetank_raft::{Answer, Data, Index, RequestError};

const NEEDS: Parts = Parts::TERM.or(Parts::COMMIT).or(Parts::LOG).or(Parts::CONFIGURATION).or(Parts::SERVER);

pub(crate) const CHECK: Check = Check::new(
    "call_is_carried_out",
    "thesis §6.3",
    JudgeLevel::History,
    Facts::CALLED.or(Facts::ANSWERED),
    judge,
)
.needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let received = ghost.step.received.and_then(|received| {
        *witnessed += 1;
        begun(ghost, &received)
    });
    received.or_else(|| {
        ghost.step.answered.iter().find_map(|answered| {
            *witnessed += 1;
            match &answered.outcome {
                Ok(answer) => succeeded(ghost, &answered.call, answer),
                Err(error) => failed(ghost, answered, error),
            }
        })
    })
}

/// Returns a message if the server accepted a received call without the requested entry, or refused the call
/// but appended an entry.
fn begun(ghost: &Ghost, received: &ReceivedCall) -> Option<String> {
    let (step, idx, request) = (&ghost.step, ghost.step.idx, received.request);
    let is_refused = step.answered.iter().any(|it| it.call.request == request && it.error().is_some());
    match (step.appended, is_refused) {
        (None, true) => None,
        (Some((first, _)), true) => {
            violated(format_args!("{idx} refuses {request}, but appends its entry at {first}"))
        }
        (None, false) => violated(format_args!("{idx} accepts {request}, but appends no entry")),
        (Some((first, _)), false) => {
            let is_so = match received.asked.payload() {
                Some(payload) => ghost.has_payload(idx, first, payload).unwrap_or(true),
                None => false,
            };
            if is_so {
                return None;
            }
            violated(format_args!(
                "the entry that {idx} appends at {first} is not the entry that {request} asks for"
            ))
        }
    }
}

/// Compares the answer to a call that succeeded with the entry of the call. Returns a message if the answer
/// is wrong.
fn succeeded(ghost: &Ghost, call: &PendingCall, answer: &Answer) -> Option<String> {
    let (idx, request) = (ghost.step.idx, call.request);
    let Some((mine, link)) = call.entry else {
        return violated(format_args!("{idx} answers {request}, but has appended no entry for {request}"));
    };
    let (index, response) = match answer {
        Answer::Applied { index, response } => (*index, Some(response)),
        Answer::Committed { index } => (*index, None),
        Answer::Done if matches!(call.asked, Asked::Bootstrap { .. }) => {
            let is_durable = ghost.subject().disk_holds(mine, link);
            return if is_durable {
                None
            } else {
                violated(format_args!("{idx} answers {request}, but the entry of {request} is not durable"))
            };
        }
        // `every_call_ends` judges the kind of the answer.
        _ => return None,
    };
    if let Asked::Change { staged: Some(staged), .. } = call.asked {
        let votes = ghost.history.conf_at(index);
        let promoted = votes.filter(|it| it.index == index && it.conf.voters().contains(staged));
        return if promoted.is_some() {
            None
        } else {
            violated(format_args!(
                "{idx} answers {request} at {index}, but the entry at {index} does not make {staged} a voter"
            ))
        };
    }
    let is_committed = ghost.history.at(index).is_none_or(|there| there.link == link);
    if index != mine {
        return violated(format_args!(
            "{idx} answers {request} at {index}, but the entry of {request} is at {mine}"
        ));
    }
    if !is_committed {
        return violated(format_args!(
            "{idx} answers {request} at {index}, but another entry is committed there"
        ));
    }
    if ghost.subject().fsm_index < index {
        return violated(format_args!(
            "{idx} answers {request} at {index}, but has not applied the entry of {request}"
        ));
    }
    answered_with(ghost, call, index, response)
}

/// Returns a message if the response in the answer to a call is not the response that the state machine gave
/// for the entry.
fn answered_with(ghost: &Ghost, call: &PendingCall, index: Index, said: Option<&Data>) -> Option<String> {
    let (idx, request) = (ghost.step.idx, call.request);
    let gave = call.response.as_ref();
    let is_so = match call.asked {
        Asked::Restore(_) => gave.is_none_or(|response| response.is_empty()),
        _ => gave.is_none() || gave == said,
    };
    if is_so {
        return None;
    }
    violated(format_args!(
        "{idx} answers {request} at {index} with a response that its state machine did not give"
    ))
}

/// Returns a message if a restore failed with a store error although the state machine accepted the state and
/// the server does not stop.
fn failed(ghost: &Ghost, answered: &AnsweredCall, error: &RequestError) -> Option<String> {
    let accepted = answered.call.response.as_ref().is_some_and(|response| response.is_empty());
    let stops = ghost.subject().halting.is_some();
    if matches!((answered.call.asked, error), (Asked::Restore(_), RequestError::Store(_)))
        && accepted
        && !stops
    {
        let (idx, request) = (ghost.step.idx, answered.call.request);
        return violated(format_args!(
            "{idx} refuses {request}, but its state machine has restored the state"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, N4, voters};
    use wavetank_raft::store::{StoreError, StoreErrorKind};
    use wavetank_raft::{Action, Call, Change, Entry, Event, LogOp, Payload, RequestId, Term};

    const REQUEST: RequestId = RequestId(50);

    fn refusal() -> Action {
        Action::Answer { request: REQUEST, outcome: Err(RequestError::NotLeader(None)) }
    }

    /// A leader with two entries receives a call, appends this payload and takes further actions.
    fn called(call: Call, payload: Option<Payload>, mut actions: Vec<Action>) -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        if let Some(payload) = payload {
            let entry = Entry::new(Term(2), Index(3), payload);
            actions.insert(0, fixture.write(None, LogOp::Append([entry].into())));
        }
        fixture.step(N1, &Event::Call { request: REQUEST, call }, |_| {}, actions);
        fixture
    }

    fn removal() -> Call {
        Call::Change { change: Change::RemoveServer(N3.id()), prev_index: None }
    }

    #[test]
    fn a_call_appends_what_it_asks_for_or_nothing() {
        called(Call::Barrier, Some(Payload::Barrier), Vec::new()).expect_holds();
        called(removal(), Some(Payload::Configuration(voters(&[N1, N2]))), Vec::new()).expect_holds();
        called(removal(), None, vec![refusal()]).expect_holds();
    }

    #[test]
    fn a_call_must_not_append_anything_else() {
        let other = Some(Payload::Configuration(voters(&[N1, N3])));
        called(removal(), other, Vec::new())
            .expect_violation("the entry that n1 appends at i3 is not the entry that r50");
        called(Call::Barrier, None, Vec::new()).expect_violation("n1 accepts r50, but appends no entry");
        called(Call::Barrier, Some(Payload::Barrier), vec![refusal()])
            .expect_violation("n1 refuses r50, but appends its entry at i3");
    }

    #[test]
    fn an_answer_names_the_entry_of_its_call() {
        let answered = |index| {
            let mut fixture = called(Call::Barrier, Some(Payload::Barrier), Vec::new());
            fixture.sync(N1);
            fixture.commit(N1, 3);
            fixture.applied(N1, 1, 3, 7);
            fixture.allow(N1, 50, Answer::Committed { index: Index(index) });
            fixture
        };
        answered(3).expect_holds();
        answered(2).expect_violation("n1 answers r50 at i2, but the entry of r50 is at i3");
    }

    #[test]
    fn a_staged_server_is_a_voter_when_its_call_is_answered() {
        let call = Call::AddVoterStaged { id: N4.id(), address: N4.address(), prev_index: None };
        let mut members = voters(&[N1, N2, N3]).servers().to_vec();
        members.push(wavetank_raft::Member::nonvoter(N4.id(), N4.address()));
        let nonvoter = wavetank_raft::Configuration::new(members).expect("four names");
        let mut fixture = called(call, Some(Payload::Configuration(nonvoter.into())), Vec::new());
        fixture.sync(N1);
        fixture.commit(N1, 3);
        fixture.allow(N1, 50, Answer::Committed { index: Index(3) });
        fixture.expect_violation("n1 answers r50 at i3, but the entry at i3 does not make n4 a voter");
    }

    #[test]
    fn a_restore_fails_only_if_the_state_machine_refused_it() {
        let restored = |response: &[u8]| {
            let state: Data = [1].as_slice().into();
            let call = Call::Restore(state.clone());
            let mut fixture = called(call, Some(Payload::Restore(state)), Vec::new());
            let outcome = Err(RequestError::Store(StoreError::new(StoreErrorKind::Corrupt, "old")));
            let event = Event::Applied { upto: Index(3), responses: vec![(Index(3), response.into())] };
            fixture.step(N1, &event, |_| {}, vec![Action::Answer { request: REQUEST, outcome }]);
            fixture
        };
        restored(b"old").expect_holds();
        restored(b"").expect_violation("n1 refuses r50, but its state machine has restored the state");
    }
}
