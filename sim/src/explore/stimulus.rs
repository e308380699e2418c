//! The stimuli of one server, and the messages between servers.

use super::fingerprint::{self, HashContext, Permutation, StateHasher};
use crate::explore::call_id::CallId;
use crate::plan::server_set::ServerIdx;
use std::cell::Cell;
use wavetank_raft::{Change, ClientRequest, Data, Input, Payload, Request, Response, RpcId, Token};

/// A message between two explored servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModelMessage {
    /// A request.
    Request {
        /// The identity of the call.
        call_id: CallId,
        /// The request itself.
        request: Request,
    },
    /// A response.
    Response {
        /// The identity of the call that the response answers.
        call_id: CallId,
        /// The response itself.
        response: Response,
    },
}

impl ModelMessage {
    /// Returns the identity of the call to which the message belongs.
    #[must_use]
    pub const fn call_id(&self) -> CallId {
        match self {
            Self::Request { call_id, .. } | Self::Response { call_id, .. } => *call_id,
        }
    }

    /// Returns the receiver of the message.
    #[must_use]
    pub const fn to(&self) -> ServerIdx {
        match self {
            Self::Request { call_id, .. } => call_id.to,
            Self::Response { call_id, .. } => call_id.from,
        }
    }

    /// Hashes the message into 64 bits. `permutation` renumbers the servers.
    #[must_use]
    pub fn hash(&self, permutation: &Permutation) -> u64 {
        let (persisted, known) = (Token(0), Cell::new(0));
        let context = HashContext { permutation, persisted, calls: &[], known, others: &|rpc| rpc.0 };
        let (kind, body) = match self {
            Self::Request { request, .. } => (1, StateHasher::hash(&context, request)),
            Self::Response { response, .. } => (2, StateHasher::hash(&context, response)),
        };
        fingerprint::hash_all(&[kind, self.call_id().hash(permutation), body])
    }
}

/// A stimulus: the cause of a step of one server.
#[derive(Clone, Copy, Debug)]
pub enum Stimulus<'a> {
    /// The server's election timeout expires, and the server campaigns.
    TimeOut,
    /// The server leads and steps down, because no quorum has answered the server during its lease.
    Resign,
    /// The server leads and sends a heartbeat or a new commit index.
    Beat,
    /// The server's oldest pending write becomes durable.
    Persist,
    /// A client proposes a command.
    Propose,
    /// An operator adds this server as a voter.
    Add(ServerIdx),
    /// An operator removes this server.
    Remove(ServerIdx),
    /// The server crashes, loses its pending writes, and restarts.
    Crash,
    /// A message arrives.
    Deliver(&'a ModelMessage),
}

impl Stimulus<'_> {
    /// Returns the input for the core. `number` is the core's number of the call to which a delivered message
    /// belongs. Returns `None` for [`Stimulus::Persist`] and [`Stimulus::Crash`], because the core has no
    /// such input.
    #[must_use]
    pub fn input(&self, number: RpcId) -> Option<Input> {
        Some(match self {
            Self::TimeOut | Self::Resign | Self::Beat => Input::Timer,
            Self::Propose => Input::Client(ClientRequest::Propose(vec![Payload::Command(command())])),
            Self::Add(idx) => operator(Change::AddVoter(idx.id(), idx.address())),
            Self::Remove(idx) => operator(Change::RemoveServer(idx.id())),
            Self::Deliver(ModelMessage::Request { call_id, request }) => {
                Input::Request { from: call_id.from.node(), rpc: number, request: request.clone() }
            }
            Self::Deliver(ModelMessage::Response { call_id, response }) => {
                Input::Response { from: call_id.to.node(), rpc: number, response: response.clone() }
            }
            Self::Persist | Self::Crash => return None,
        })
    }
}

/// Returns the only command that clients propose. Two entries with this command differ only in term and
/// index.
#[must_use]
pub fn command() -> Data {
    Data::from(b"x".as_slice())
}

const fn operator(change: Change) -> Input {
    Input::Client(ClientRequest::Change { change, prev_index: None })
}
