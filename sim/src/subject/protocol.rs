//! The protocols of subjects: the types of the messages between servers.

pub use crate::schedule::Label;

use crate::schedule::CallKind;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::any::{Any, TypeId};
use std::fmt;
use wavetank_raft::{Configuration, Data, Index, Payload, Request, Response, Term};

/// A protocol defines the messages that servers send to each other.
///
/// A request and the response to the request have the same number. The caller chooses this number
/// ([`Action::Send`](wavetank_raft::Action::Send)). If a protocol has no responses, all messages of the
/// protocol are requests.
pub trait Protocol: Copy + fmt::Debug + 'static {
    /// The type of the requests. The tank encodes a request when a fault flips bits of the request.
    type Request: Clone + fmt::Debug + Serialize + DeserializeOwned + 'static;
    /// The type of the responses.
    type Response: Clone + fmt::Debug + Serialize + DeserializeOwned + 'static;

    /// Returns the kind of a request. Schedules name a request by its kind.
    fn kind(request: &Self::Request) -> CallKind;

    /// Returns the term of the sender. Schedules also name a request by this term. By default, the method
    /// returns `None`: the request has no term.
    fn term(_request: &Self::Request) -> Option<Term> {
        None
    }

    /// Returns a message as short text, for traces.
    fn text(message: MessageRef<'_, Self>) -> String;

    /// Returns the configurations in the request that the receiver may begin to use. Configurations at or
    /// before the index `committed` are left out; `None` leaves out no configuration. The faults of the tank
    /// leave enough servers for a quorum of each returned configuration. By default, the list is empty.
    fn configurations(_request: &Self::Request, _committed: Option<Index>) -> Vec<&Configuration> {
        Vec::new()
    }
}

/// A borrowed message between servers.
#[derive(Debug)]
pub enum MessageRef<'a, P: Protocol = Wavetank> {
    /// A request from one server to another server.
    Request(&'a P::Request),
    /// The response to a request.
    Response(&'a P::Response),
}

// Derived implementations would require that the requests and the responses are `Copy`, too.
impl<P: Protocol> Clone for MessageRef<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Protocol> Copy for MessageRef<'_, P> {}

impl<'a, P: Protocol> MessageRef<'a, P> {
    /// Returns the message as a message of [`Wavetank`], the protocol of our server. Returns `None` if the
    /// message belongs to another protocol.
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

/// A protocol whose messages are bytes. The tank does not read these bytes. An adapter encodes and decodes
/// the messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Opaque {}

/// A message of an [`Opaque`] protocol.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct OpaqueMessage {
    /// The kind of the message, for traces and schedules.
    pub label: Label,
    /// The term of the sender; `None` if the protocol has no terms.
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

/// True if `Q` is the type of the requests of our protocol. The compiler knows the result for each type.
#[inline(always)]
pub(crate) fn is_ours<Q: 'static>() -> bool {
    TypeId::of::<Q>() == TypeId::of::<Request>()
}

/// Returns the request as a request of [`Wavetank`]. Returns `None` if the request belongs to another
/// protocol.
#[inline(always)]
pub(crate) fn our_request<Q: 'static>(request: &Q) -> Option<&Request> {
    (request as &dyn Any).downcast_ref()
}

/// Returns the response as a response of [`Wavetank`]. Returns `None` if the response belongs to another
/// protocol.
#[inline(always)]
pub(crate) fn our_response<R: 'static>(response: &R) -> Option<&Response> {
    (response as &dyn Any).downcast_ref()
}
