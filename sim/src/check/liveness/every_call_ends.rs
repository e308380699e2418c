//! Every call is answered at most once, with the right kind of answer or with an error (thesis §3.10, §5.1,
//! §6.3). A transfer of leadership ends within two election timeouts. The election timeout of this check is
//! the longest time that a server waits before it campaigns. The check measures a transfer in virtual time
//! and on the server's clock, and uses the shorter result. Therefore a transfer may take longer in virtual
//! time while the clock is frozen or slow. A request for a snapshot is answered when the snapshot is taken or
//! has failed, and the answer tells whether the snapshot was taken or has failed. A request that joined a
//! snapshot under way may wait for the next snapshot instead, if the next snapshot begins at once.
//!
//! The check runs in every run, at every step. The end of the run judges calls that have no answer: see
//! [`Unsettled`](crate::engine::world::Unsettled).

use crate::check::violated;
use crate::observe::report::Class;
use crate::observe::{Observation, ObservationKind};
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::subject::Subject;
use std::fmt;
use wavetank_raft::{Action, Answer, Call, Event, ReadPath, RequestError, RequestId, Span, Time};

/// The check that watches open calls.
#[derive(Clone, Debug)]
pub(crate) struct EveryCallEnds {
    /// The maximum duration of a transfer of leadership: two election timeouts.
    longest: Span,
    /// The open calls of each server. The position in the list is the index of the server.
    open: Vec<Vec<OpenCall>>,
    /// The time on the clock of the server that handles the current event.
    clock: Time,
    /// The result of a snapshot, if the current step began with the report of this result: true if the
    /// snapshot was taken, and false if the snapshot failed. Otherwise `None`.
    snapshot_taken: Option<bool>,
    /// The servers that are taking a snapshot.
    taking: ServerSet,
    /// The number of calls that were answered.
    judged: u64,
}

/// A call that has no answer yet.
#[derive(Clone, Copy, Debug)]
struct OpenCall {
    request: RequestId,
    wants: AnswerKind,
    since: Time,
    /// The time on the server's clock when the server received the call.
    clock_then: Time,
    /// True if the call is a request for a snapshot, and a snapshot was under way when the call began.
    joins: bool,
}

/// The kind of answer that a call expects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AnswerKind {
    Applied,
    Committed,
    Readable,
    Snapshotted,
    Done,
    /// The same answer as [`AnswerKind::Done`], but within a time limit.
    Transfer,
}

impl EveryCallEnds {
    /// The name of the check.
    pub(crate) const NAME: &'static str = "every_call_ends";
    /// The sections of the thesis that state the property.
    pub(crate) const SECTION: &'static str = "thesis §3.10, §5.1, §6.3";

    /// Creates the check for a run with this election timeout.
    #[must_use]
    pub(crate) fn new(election_timeout: Span) -> Self {
        let open = vec![Vec::new(); ServerIdx::MAX_SERVERS];
        Self {
            longest: election_timeout.times(2),
            open,
            clock: Time(0),
            snapshot_taken: None,
            taking: ServerSet::default(),
            judged: 0,
        }
    }

    /// Returns the number of calls that were answered.
    #[must_use]
    pub(crate) const fn witnessed(&self) -> u64 {
        self.judged
    }

    /// Judges an observation. Returns the class and the message of a violation; `None` if the check finds no
    /// violation.
    pub(crate) fn on_observation<S: Subject>(
        &mut self,
        observation: &Observation<'_, S>,
    ) -> Option<(Class, String)> {
        let at = observation.at;
        match &observation.kind {
            ObservationKind::Stepping { idx, event, clock, server } => {
                self.clock = *clock;
                // A server that takes no timer now could not end a transfer, so the time of its open calls
                // begins again.
                if !server.takes_now(&Event::Timer) {
                    self.restart_time(*idx, at);
                }
                self.asked(*idx, event, at);
            }
            ObservationKind::Stepped { idx, actions, .. } => return self.answered(*idx, actions, at),
            // A server that stops loses its open calls, so nobody expects answers to these calls.
            ObservationKind::Crashed { idx, .. }
            | ObservationKind::Halted(idx)
            | ObservationKind::Booted { idx, .. } => {
                self.open[idx.at()].clear();
                self.taking = self.taking.without(*idx);
            }
            // A paused server could not answer, so the time of the open calls begins again.
            ObservationKind::Resumed(idx) => self.restart_time(*idx, at),
            _ => {}
        }
        None
    }

