//! What leaves the world: one stream of observations, for checks, traces and digests alike.
//!
//! Observations borrow; whoever wants to keep something copies it. Nothing here can change the
//! world.

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

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// When, in virtual time.
    pub at: Time,
    /// Its number in the run, from 1 on.
    pub step: u64,
    /// What.
    pub kind: ObservationKind<'a>,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum ObservationKind<'a> {
    /// A server is about to take an event. The next observation is its [`ObservationKind::Stepped`].
    Stepping {
        /// Which.
        idx: ServerIdx,
        /// What it takes.
        event: &'a Event,
        /// The server before.
        server: &'a Server,
        /// What its clock shows.
        clock: Time,
    },
    /// A server took an event.
    Stepped {
        /// Which.
        idx: ServerIdx,
        /// The server after.
        server: &'a Server,
        /// What it wants done; none of it has been done yet.
        actions: &'a [Action],
    },
    /// A server started.
    Booted {
        /// Which.
        idx: ServerIdx,
        /// The server.
        server: &'a Server,
        /// What its disk still had.
        boot: &'a Boot,
        /// Its log, as the disk has it.
        log: &'a [wavetank_raft::Entry],
    },
    /// A server died. What it had written and not synced is gone, but for what
    /// [`ObservationKind::Durable`] reported before this.
    Crashed {
        /// Which.
        idx: ServerIdx,
        /// Its disk is lost with it: what comes back under this name comes back blank.
        wiped: bool,
    },
    /// A server stands still; the clock runs on.
    Paused(ServerIdx),
    /// It goes on.
    Resumed(ServerIdx),
    /// A server stopped for good, by its own decision.
    Halted(ServerIdx),
    /// A server was to start, and did not want to with what its disk has.
    Refused {
        /// Which.
        idx: ServerIdx,
        /// Why.
        error: &'a StoreError,
    },
    /// Something befell a server's disk. It may notice later, or never.
    Damaged {
        /// Whose.
        idx: ServerIdx,
        /// What.
        damage: Damage,
    },
    /// A write is on the disk. Comes in the order of tokens, before the server hears of it.
    Durable {
        /// Whose.
        idx: ServerIdx,
        /// What.
        write: &'a Write,
        /// Only the first few of its entries made it, because of a crash; `None` if all is there.
        torn: Option<usize>,
    },
    /// A state machine applied a batch.
    Applied {
        /// Whose.
        idx: ServerIdx,
        /// The entries' indexes (and those of its entries that were in memory).
        batch: &'a Batch,
        /// A digest of the state after it.
        digest: u64,
    },
    /// A state machine was captured and the snapshot is durable.
    SnapshotTaken {
        /// Whose.
        idx: ServerIdx,
        /// The snapshot.
        meta: &'a SnapshotMeta,
        /// A digest of the captured state.
        digest: u64,
    },
    /// A state machine was loaded from a snapshot: at start, or from the leader.
    Restored {
        /// Whose.
        idx: ServerIdx,
        /// The snapshot's last entry.
        last: LogId,
        /// A digest of the state after it.
        digest: u64,
    },
    /// A message was handed to the network.
    Sent {
        /// From whom.
        from: ServerIdx,
        /// To whom.
        to: ServerIdx,
        /// Ties call and answer.
        rpc: RpcId,
        /// What.
        carried: MessageRef<'a>,
        /// What becomes of it.
        fate: Fate,
    },
    /// A client asks for something.
    Invoked {
        /// The client.
        client: u16,
        /// The operation's number, unique in the run.
        operation: u64,
        /// What it asks for, as the workload keeps it.
        what: &'a dyn OperationValue,
    },
    /// A client has its answer.
    Returned {
        /// The client.
        client: u16,
        /// The operation's number.
        operation: u64,
        /// How it ended.
        ending: OperationEnd,
        /// What it asked for and what it was told, as the workload keeps it.
        what: &'a dyn OperationValue,
    },
    /// The nemesis did something to the network.
    Network(&'a NetworkChange),
    /// From here on no more faults are begun; what is broken now is `broken`, and stays so.
    Healed {
        /// The servers that are whole and connected, and from which progress is demanded.
        core: ServerSet,
    },
}

/// An operation as its workload keeps it. Whoever knows the workload gets it back by
/// `(what as &dyn Any).downcast_ref()`; to everybody else it is something to print.
pub trait OperationValue: Any + Debug {}

impl<T: Any + Debug> OperationValue for T {}

/// A message on the wire.
#[derive(Clone, Copy, Debug)]
pub enum MessageRef<'a> {
    /// A call.
    Request(&'a Request),
    /// An answer.
    Response(&'a Response),
}

/// What becomes of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It arrives then.
    Arrives(Time),
    /// It arrives then, and once more.
    ArrivesTwice(Time, Time),
    /// It is lost: by chance, because the link is cut, or because the receiver is down.
    Lost,
}

/// How an operation ended, for its client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OperationEnd {
    /// It was done.
    Ok,
    /// It was not done, for certain.
    Failed,
    /// It may have been done, and may yet be.
    Unknown,
}

/// What the nemesis does to the network.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum NetworkChange {
    /// Nothing passes between the two sets, either way.
    Partition(ServerSet, ServerSet),
    /// Nothing passes from the first to the second.
    CutOneWay(ServerSet, ServerSet),
    /// This link fails in this direction.
    Cut(ServerIdx, ServerIdx),
    /// It works again.
    Mend(ServerIdx, ServerIdx),
    /// All links work.
    HealAll,
}

/// Calls of clients count up from zero; those of operators are told apart by the top bit.
const OPERATOR: u64 = 1 << 63;

/// The number of an operator's call: the so-many-th.
pub(crate) const fn operator_request(number: u64) -> RequestId {
    RequestId(OPERATOR | number)
}

/// Whether a call is an operator's, a story's or the nemesis's, and no client's.
pub(crate) const fn is_operator_request(request: RequestId) -> bool {
    request.0 & OPERATOR != 0
}
