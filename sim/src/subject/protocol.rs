//! The protocols of subjects: the types of the messages between servers.

pub use crate::schedule::Label;

use crate::schedule::CallKind;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::any::{Any, TypeId};
use std::fmt;
use wavetank_raft::{Configuration, Data, Index, Payload, Request, Response, Term};

/// A protocol: the messages that servers send each other.
///
/// A request and its response share the number that the caller chose
/// ([`Action::Send`](wavetank_raft::Action::Send)). A protocol without responses sends all its messages as
/// requests.
pub trait Protocol: Copy + fmt::Debug + 'static {
    /// The requests. The tank encodes a message when a fault must flip bits of it.
    type Request: Clone + fmt::Debug + Serialize + DeserializeOwned + 'static;
    /// The responses.
    type Response: Clone + fmt::Debug + Serialize + DeserializeOwned + 'static;

    /// The kind of a request, by which schedules name it.
    fn kind(request: &Self::Request) -> CallKind;

    /// The term of the sender, by which schedules name the request. By default a request shows none.
    fn term(_request: &Self::Request) -> Option<Term> {
        None
    }

    /// A message as short text, for traces.
    fn text(message: MessageRef<'_, Self>) -> String;

    /// The configurations after the index `committed` that the receiver of a request may enter because of
    /// it. The tank keeps servers that could be needed for a quorum of them. By default there are none.
    fn configurations(_request: &Self::Request, _committed: Option<Index>) -> Vec<&Configuration> {
        Vec::new()
    }
}

/// A borrowed message between servers.
#[derive(Debug)]
pub enum MessageRef<'a, P: Protocol = Wavetank> {
    /// A call of another server.
    Request(&'a P::Request),
    /// The reply to a request.
    Response(&'a P::Response),
}

// A derived implementation would demand the same of the messages.
impl<P: Protocol> Clone for MessageRef<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Protocol> Copy for MessageRef<'_, P> {}

impl<'a, P: Protocol> MessageRef<'a, P> {
    /// The message as one of our protocol; `None` if it belongs to another protocol.
    #[must_use]
    pub fn ours(self) -> Option<MessageRef<'a>> {
        match self {
            Self::Request(request) => our_request(request).map(MessageRef::Request),
            Self::Response(response) => our_response(response).map(MessageRef::Response),
        }
    }
}

/// The protocol of our server: the five calls of HashiCorp Raft with the fields that we add.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wavetank {}

impl Protocol for Wavetank {
    type Request = Request;
    type Response = Response;

    fn kind(request: &Request) -> CallKind {
        CallKind::of(request)
    }

    fn term(request: &Request) -> Option<Term> {
        request.term()
    }

    fn text(message: MessageRef<'_>) -> String {
        match message {
            MessageRef::Request(request) => request.name().to_owned(),
            MessageRef::Response(response) => format!("{}Response", response.name()),
        }
    }

    fn configurations(request: &Request, committed: Option<Index>) -> Vec<&Configuration> {
        let is_new = |index: Index| committed.is_none_or(|committed| committed < index);
        match request {
            Request::AppendEntries(append) => append
                .entries
                .iter()
                .filter(|entry| is_new(entry.id.index))
                .filter_map(|entry| match &entry.payload {
                    Payload::Configuration(configuration) => Some(&**configuration),
                    _ => None,
                })
                .collect(),
            Request::InstallSnapshot(install) if is_new(install.meta.last.index) => {
                vec![&install.meta.configuration]
            }
            _ => Vec::new(),
        }
    }
}

/// A protocol of bytes that the tank does not read. An adapter encodes its own messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Opaque {}

/// A message of an [`Opaque`] protocol.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct OpaqueMessage {
    /// The kind of the message, for traces and schedules.
    pub label: Label,
    /// The term of the sender, if the protocol has terms.
    pub term: Option<Term>,
    /// The encoded message.
    pub bytes: Data,
}

impl Protocol for Opaque {
    type Request = OpaqueMessage;
    type Response = OpaqueMessage;

    fn kind(request: &OpaqueMessage) -> CallKind {
        CallKind::Labelled(request.label)
    }

    fn term(request: &OpaqueMessage) -> Option<Term> {
        request.term
    }

    fn text(message: MessageRef<'_, Self>) -> String {
        let (MessageRef::Request(message) | MessageRef::Response(message)) = message;
        let term = message.term.map_or_else(String::new, |term| format!(" {term}"));
        format!("{}{term} of {} bytes", message.label, message.bytes.len())
    }
}

/// True if these are the requests of our protocol. The compiler knows the answer for each protocol.
#[inline(always)]
pub(crate) fn is_ours<Q: 'static>() -> bool {
    TypeId::of::<Q>() == TypeId::of::<Request>()
}

/// The request as one of our protocol.
#[inline(always)]
pub(crate) fn our_request<Q: 'static>(request: &Q) -> Option<&Request> {
    (request as &dyn Any).downcast_ref()
}

/// The response as one of our protocol.
#[inline(always)]
pub(crate) fn our_response<R: 'static>(response: &R) -> Option<&Response> {
    (response as &dyn Any).downcast_ref()
}
