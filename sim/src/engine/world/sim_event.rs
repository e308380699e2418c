//! The events in the event queue of a world.

use crate::disk::checksummed::Checksummed;
use crate::engine::workload::{Ask, Reply};
use crate::observe::{MessageRef, NetworkChange};
use crate::plan::fault_kind::Scheduled;
use crate::plan::server_set::ServerIdx;
use crate::subject::{EventIn, Protocol};
use serde::{Deserialize, Serialize};
use wavetank_raft::{Event, NodeId, RequestId, RpcId};

/// A pending event of a world.
#[derive(Clone, Debug)]
pub(crate) enum SimEvent<P: Protocol> {
    /// The deadline of a server may have passed.
    Timer(ServerIdx),
    /// A message arrives.
    Arrive(Envelope<P>),
    /// A held message is due. The number is the position of the message in the order of all held messages,
    /// from 1.
    ReleaseHeld(u64),
    /// The running jobs of a disk end. The number is the incarnation of the server. The event is stale if the
    /// server has restarted in the meantime.
    Disk(ServerIdx, u32),
    /// The late result of a disk read arrives. The values are the server, the incarnation of the server, and
    /// the result. The event is stale if the server has restarted in the meantime.
    Deliver(ServerIdx, u32, EventIn<P>),
    /// The current work of a state machine ends. The number is the incarnation of the server. The event is
    /// stale if the server has restarted in the meantime.
    Machine(ServerIdx, u32),
    /// A server receives the commands that were collected into a batch. The number is the incarnation of the
    /// server. The event is stale if the server has restarted in the meantime.
    Batch(ServerIdx, u32),
    /// A request of a client reaches a server.
    Ask(Ask),
    /// A reply reaches the client that sent the request.
    Reply(RequestId, Reply),
    /// The deadline of the clients may have passed.
    Clients,
    /// The cluster is bootstrapped, if the first server has no configuration yet.
    Bootstrap,
    /// The nemesis injects a fault of this kind.
    Act(Scheduled),
    /// The network changes. The nemesis has scheduled this change.
    Change(NetworkChange),
    /// A server starts if it is down.
    Restart(ServerIdx),
    /// A server resumes if it is paused.
    Resume(ServerIdx),
    /// A server's disk has free space again.
    FreeSpace(ServerIdx),
}

/// A message in flight.
#[derive(Clone, Debug)]
pub(crate) struct Envelope<P: Protocol> {
    pub(crate) from: ServerIdx,
    pub(crate) to: ServerIdx,
    pub(crate) rpc: RpcId,
    /// The number of the message in the order of sending.
    pub(crate) number: u64,
    /// True for a message that is held back. Such a message is never lost in flight, so it can arrive after a
    /// crash or a cut.
    pub(crate) is_held: bool,
    pub(crate) message: Message<P>,
}

/// The content of an [`Envelope`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) enum Message<P: Protocol> {
    Request(P::Request),
    Response(P::Response),
}

impl<P: Protocol> Message<P> {
    pub(crate) const fn to_ref(&self) -> MessageRef<'_, P> {
        match self {
            Self::Request(request) => MessageRef::Request(request),
            Self::Response(response) => MessageRef::Response(response),
        }
    }

    /// Encodes the message, flips the bits that `word` selects, and decodes the bytes. Returns the decoded
    /// message. Returns the original message as an error if decoding fails.
    pub(crate) fn flipped(self, word: u64) -> Result<Self, Self> {
        Checksummed::of(&self).flipped(word).open().map_err(|_| self)
    }

    pub(crate) fn into_event(self, from: NodeId, rpc: RpcId) -> EventIn<P> {
        match self {
            Self::Request(request) => Event::Request { from, rpc, request },
            Self::Response(response) => Event::Response { from, rpc, response },
        }
    }
}

impl<P: Protocol> SimEvent<P> {
    /// Returns the server that must be awake to handle the event. Returns `None` if the event needs no awake
    /// server.
    pub(crate) const fn to(&self) -> Option<ServerIdx> {
        match self {
            Self::Timer(idx)
            | Self::Disk(idx, _)
            | Self::Deliver(idx, ..)
            | Self::Machine(idx, _)
            | Self::Batch(idx, _) => Some(*idx),
            Self::Arrive(envelope) => Some(envelope.to),
            Self::Ask(ask) => Some(ask.to),
            _ => None,
        }
    }
}
