//! What clients did and were told, and what state machines did: the plain model.

use std::collections::BTreeMap;
use wavetank_raft::{Answer, Call, Data, Error, Index, Outcome, ReadPath, RequestId, Term};

/// A call that is not answered yet.
struct OpenCall {
    at: usize,
    call: Call,
    /// The newest index that any client knew to be applied when it was made.
    known: Index,
}

/// The ledger of a run.
#[derive(Default)]
pub(super) struct CallModel {
    calls: u64,
    open: BTreeMap<RequestId, OpenCall>,
    /// What stands where, as whichever state machine came there first had it.
    applied: BTreeMap<Index, Data>,
    /// Commands of which a client was told that they were not done.
    refused: Vec<Data>,
    known: Index,
    leaders: BTreeMap<Term, usize>,
}

impl CallModel {
    /// A command like no other.
    pub(super) fn new_command(&self) -> Data {
        self.calls.to_be_bytes()[..].into()
    }

    /// Who still waits: where, and for what.
    pub(super) fn waiting(&self) -> Vec<(usize, &Call)> {
        self.open.values().map(|open| (open.at, &open.call)).collect()
    }

    /// Whether everybody was told.
    pub(super) fn is_closed(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn begin(&mut self, at: usize, call: &Call) -> RequestId {
        let request = RequestId(self.calls);
        self.calls += 1;
        self.open.insert(request, OpenCall { at, call: call.clone(), known: self.known });
        request
    }

    /// A server is dead: nobody hears from it what came of their calls.
    pub(super) fn forget(&mut self, at: usize) {
        self.open.retain(|_, open| open.at != at);
    }

    /// A call ends, once.
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

    fn fail(&mut self, call: &Call, error: &Error) {
        let is_unknown = matches!(
            error,
            Error::LeadershipLost | Error::AbortedByRestore | Error::Shutdown | Error::Store(_)
        );
        if let Call::Apply(command) = call
            && !is_unknown
        {
            assert!(!self.applied.values().any(|done| done == command), "{error}: it was done");
            self.refused.push(command.clone());
        }
    }

    /// A state machine takes a command in.
    pub(super) fn apply(&mut self, index: Index, command: &Data) {
        assert!(!self.refused.contains(command), "{index} was refused");
        let first = self.applied.entry(index).or_insert_with(|| command.clone());
        assert!(first == command, "{index} is two commands");
    }

    /// A state machine has taken in everything up to here, and holds so many commands.
    pub(super) fn holds(&self, upto: Index, commands: usize) {
        assert!(self.applied.range(..=upto).count() == commands, "{commands} commands up to {upto}");
    }

    /// A server leads.
    pub(super) fn leads(&mut self, at: usize, term: Term) {
        let leader = *self.leaders.entry(term).or_insert(at);
        assert!(leader == at, "{leader} and {at} lead in {term}");
    }
}
