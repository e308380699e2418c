//! Every call is answered at most once, with what it asked for or an error, and a transfer of
//! leadership is over within two election timeouts, one way or the other (V8, V9).
//!
//! Whether calls are answered at all is asked when everything else has settled: see
//! [`Unsettled`](crate::engine::world::Unsettled).

use crate::check::say;
use crate::observe::report::Class;
use crate::observe::{Observation, ObservationKind};
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{Action, Answer, Call, Event, ReadPath, RequestId, Span, Time};

/// The judge of calls.
#[derive(Clone, Debug)]
pub(crate) struct EveryCallEnds {
    /// How long a transfer may take, by any clock.
    longest: Span,
    open: Vec<Vec<Open>>,
    judged: u64,
}

/// A call that is not answered yet.
#[derive(Clone, Copy, Debug)]
struct Open {
    request: RequestId,
    wants: Wants,
    since: Time,
}

/// What answers a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wants {
    Applied,
    Committed,
    Readable,
    Snapshotted,
    Done,
    /// As [`Wants::Done`], and in time.
    Transfer,
}

impl EveryCallEnds {
    /// The name of its file.
    pub(crate) const NAME: &'static str = "every_call_ends";
    /// Where it is stated.
    pub(crate) const SECTION: &'static str = "thesis §3.10, §6.3";

    /// The judge of a run in which a server that hears nothing campaigns within this time.
    #[must_use]
    pub(crate) fn new(election_timeout: Span) -> Self {
        let open = vec![Vec::new(); ServerIdx::MAX_SERVERS];
        Self { longest: election_timeout.times(2), open, judged: 0 }
    }

    /// How many calls were answered.
    #[must_use]
    pub(crate) const fn witnessed(&self) -> u64 {
        self.judged
    }

    /// Looks at an observation, and says what is wrong.
    pub(crate) fn on_observation(&mut self, observation: &Observation<'_>) -> Option<(Class, String)> {
        let at = observation.at;
        match &observation.kind {
            ObservationKind::Stepping { idx, event, .. } => self.asked(*idx, event, at),
            ObservationKind::Stepped { idx, actions, .. } => return self.answered(*idx, actions, at),
            ObservationKind::Crashed { idx, .. }
            | ObservationKind::Halted(idx)
            | ObservationKind::Booted { idx, .. } => {
                self.open[idx.at()].clear();
            }
            // It could not keep the time.
            ObservationKind::Resumed(idx) => self.open[idx.at()].iter_mut().for_each(|open| open.since = at),
            _ => {}
        }
        None
    }

    fn asked(&mut self, idx: ServerIdx, event: &Event, since: Time) {
        let open = &mut self.open[idx.at()];
        match event {
            Event::Call { request, call } => open.push(Open { request: *request, wants: wants(call), since }),
            Event::ApplyBatch(commands) => {
                let applied = |&(request, _): &_| Open { request, wants: Wants::Applied, since };
                open.extend(commands.iter().map(applied));
            }
            _ => {}
        }
    }

    fn answered(&mut self, idx: ServerIdx, actions: &[Action], at: Time) -> Option<(Class, String)> {
        let open = &mut self.open[idx.at()];
        for action in actions {
            let Action::Answer { request, outcome } = action else { continue };
            let Some(place) = open.iter().position(|open| open.request == *request) else {
                return safety(say(format_args!("{idx} answers {request}, and nobody waits for it")));
            };
            let Open { wants, .. } = open.swap_remove(place);
            self.judged += 1;
            if let Ok(answer) = outcome
                && !wants.fits(answer)
            {
                return safety(say(format_args!(
                    "{idx} answers {request} with {answer:?}, which is not what it asks for"
                )));
            }
        }
        let late = |open: &&Open| open.wants == Wants::Transfer && self.longest < at.since(open.since);
        let Open { request, since, .. } = open.iter().find(late)?;
        let what = say(format_args!("{idx} has not ended the transfer {request} of {since} ms"))?;
        Some((Class::Liveness, what))
    }
}

fn safety(what: Option<String>) -> Option<(Class, String)> {
    Some((Class::Safety, what?))
}

const fn wants(call: &Call) -> Wants {
    match call {
        Call::Apply(_) | Call::ApplyLog { .. } => Wants::Applied,
        Call::Barrier | Call::Change { .. } | Call::AddVoterStaged { .. } | Call::Restore(_) => {
            Wants::Committed
        }
        Call::Read(ReadPath::Index | ReadPath::Lease) => Wants::Readable,
        Call::Snapshot => Wants::Snapshotted,
        Call::Transfer { .. } => Wants::Transfer,
        Call::VerifyLeader
        | Call::Read(ReadPath::Verify)
        | Call::Bootstrap(_)
        | Call::Reload(_)
        | Call::Shutdown => Wants::Done,
    }
}

impl Wants {
    const fn fits(self, answer: &Answer) -> bool {
        match answer {
            Answer::Applied { .. } => matches!(self, Self::Applied),
            Answer::Committed { .. } => matches!(self, Self::Committed),
            Answer::Readable { .. } => matches!(self, Self::Readable),
            Answer::Snapshotted(_) => matches!(self, Self::Snapshotted),
            Answer::Done => matches!(self, Self::Done | Self::Transfer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::world::World;
    use crate::engine::world::tests::tiny;
    use crate::plan::Plan;
    use wavetank_raft::{Data, Index, Outcome};

    const N1: ServerIdx = ServerIdx(0);

    /// What a judge says of a transfer, a command and a read that are answered so, this late.
    fn said(answers: &[(u64, Outcome)], at: Time) -> Option<String> {
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
        let seen = ObservationKind::Stepped { idx: N1, server, actions: &actions };
        judge.on_observation(&Observation { at, step: 9, kind: seen }).map(|(_, what)| what)
    }

    const READ: (u64, Outcome) = (3, Ok(Answer::Readable { index: Index(1) }));

    #[test]
    fn each_is_answered_with_what_it_asked_for() {
        let applied = Answer::Applied { index: Index(2), response: Data::from(&b""[..]) };
        assert_eq!(said(&[(1, Ok(Answer::Done)), (2, Ok(applied)), READ], Time(300_000)), None);
    }

    #[test]
    fn not_with_anything_else() {
        let words = said(&[(2, Ok(Answer::Done))], Time(1)).expect("nothing was done");
        assert!(words.starts_with("n1 answers") && words.contains("Done"), "{words}");
    }

    #[test]
    fn not_twice() {
        let words = said(&[READ, READ], Time(1)).expect("it was answered");
        assert!(words.ends_with("nobody waits for it"), "{words}");
    }

    #[test]
    fn a_transfer_is_over_in_time() {
        assert_eq!(said(&[], Time(200_000)), None);
        assert!(said(&[], Time(200_001)).expect("it is late").contains("transfer"));
    }
}
