//! What the agenda of a world is made of.

use crate::disk::checksummed::Sealed;
use crate::engine::workload::{Ask, Reply};
use crate::observe::{Carried, NetworkChange};
use crate::plan::fault_kind::Scheduled;
use crate::plan::server_set::Slot;
use serde::{Deserialize, Serialize};
use wavetank_raft::{Event, NodeId, Request, RequestId, Response, RpcId};

/// Something that is going to happen.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// A server's deadline may have passed.
    Timer(Slot),
    /// A message arrives.
    Arrive(Letter),
    /// The network has held this message long enough.
    LetGo(u64),
    /// What a disk is doing is done; nothing if the server has crashed since.
    Disk(Slot, u32),
    /// What was read from a disk comes late; nothing if the server has crashed since.
    Tell(Slot, u32, Event),
    /// What a state machine is doing is done; nothing if the server has crashed since.
    Machine(Slot, u32),
    /// A server takes in what it has gathered; nothing if it has crashed since.
    Gathered(Slot, u32),
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
    Restart(Slot),
    /// A server goes on, if it stands still.
    Resume(Slot),
    /// There is room again on a server's disk.
    Room(Slot),
}

/// A message under way.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) from: Slot,
    pub(crate) to: Slot,
    pub(crate) rpc: RpcId,
    /// The so-many-th to be sent; messages that were held count as the last of all.
    pub(crate) number: u64,
    pub(crate) parcel: Parcel,
}

/// What is in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Parcel {
    Request(Request),
    Response(Response),
}

impl Parcel {
    pub(crate) const fn carried(&self) -> Carried<'_> {
        match self {
            Self::Request(request) => Carried::Request(request),
            Self::Response(response) => Carried::Response(response),
        }
    }

    /// What is read of it after bits of its frame have flipped; itself if that is rejected.
    pub(crate) fn flipped(self, word: u64) -> Result<Self, Self> {
        Sealed::of(&self).flipped(word).open().map_err(|_| self)
    }

    pub(crate) fn into_event(self, from: NodeId, rpc: RpcId) -> Event {
        match self {
            Self::Request(request) => Event::Request { from, rpc, request },
            Self::Response(response) => Event::Response { from, rpc, response },
        }
    }
}

impl Happening {
    /// The server that it happens to, if it has to be awake for it.
    pub(crate) const fn to(&self) -> Option<Slot> {
        match self {
            Self::Timer(slot)
            | Self::Disk(slot, _)
            | Self::Tell(slot, ..)
            | Self::Machine(slot, _)
            | Self::Gathered(slot, _) => Some(*slot),
            Self::Arrive(letter) => Some(letter.to),
            Self::Ask(ask) => Some(ask.to),
            _ => None,
        }
    }
}