    fn restart_time(&mut self, idx: ServerIdx, at: Time) {
        self.open[idx.at()].iter_mut().for_each(|open| open.since = at);
    }

    fn asked<Q, R>(&mut self, idx: ServerIdx, event: &Event<Q, R>, since: Time) {
        let (open, clock_then) = (&mut self.open[idx.at()], self.clock);
        self.snapshot_taken = None;
        match event {
            Event::SnapshotTaken(taken) => {
                self.snapshot_taken = Some(taken.is_ok());
                self.taking = self.taking.without(idx);
            }
            Event::Call { request, call } => {
                let wants = wants(call);
                let joins = wants == AnswerKind::Snapshotted && self.taking.contains(idx);
                open.push(OpenCall { request: *request, wants, since, clock_then, joins });
            }
            Event::ApplyBatch(commands) => {
                let wants = AnswerKind::Applied;
                let applied =
                    |&(request, _): &_| OpenCall { request, wants, since, clock_then, joins: false };
                open.extend(commands.iter().map(applied));
            }
            _ => {}
        }
    }

    fn answered<Q, R>(
        &mut self,
        idx: ServerIdx,
        actions: &[Action<Q, R>],
        at: Time,
    ) -> Option<(Class, String)> {
        let open = &mut self.open[idx.at()];
        let begins = actions.iter().any(|action| matches!(action, Action::TakeSnapshot(_)));
        if begins {
            self.taking = self.taking.with(idx);
        }
        for action in actions {
            let Action::Answer { request, outcome } = action else { continue };
            let Some(place) = open.iter().position(|open| open.request == *request) else {
                return safety(violated(format_args!("{idx} answers {request}, but this call is not open")));
            };
            let OpenCall { wants, joins, .. } = open.swap_remove(place);
            self.judged += 1;
            if let (AnswerKind::Snapshotted, Some(taken)) = (wants, self.snapshot_taken)
                && taken != outcome.is_ok()
                && !(joins && *outcome == Err(RequestError::NothingNewToSnapshot))
            {
                return safety(violated(format_args!(
                    "{idx} answers {request} with {outcome:?}, which is not the result of the snapshot"
                )));
            }
            if let Ok(answer) = outcome
                && !wants.fits(answer)
            {
                let answer = AnswerKind::of(answer);
                return safety(violated(format_args!(
                    "{idx} answers {request} with {answer}, but the right answer is {wants}"
                )));
            }
        }
        if let Some(taken) = self.snapshot_taken.take() {
            for left in open.iter_mut().filter(|open| open.wants == AnswerKind::Snapshotted) {
                // The call may wait for the next snapshot, but not for the one after that.
                if taken && begins && std::mem::take(&mut left.joins) {
                    continue;
                }
                let (request, end) = (left.request, if taken { "was taken" } else { "has failed" });
                let silence = format_args!("{idx} does not answer {request}, although the snapshot {end}");
                return safety(violated(silence));
            }
        }
        let took = |open: &OpenCall| at.since(open.since).min(self.clock.since(open.clock_then));
        let late = |open: &&OpenCall| open.wants == AnswerKind::Transfer && self.longest < took(open);
        let OpenCall { request, since, .. } = open.iter().find(late)?;
        let what = violated(format_args!(
            "{idx} has not ended the transfer {request}, although its time began at {since} ms and the limit is \
                 {}",
            self.longest
        ))?;
        Some((Class::Liveness, what))
    }
}

fn safety(what: Option<String>) -> Option<(Class, String)> {
    Some((Class::Safety, what?))
}

const fn wants(call: &Call) -> AnswerKind {
    match call {
        Call::Apply(_) | Call::ApplyLog { .. } => AnswerKind::Applied,
        Call::Barrier | Call::Change { .. } | Call::AddVoterStaged { .. } | Call::Restore(_) => {
            AnswerKind::Committed
        }
        Call::Read(ReadPath::Index | ReadPath::Lease) => AnswerKind::Readable,
        Call::Snapshot => AnswerKind::Snapshotted,
        Call::Transfer { .. } => AnswerKind::Transfer,
        Call::VerifyLeader
        | Call::Read(ReadPath::Verify)
        | Call::Bootstrap(_)
        | Call::Reload(_)
        | Call::Shutdown => AnswerKind::Done,
    }
}

