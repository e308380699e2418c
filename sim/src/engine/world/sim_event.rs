//! What the agenda of a world is made of.

use crate::disk::checksummed::Checksummed;
use crate::engine::workload::{Ask, Reply};
use crate::observe::{MessageRef, NetworkChange};
use crate::plan::fault_kind::Scheduled;
use crate::plan::server_set::ServerIdx;
use serde::{Deserialize, Serialize};
use wavetank_raft::{Event, NodeId, Request, RequestId, Response, RpcId};

/// Something that is going to happen.
#[derive(Clone, Debug)]
pub(crate) enum SimEvent {
    /// A server's deadline may have passed.
    Timer(ServerIdx),
    /// A message arrives.
    Arrive(Envelope),
    /// The network has held this message long enough.
    ReleaseHeld(u64),
    /// What a disk is doing is done; nothing if the server has crashed since.
    Disk(ServerIdx, u32),
    /// What was read from a disk comes late; nothing if the server has crashed since.
    Deliver(ServerIdx, u32, Event),
    /// What a state machine is doing is done; nothing if the server has crashed since.
    Machine(ServerIdx, u32),
    /// A server takes in what it has gathered; nothing if it has crashed since.
    Batch(ServerIdx, u32),
    /// A client's wish reaches a server.
    Ask(Ask),
    /// An answer reaches its client.
    Reply(RequestId, Reply),
    /// The clients' deadline may have passed.
    Clients,
    /// A blank cluster is bootstrapped.
    Bootstrap,
    /// The nemesis acts.
    Act(Scheduled),
    /// The network changes, as the nemesis wanted it when it acted.
    Change(NetworkChange),
    /// A server starts, if it is down.
    Restart(ServerIdx),
    /// A server goes on, if it stands still.
    Resume(ServerIdx),
    /// There is room again on a server's disk.
    FreeSpace(ServerIdx),
}

/// A message under way.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) from: ServerIdx,
    pub(crate) to: ServerIdx,
    pub(crate) rpc: RpcId,
    /// The so-many-th to be sent; messages that were held count as the last of all.
    pub(crate) number: u64,
    pub(crate) message: Message,
}

/// What is in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    Request(Request),
    Response(Response),
}

impl Message {
    pub(crate) const fn to_ref(&self) -> MessageRef<'_> {
        match self {
            Self::Request(request) => MessageRef::Request(request),
            Self::Response(response) => MessageRef::Response(response),
        }
    }

    /// What is read of it after bits of its frame have flipped; itself if that is rejected.
    pub(crate) fn flipped(self, word: u64) -> Result<Self, Self> {
        Checksummed::of(&self).flipped(word).open().map_err(|_| self)
    }

    pub(crate) fn into_event(self, from: NodeId, rpc: RpcId) -> Event {
        match self {
            Self::Request(request) => Event::Request { from, rpc, request },
            Self::Response(response) => Event::Response { from, rpc, response },
        }
    }
}

impl SimEvent {
    /// The server that it happens to, if it has to be awake for it.
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
