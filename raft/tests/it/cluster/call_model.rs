//! The model: calls and answers of clients, and commands that state machines applied.

use std::collections::BTreeMap;
use wavetank_raft::{Answer, Call, Data, Index, Outcome, ReadPath, RequestError, RequestId, Term};

/// A call that is not answered yet.
struct OpenCall {
    at: usize,
    call: Call,
    /// The newest index that any client knew to be applied when the call was made.
    known: Index,
}

/// The calls and the applied commands of a run.
#[derive(Default)]
pub(super) struct CallModel {
    calls: u64,
    open: BTreeMap<RequestId, OpenCall>,
    /// The command at each index, as the first state machine applied it.
    applied: BTreeMap<Index, Data>,
    /// Commands that were refused: they must never be applied.
    refused: Vec<Data>,
    known: Index,
    leaders: BTreeMap<Term, usize>,
}

impl CallModel {
    /// A unique command.
    pub(super) fn new_command(&self) -> Data {
        self.calls.to_be_bytes()[..].into()
    }

    /// The open calls, each with its server.
    pub(super) fn waiting(&self) -> Vec<(usize, &Call)> {
        self.open.values().map(|open| (open.at, &open.call)).collect()
    }

    /// Whether all calls are answered.
    pub(super) fn is_closed(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn begin(&mut self, at: usize, call: &Call) -> RequestId {
        let request = RequestId(self.calls);
        self.calls += 1;
        self.open.insert(request, OpenCall { at, call: call.clone(), known: self.known });
        request
    }

    /// A server crashed: its calls get no answer.
    pub(super) fn forget(&mut self, at: usize) {
        self.open.retain(|_, open| open.at != at);
    }

    /// Records the answer to a call: exactly one.
    pub(super) fn end(&mut self, at: usize, request: RequestId, outcome: &Outcome) {
        let open = self.open.remove(&request).unwrap_or_else(|| panic!("{request:?} had its answer"));
        assert!(open.at == at, "{request:?} was not asked of {at}");
        match (&open.call, outcome) {
            (Call::Apply(command), Ok(Answer::Applied { index, response })) => {
                assert!(self.applied.get(index) == Some(command), "{index} is another command");
                let count = self.applied.range(..=*index).count() as u64;
                assert!(response[..] == count.to_be_bytes(), "{index} was answered with {response:?}");
                self.known = self.known.max(*index);
            }
            (Call::Read(ReadPath::Index | ReadPath::Lease), Ok(Answer::Readable { index })) => {
                assert!(open.known <= *index, "{} was known, {index} is read", open.known);
            }
            (Call::Barrier | Call::Change { .. }, Ok(Answer::Committed { index })) => {
                assert!(open.known < *index, "{} was known, {index} is new", open.known);
            }
            (Call::AddVoterStaged { .. }, Ok(Answer::Committed { .. } | Answer::Done))
            | (Call::Snapshot, Ok(Answer::Snapshotted(_)))
            | (Call::VerifyLeader | Call::Transfer { .. } | Call::Bootstrap(_), Ok(Answer::Done)) => {}
            (call, Ok(answer)) => panic!("{call:?} was answered with {answer:?}"),
            (call, Err(error)) => self.fail(call, error),
        }
    }

    fn fail(&mut self, call: &Call, error: &RequestError) {
        let is_unknown = matches!(
            error,
            RequestError::LeadershipLost
                | RequestError::AbortedByRestore
                | RequestError::Shutdown
                | RequestError::Store(_)
        );
        if let Call::Apply(command) = call
            && !is_unknown
        {
            assert!(!self.applied.values().any(|done| done == command), "{error}: it was done");
            self.refused.push(command.clone());
        }
    }

    /// A state machine applies a command.
    pub(super) fn apply(&mut self, index: Index, command: &Data) {
        assert!(!self.refused.contains(command), "{index} was refused");
        let first = self.applied.entry(index).or_insert_with(|| command.clone());
        assert!(first == command, "{index} is two commands");
    }

    /// A state machine has applied everything up to `upto`, and holds this many commands.
    pub(super) fn holds(&self, upto: Index, commands: usize) {
        assert!(self.applied.range(..=upto).count() == commands, "{commands} commands up to {upto}");
    }

    /// A server leads.
    pub(super) fn leads(&mut self, at: usize, term: Term) {
        let leader = *self.leaders.entry(term).or_insert(at);
        assert!(leader == at, "{leader} and {at} lead in {term}");
    }
}
