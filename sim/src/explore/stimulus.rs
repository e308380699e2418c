//! What may happen to one server, and what servers send each other.

use super::fingerprint::{self, HashContext, Permutation, StateHasher};
use crate::explore::call_id::CallId;
use crate::plan::server_set::ServerIdx;
use std::cell::Cell;
use wavetank_raft::{Change, ClientRequest, Data, Input, Payload, Request, Response, RpcId, Token};

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModelMessage {
    /// A call.
    Request {
        /// Its call_id.
        call_id: CallId,
        /// What it wants.
        request: Request,
    },
    /// An answer.
    Response {
        /// The call_id of the call.
        call_id: CallId,
        /// What it says.
        response: Response,
    },
}

impl ModelMessage {
    /// The call that it is, or answers.
    #[must_use]
    pub const fn call_id(&self) -> CallId {
        match self {
            Self::Request { call_id, .. } | Self::Response { call_id, .. } => *call_id,
        }
    }

    /// Who is to take it.
    #[must_use]
    pub const fn to(&self) -> ServerIdx {
        match self {
            Self::Request { call_id, .. } => call_id.to,
            Self::Response { call_id, .. } => call_id.from,
        }
    }

    /// The letter in 64 bits, when servers have changed places.
    #[must_use]
    pub fn hash(&self, permutation: &Permutation) -> u64 {
        let (persisted, known) = (Token(0), Cell::new(0));
        let context = HashContext { permutation, persisted, calls: &[], known, others: &|rpc| rpc.0 };
        let (kind, body) = match self {
            Self::Request { request, .. } => (1, StateHasher::hash(&context, request)),
            Self::Response { response, .. } => (2, StateHasher::hash(&context, response)),
        };
        fingerprint::hash_words(&[kind, self.call_id().hash(permutation), body])
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
    Take(&'a ModelMessage),
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
            Self::Take(ModelMessage::Request { call_id, request }) => {
                Input::Request { from: call_id.from.node(), rpc: number, request: request.clone() }
            }
            Self::Take(ModelMessage::Response { call_id, response }) => {
                Input::Response { from: call_id.to.node(), rpc: number, response: response.clone() }
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
