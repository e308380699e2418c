//! The output of a world: one stream of observations. Checks, counters and traces all read this stream.
//!
//! An observation borrows from the world, so an observer copies the parts that it keeps. An observer cannot
//! change the world.

pub mod addresses;
pub mod digest;
pub mod network_change;
pub mod observer;
pub mod refusals;
pub mod report;
pub(crate) mod requests;
pub mod step_log;
pub mod topology;
pub mod trace;

pub use crate::subject::MessageRef;
pub use network_change::NetworkChange;

use crate::disk::fault::Damage;
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::subject::{ActionOf, EventOf, Subject};
use std::any::Any;
use std::fmt::Debug;
use wavetank_raft::store::StoreError;
use wavetank_raft::{Batch, Boot, LogId, RpcId, Server, SnapshotMeta, Time, Write};

/// One observation of a run. `S` is the subject that is observed.
pub struct Observation<'a, S: Subject = Server> {
    /// The virtual time of the observation, in microseconds.
    pub at: Time,
    /// The number of the observation in the run, from 1 on.
    pub step: u64,
    /// The kind of the observation, with its data.
    pub kind: ObservationKind<'a, S>,
}

/// The kind of an observation, with its data.
pub enum ObservationKind<'a, S: Subject = Server> {
    /// A server is about to handle an event. The next observation is the [`ObservationKind::Stepped`] of this
    /// server, unless the server panics.
    Stepping {
        /// The server that handles the event.
        idx: ServerIdx,
        /// The event that the server handles.
        event: &'a EventOf<S>,
        /// The state of the server before the event.
        server: &'a S,
        /// The reading of the server's clock, in microseconds.
        clock: Time,
    },
    /// A server has handled an event.
    Stepped {
        /// The server that handled the event.
        idx: ServerIdx,
        /// The state of the server after the event.
        server: &'a S,
        /// The actions that the server returned. No action is executed yet.
        actions: &'a [ActionOf<S>],
    },
    /// A server started.
    Booted {
        /// The server that started.
        idx: ServerIdx,
        /// The state of the server after the start.
        server: &'a S,
        /// The state that the server read from its disk.
        boot: &'a Boot,
        /// The log that the server read from its disk.
        log: &'a [wavetank_raft::Entry],
    },
    /// A server crashed. The writes that no [`ObservationKind::Durable`] has reported are lost.
    Crashed {
        /// The server that crashed.
        idx: ServerIdx,
        /// True if the disk of the server is also erased. The server then starts again without data.
        wiped: bool,
    },
    /// A server is paused. The clock of the server continues.
    Paused(ServerIdx),
    /// A paused server resumed.
    Resumed(ServerIdx),
    /// A server stopped itself.
    Halted(ServerIdx),
    /// A server refused to start from its disk.
    Refused {
        /// The server that refused.
        idx: ServerIdx,
        /// The reason for the refusal.
        error: &'a StoreError,
    },
    /// A server's disk was damaged. The server may notice the damage later, or never.
    Damaged {
        /// The server whose disk was damaged.
        idx: ServerIdx,
        /// The kind of the damage.
        damage: Damage,
    },
    /// A write is durable. The writes of a server are observed in the order of the writes' tokens. Each
    /// observation comes before the server learns of the write.
    Durable {
        /// The server whose disk has the write.
        idx: ServerIdx,
        /// The write that is durable.
        write: &'a Write,
        /// If a crash interrupted the write, the number of durable entries of this write; `None` if the whole
        /// write is durable.
        torn: Option<usize>,
    },
    /// A state machine applied a batch.
    Applied {
        /// The server that owns the state machine.
        idx: ServerIdx,
        /// The applied entries.
        batch: &'a Batch,
        /// The digest of the state after the batch.
        digest: u64,
    },
    /// A snapshot of a state machine was taken, and the snapshot is durable.
    SnapshotTaken {
        /// The server that owns the state machine.
        idx: ServerIdx,
        /// The description of the snapshot.
        meta: &'a SnapshotMeta,
        /// The digest of the captured state.
        digest: u64,
    },
    /// A state machine was restored from a snapshot, either at the start of the server or after the leader
    /// sent the snapshot.
    Restored {
        /// The server that owns the state machine.
        idx: ServerIdx,
        /// The id of the last entry that the snapshot covers.
        last: LogId,
        /// The digest of the restored state.
        digest: u64,
    },
    /// A message was sent.
    Sent {
        /// The server that sent the message.
        from: ServerIdx,
        /// The server to which the message is addressed.
        to: ServerIdx,
        /// The id of the call. A request and its response have the same id.
        rpc: RpcId,
        /// The content of the message.
        carried: MessageRef<'a, S::Protocol>,
        /// The fate of the message: whether it arrives, and the time of the arrival.
        fate: Fate,
    },
    /// A client begins an operation.
    Invoked {
        /// The number of the client.
        client: u16,
        /// The operation's number, unique in the run.
        operation: u64,
        /// The operation. The workload defines the type of the operation.
        what: &'a dyn OperationValue,
    },
    /// A client's operation ended.
    Returned {
        /// The number of the client.
        client: u16,
        /// The operation's number, as in [`ObservationKind::Invoked`].
        operation: u64,
        /// The outcome of the operation, as far as the client knows.
        ending: OperationEnd,
        /// The operation, with the result of the operation. The workload defines the type of the operation.
        what: &'a dyn OperationValue,
    },
    /// Links were cut or restored.
    Network(&'a NetworkChange),
    /// The tank begins to repair the cluster. No fault begins after this observation. The servers outside
    /// `core` stay down.
    Healed {
        /// The servers that are intact and connected. These servers must make progress.
        core: ServerSet,
    },
}

// A derived implementation would demand that the subject is `Clone` or `Copy`, too.
impl<S: Subject> Clone for Observation<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Subject> Copy for Observation<'_, S> {}

impl<S: Subject> Clone for ObservationKind<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Subject> Copy for ObservationKind<'_, S> {}

/// An operation, with a type that its workload defines. Code that knows the type of
/// `what: &dyn OperationValue` gets the typed operation with `(what as &dyn Any).downcast_ref()`. Other code can
/// only print the operation.
pub trait OperationValue: Any + Debug {}

impl<T: Any + Debug> OperationValue for T {}

/// The fate of a message: whether it arrives, and the time of the arrival.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The message arrives at this time.
    Arrives(Time),
    /// The message arrives twice, at these times.
    ArrivesTwice(Time, Time),
    /// The message is lost. The cause is a random fault, a cut link, or a receiver that is down.
    Lost,
}

/// The outcome of an operation, as far as the client of the operation knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OperationEnd {
    /// The operation was executed.
    Ok,
    /// The operation was certainly not executed.
    Failed,
    /// The operation may have been executed, or may still be executed later.
    Unknown,
}