impl AnswerKind {
    const fn of(answer: &Answer) -> Self {
        match answer {
            Answer::Applied { .. } => Self::Applied,
            Answer::Committed { .. } => Self::Committed,
            Answer::Readable { .. } => Self::Readable,
            Answer::Snapshotted(_) => Self::Snapshotted,
            Answer::Done => Self::Done,
        }
    }

    fn fits(self, answer: &Answer) -> bool {
        let expected = if self == Self::Transfer { Self::Done } else { self };
        expected == Self::of(answer)
    }
}

impl fmt::Display for AnswerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Applied => "the response to a command",
            Self::Committed => "the index of a committed entry",
            Self::Readable => "a read index",
            Self::Snapshotted => "the description of a snapshot",
            Self::Done | Self::Transfer => "success without a value",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::world::World;
    use crate::engine::world::tests::tiny;
    use crate::plan::Plan;
    use std::sync::Arc;
    use wavetank_raft::store::{StoreError, StoreErrorKind};
    use wavetank_raft::{Data, Index, LogId, Outcome, SnapshotMeta, Term};

    const N1: ServerIdx = ServerIdx(0);

    /// The message of the check if a transfer, a command and a read get these answers at this time.
    fn said(answers: &[(u64, Outcome)], at: Time) -> Option<String> {
        said_by_clock(answers, at, at)
    }

    /// The message of [`said`] if the server's clock then shows `clock`.
    fn said_by_clock(answers: &[(u64, Outcome)], at: Time, clock: Time) -> Option<String> {
        let plan = Plan::calm(1, 1);
        let clients = tiny::SumClients::new(&plan);
        let world = World::new(plan, |_| tiny::Sum::default(), Box::new(clients), ());
        let server = world.server(N1).expect("it runs");
        let mut judge = EveryCallEnds::new(Span::ms(100));
        let calls = [
            Call::Transfer { target: None },
            Call::Apply(Data::from(&b"x"[..])),
            Call::Read(ReadPath::Lease),
        ];
        for (number, call) in (1..).zip(calls) {
            let event = Event::Call { request: RequestId(number), call };
            let seen = ObservationKind::Stepping { idx: N1, event: &event, server, clock: Time(0) };
            assert!(judge.on_observation(&Observation { at: Time(0), step: number, kind: seen }).is_none());
        }
        let answer = |(request, outcome): &(u64, Outcome)| Action::Answer {
            request: RequestId(*request),
            outcome: outcome.clone(),
        };
        let actions: Vec<Action> = answers.iter().map(answer).collect();
        let seen = ObservationKind::Stepping { idx: N1, event: &Event::Timer, server, clock };
        assert!(judge.on_observation(&Observation { at, step: 8, kind: seen }).is_none());
        let seen = ObservationKind::Stepped { idx: N1, server, actions: &actions };
        judge.on_observation(&Observation { at, step: 9, kind: seen }).map(|(_, what)| what)
    }

    const READ: (u64, Outcome) = (3, Ok(Answer::Readable { index: Index(1) }));

    #[test]
    fn a_call_with_the_right_kind_of_answer_is_legal() {
        let applied = Answer::Applied { index: Index(2), response: Data::from(&b""[..]) };
        assert_eq!(said(&[(1, Ok(Answer::Done)), (2, Ok(applied)), READ], Time(300_000)), None);
    }

    #[test]
    fn a_call_with_another_kind_of_answer_is_not() {
        let sentence = said(&[(2, Ok(Answer::Done))], Time(1)).expect("nothing was done");
        assert!(
            sentence
                .ends_with("with success without a value, but the right answer is the response to a command"),
            "{sentence}"
        );
    }

    #[test]
    fn a_call_is_answered_once() {
        let sentence = said(&[READ, READ], Time(1)).expect("it was answered");
        assert!(sentence.ends_with("this call is not open"), "{sentence}");
    }

    /// The message of the check if a request for a snapshot gets this answer when the snapshot ends so.
    fn said_of_snapshot(ended: Result<(), StoreError>, answer: Option<Outcome>) -> Option<String> {
        let plan = Plan::calm(1, 1);
        let clients = tiny::SumClients::new(&plan);
        let world = World::new(plan, |_| tiny::Sum::default(), Box::new(clients), ());
        let server = world.server(N1).expect("it runs");
        let mut judge = EveryCallEnds::new(Span::ms(100));
        let taken = Event::SnapshotTaken(ended.map(|()| Arc::new(meta(&world))));
        for event in [Event::Call { request: RequestId(1), call: Call::Snapshot }, taken] {
            let seen = ObservationKind::Stepping { idx: N1, event: &event, server, clock: Time(0) };
            assert!(judge.on_observation(&Observation { at: Time(0), step: 1, kind: seen }).is_none());
        }
        let actions: Vec<Action> =
            answer.map(|outcome| Action::Answer { request: RequestId(1), outcome }).into_iter().collect();
        let seen = ObservationKind::Stepped { idx: N1, server, actions: &actions };
        judge.on_observation(&Observation { at: Time(0), step: 2, kind: seen }).map(|(_, what)| what)
    }

    fn meta(world: &World<tiny::Sum, ()>) -> SnapshotMeta {
        let last = LogId::new(Term(1), Index(1));
        SnapshotMeta {
            last,
            configuration: world.founders(),
            configuration_index: Index(1),
            size: 0,
            checksum: 0,
        }
    }

    fn failure() -> StoreError {
        StoreError::new(StoreErrorKind::Io, "the state machine")
    }

    #[test]
    fn a_failed_snapshot_is_answered_with_its_error() {
        let error = Err(RequestError::Store(failure()));
        assert_eq!(said_of_snapshot(Err(failure()), Some(error.clone())), None);
        let silent = said_of_snapshot(Err(failure()), None).expect("it waits");
        assert!(silent.ends_with("although the snapshot has failed"), "{silent}");
        let silent = said_of_snapshot(Ok(()), None).expect("it waits");
        assert!(silent.ends_with("although the snapshot was taken"), "{silent}");
        let wrong = said_of_snapshot(Ok(()), Some(error)).expect("it was taken");
        assert!(wrong.contains("not the result of the snapshot"), "{wrong}");
    }

    #[test]
    fn a_call_that_joins_a_snapshot_may_wait_for_the_next_one() {
        let plan = Plan::calm(1, 1);
        let clients = tiny::SumClients::new(&plan);
        let world = World::new(plan, |_| tiny::Sum::default(), Box::new(clients), ());
        let server = world.server(N1).expect("it runs");
        let call = |number| Event::Call { request: RequestId(number), call: Call::Snapshot };
        let taken = || Event::SnapshotTaken(Ok(Arc::new(meta(&world))));
        let begin = || Action::TakeSnapshot(meta(&world));
        let first = Action::Answer {
            request: RequestId(1),
            outcome: Ok(Answer::Snapshotted(Arc::new(meta(&world)))),
        };
        let mut judge = EveryCallEnds::new(Span::ms(100));
        let mut step = |event: Event, actions: &[Action]| {
            let at = Time(0);
            let seen = ObservationKind::Stepping { idx: N1, event: &event, server, clock: at };
            assert!(judge.on_observation(&Observation { at, step: 1, kind: seen }).is_none());
            let seen = ObservationKind::Stepped { idx: N1, server, actions };
            judge.on_observation(&Observation { at, step: 2, kind: seen }).map(|(_, what)| what)
        };
        assert_eq!(step(call(1), &[begin()]), None);
        assert_eq!(step(call(2), &[]), None);
        assert_eq!(step(taken(), &[first, begin()]), None);
        let silent = step(taken(), &[begin()]).expect("the second snapshot has everything");
        assert!(silent.ends_with("although the snapshot was taken"), "{silent}");
    }

    #[test]
    fn a_transfer_ends_in_time() {
        assert_eq!(said(&[], Time(200_000)), None);
        assert!(said(&[], Time(200_001)).expect("it is late").contains("transfer"));
    }

    #[test]
    fn a_transfer_waits_while_the_clock_is_frozen() {
        assert_eq!(said_by_clock(&[], Time(200_001), Time(200_000)), None);
        assert!(said_by_clock(&[], Time(200_001), Time(200_001)).is_some());
    }
}
