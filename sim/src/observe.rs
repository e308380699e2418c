//! The output of a world: one stream of observations, for checks, traces and digests alike.
//!
//! Observations borrow; an observer copies what it keeps. An observer cannot change the world.

pub mod digest;
pub mod observer;
pub mod report;
pub mod step_log;
pub mod topology;
pub mod trace;

use crate::disk::fault::Damage;
use crate::plan::server_set::{ServerIdx, ServerSet};
use std::any::Any;
use std::fmt::Debug;
use wavetank_raft::store::StoreError;
use wavetank_raft::{
    Action, Batch, Boot, Event, LogId, Request, RequestId, Response, RpcId, Server, SnapshotMeta, Time, Write,
};

/// One observation of a run.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The virtual time.
    pub at: Time,
    /// Its number in the run, from 1 on.
    pub step: u64,
    /// What happened.
    pub kind: ObservationKind<'a>,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum ObservationKind<'a> {
    /// A server is about to take an event. The next observation is its [`ObservationKind::Stepped`].
    Stepping {
        /// The server.
        idx: ServerIdx,
        /// The event.
        event: &'a Event,
        /// The server before.
        server: &'a Server,
        /// The reading of its clock.
        clock: Time,
    },
    /// A server took an event.
    Stepped {
        /// The server.
        idx: ServerIdx,
        /// The server after.
        server: &'a Server,
        /// Its actions; none of them is executed yet.
        actions: &'a [Action],
    },
    /// A server started.
    Booted {
        /// The server.
        idx: ServerIdx,
        /// The server.
        server: &'a Server,
        /// The state that its disk had.
        boot: &'a Boot,
        /// Its log on the disk.
        log: &'a [wavetank_raft::Entry],
    },
    /// A server crashed. Its unsynced writes are lost, except those that
    /// [`ObservationKind::Durable`] reported before this.
    Crashed {
        /// The server.
        idx: ServerIdx,
        /// Whether its disk is erased: it restarts blank.
        wiped: bool,
    },
    /// A server is paused; its clock runs on.
    Paused(ServerIdx),
    /// A paused server resumed.
    Resumed(ServerIdx),
    /// A server stopped itself.
    Halted(ServerIdx),
    /// A server refused to start from its disk.
    Refused {
        /// The server.
        idx: ServerIdx,
        /// The reason.
        error: &'a StoreError,
    },
    /// A server's disk was damaged. The server may notice it later, or never.
    Damaged {
        /// The server.
        idx: ServerIdx,
        /// The damage.
        damage: Damage,
    },
    /// A write is durable. Reported in the order of tokens, before the server is told.
    Durable {
        /// The server.
        idx: ServerIdx,
        /// The write.
        write: &'a Write,
        /// How many of its entries are durable after a crash; `None` if the write is complete.
        torn: Option<usize>,
    },
    /// A state machine applied a batch.
    Applied {
        /// The server.
        idx: ServerIdx,
        /// The entries' indexes (and those of its entries that were in memory).
        batch: &'a Batch,
        /// A digest of the state after it.
        digest: u64,
    },
    /// A state machine was captured and the snapshot is durable.
    SnapshotTaken {
        /// The server.
        idx: ServerIdx,
        /// The snapshot.
        meta: &'a SnapshotMeta,
        /// A digest of the captured state.
        digest: u64,
    },
    /// A state machine was loaded from a snapshot: at start, or from the leader.
    Restored {
        /// The server.
        idx: ServerIdx,
        /// The snapshot's last entry.
        last: LogId,
        /// A digest of the state after it.
        digest: u64,
    },
    /// A message was sent.
    Sent {
        /// The sender.
        from: ServerIdx,
        /// The receiver.
        to: ServerIdx,
        /// Identifies the request and its response.
        rpc: RpcId,
        /// The message.
        carried: MessageRef<'a>,
        /// Whether and when it arrives.
        fate: Fate,
    },
    /// A client begins an operation.
    Invoked {
        /// The client.
        client: u16,
        /// The operation's number, unique in the run.
        operation: u64,
        /// The operation, as the workload keeps it.
        what: &'a dyn OperationValue,
    },
    /// A client's operation ended.
    Returned {
        /// The client.
        client: u16,
        /// The operation's number.
        operation: u64,
        /// How it ended.
        ending: OperationEnd,
        /// The operation with its result, as the workload keeps it.
        what: &'a dyn OperationValue,
    },
    /// The working links changed.
    Network(&'a NetworkChange),
    /// From here on no more faults begin. Servers outside the core stay down.
    Healed {
        /// The servers that are intact and connected, and must make progress.
        core: ServerSet,
    },
}

/// An operation as its workload keeps it. Code that knows the workload gets it back by
/// `(what as &dyn Any).downcast_ref()`; all other code can only print it.
pub trait OperationValue: Any + Debug {}

impl<T: Any + Debug> OperationValue for T {}

/// A message between servers, borrowed.
#[derive(Clone, Copy, Debug)]
pub enum MessageRef<'a> {
    /// A request.
    Request(&'a Request),
    /// A response.
    Response(&'a Response),
}

/// Whether and when a message arrives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It arrives at this time.
    Arrives(Time),
    /// It arrives at both times.
    ArrivesTwice(Time, Time),
    /// It is lost: by a random fault, because the link is cut, or because the receiver is down.
    Lost,
}

/// How an operation ended, for its client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OperationEnd {
    /// It was executed.
    Ok,
    /// It was certainly not executed.
    Failed,
    /// It may have been executed, or may still be executed.
    Unknown,
}

/// A change of the network.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum NetworkChange {
    /// All links between the two sets are cut, in both directions.
    Partition(ServerSet, ServerSet),
    /// All links from the first set to the second are cut.
    CutOneWay(ServerSet, ServerSet),
    /// This link is cut in this direction.
    Cut(ServerIdx, ServerIdx),
    /// This link is restored in this direction.
    Mend(ServerIdx, ServerIdx),
    /// All links are restored.
    HealAll,
}

/// Set in the request ids of operators' calls. Clients number their calls from zero.
const OPERATOR: u64 = 1 << 63;

/// The request id of an operator's `number`-th call.
pub(crate) const fn operator_request(number: u64) -> RequestId {
    RequestId(OPERATOR | number)
}

/// Whether a call comes from an operator, a story or the nemesis, and not from a client.
pub(crate) const fn is_operator_request(request: RequestId) -> bool {
    request.0 & OPERATOR != 0
}
