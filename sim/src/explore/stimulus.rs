//! What may happen to one server, and what servers send each other.

use super::fingerprint::{self, Meaning, Permutation, Walk};
use crate::explore::call_id::CallId;
use crate::plan::server_set::ServerIdx;
use std::cell::Cell;
use wavetank_raft::{Change, ClientRequest, Data, Input, Payload, Request, Response, RpcId, Token};

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Envelope {
    /// A call.
    Call {
        /// Its name.
        name: CallId,
        /// What it wants.
        request: Request,
    },
    /// An answer.
    Answer {
        /// The name of the call.
        name: CallId,
        /// What it says.
        response: Response,
    },
}

impl Envelope {
    /// The call that it is, or answers.
    #[must_use]
    pub const fn name(&self) -> CallId {
        match self {
            Self::Call { name, .. } | Self::Answer { name, .. } => *name,
        }
    }

    /// Who is to take it.
    #[must_use]
    pub const fn to(&self) -> ServerIdx {
        match self {
            Self::Call { name, .. } => name.to,
            Self::Answer { name, .. } => name.from,
        }
    }

    /// The letter in 64 bits, when servers have changed places.
    #[must_use]
    pub fn hash(&self, permutation: &Permutation) -> u64 {
        let (persisted, known) = (Token(0), Cell::new(0));
        let meaning = Meaning { permutation, persisted, calls: &[], known, others: &|rpc| rpc.0 };
        let (kind, body) = match self {
            Self::Call { request, .. } => (1, Walk::over(&meaning, request)),
            Self::Answer { response, .. } => (2, Walk::over(&meaning, response)),
        };
        fingerprint::words(&[kind, self.name().hash(permutation), body])
    }
}

/// What may happen to one server.
#[derive(Clone, Copy, Debug)]
pub enum Stimulus<'a> {
    /// Its patience is over: it campaigns.
    TimeOut,
    /// It leads, has heard from no quorum for a lease, and gives up.
    Resign,
    /// It leads, and speaks unasked: a heartbeat, or news of a commit.
    Beat,
    /// The oldest of its writes is on disk.
    Persist,
    /// A client wants a command in the log.
    Propose,
    /// An operator wants this server to be a voter.
    Add(ServerIdx),
    /// An operator wants this server out.
    Remove(ServerIdx),
    /// It dies, loses what is not on disk, and starts again.
    Crash,
    /// A message arrives.
    Take(&'a Envelope),
}

impl Stimulus<'_> {
    /// What the core is handed, where `number` ties a call to its answer; `None` for what is the
    /// disk's business, or the end of a life.
    #[must_use]
    pub fn input(&self, number: RpcId) -> Option<Input> {
        Some(match self {
            Self::TimeOut | Self::Resign | Self::Beat => Input::Timer,
            Self::Propose => Input::Client(ClientRequest::Propose(vec![Payload::Command(command())])),
            Self::Add(idx) => operator(Change::AddVoter(idx.id(), idx.address())),
            Self::Remove(idx) => operator(Change::RemoveServer(idx.id())),
            Self::Take(Envelope::Call { name, request }) => {
                Input::Request { from: name.from.node(), rpc: number, request: request.clone() }
            }
            Self::Take(Envelope::Answer { name, response }) => {
                Input::Response { from: name.to.node(), rpc: number, response: response.clone() }
            }
            Self::Persist | Self::Crash => return None,
        })
    }
}

/// The only command there is: entries differ by term and index.
#[must_use]
pub fn command() -> Data {
    Data::from(b"x".as_slice())
}

const fn operator(change: Change) -> Input {
    Input::Client(ClientRequest::Change { change, prev_index: wavetank_raft::Index::ZERO })
}
