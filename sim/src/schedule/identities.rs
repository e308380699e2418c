//! Assigns the identities that a schedule uses for calls and for requests of clients.

use super::{AskId, CallId, CallKind, MessageId};
use crate::plan::server_set::ServerIdx;
use std::collections::BTreeMap;
use wavetank_raft::{Request, RequestId, RpcId, Term};

/// The identities that one run has assigned so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identities {
    calls: BTreeMap<(ServerIdx, RpcId), CallId>,
    ordinals: BTreeMap<(ServerIdx, ServerIdx, Term, CallKind), u32>,
    answers: BTreeMap<CallId, u32>,
    asks: BTreeMap<RequestId, AskId>,
    asked: BTreeMap<u16, u32>,
}

impl Identities {
    /// Assigns an identity to a request that a server sends to another server now.
    pub(crate) fn request(
        &mut self,
        from: ServerIdx,
        to: ServerIdx,
        rpc: RpcId,
        term: Term,
        kind: CallKind,
    ) -> MessageId {
        let ordinal = self.ordinals.entry((from, to, term, kind)).or_default();
        *ordinal += 1;
        let call = CallId { from, to, term, kind, ordinal: *ordinal };
        self.calls.insert((from, rpc), call);
        MessageId { call, answer: 0 }
    }

    /// Assigns an identity to a response that is sent now to the caller. Returns `None` if the call is
    /// unknown.
    pub(crate) fn response(&mut self, caller: ServerIdx, rpc: RpcId) -> Option<MessageId> {
        let call = *self.calls.get(&(caller, rpc))?;
        let answer = self.answers.entry(call).or_default();
        *answer += 1;
        Some(MessageId { call, answer: *answer })
    }

    /// Assigns an identity to a request that a client sends now.
    pub(crate) fn ask(&mut self, client: u16, request: RequestId) -> AskId {
        let ordinal = self.asked.entry(client).or_default();
        *ordinal += 1;
        let id = AskId { client, ordinal: *ordinal };
        self.asks.insert(request, id);
        id
    }

    /// Returns the identity of a request that a client has sent. Returns `None` if no client has sent this
    /// request.
    pub(crate) fn of_request(&self, request: RequestId) -> Option<AskId> {
        self.asks.get(&request).copied()
    }
}

impl CallKind {
    /// Returns the kind of a request.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        match request {
            Request::AppendEntries(append) if append.entries.is_empty() => Self::Heartbeat,
            Request::AppendEntries(_) => Self::Append,
            Request::RequestVote(_) => Self::Vote,
            Request::RequestPreVote(_) => Self::PreVote,
            Request::InstallSnapshot(_) => Self::Snapshot,
            Request::TimeoutNow(_) => Self::TimeoutNow,
        }
    }
}
