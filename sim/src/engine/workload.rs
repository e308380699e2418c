//! The application of a cluster: a state machine, and the clients that use the state machine.
//!
//! The state machine and the clients are plain values. The world delivers an [`Ask`] from a client to a
//! server, and a [`Reply`] back to the client. Asks and replies may be late or lost. The world does not
//! interpret commands, queries and results.

use crate::observe::{OperationEnd, OperationValue};
use crate::plan::server_set::ServerIdx;
use std::fmt::{self, Debug};
use wavetank_raft::store::Fsm;
use wavetank_raft::{Answer, Data, ReadPath, RequestError, RequestId, Time};

/// A state machine that runs in the tank.
pub trait TankFsm: Fsm {
    /// Answers a query from the local state. The query does not change the state.
    fn query(&self, query: &[u8]) -> Data;

    /// Returns a digest of the state. Equal states have equal digests. This method must take constant time,
    /// because the world calls the method after every batch of applied entries.
    fn digest(&self) -> u64;

    /// Returns a backup of the present state for [`Call::Restore`](wavetank_raft::Call::Restore). No client
    /// can distinguish the backup from the present state. If a command is applied between the backup and the
    /// restore, the state machine must refuse the backup. Otherwise the restore would undo this command.
    /// Returns `None` if the state machine cannot make such a backup. Then the nemesis restores nothing.
    fn backup(&self) -> Option<Data> {
        None
    }
}

/// A request of a client to one server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    /// The number of the request. No other request of the run has this number.
    pub request: RequestId,
    /// The number of the client that sends the request.
    pub client: u16,
    /// The server that receives the request.
    pub to: ServerIdx,
    /// The operation that the client requests from the server.
    pub want: Want,
}

/// The operation that an [`Ask`] requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Want {
    /// The server applies this command.
    Apply(Data),
    /// The server applies a command with extensions.
    ApplyLog {
        /// The command.
        data: Data,
        /// The extensions of the command.
        extensions: Data,
    },
    /// The server answers a query as soon as the read path allows the read. The values are the read path and
    /// the query.
    Read(ReadPath, Data),
    /// The server answers this query from its local state, which may be old.
    Stale(Data),
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apply(command) => write!(f, "apply \"{}\"", command.escape_ascii()),
            Self::ApplyLog { data, extensions } => {
                write!(f, "apply \"{}\" with \"{}\"", data.escape_ascii(), extensions.escape_ascii())
            }
            Self::Read(ReadPath::Index, query) => write!(f, "read \"{}\"", query.escape_ascii()),
            Self::Read(ReadPath::Lease, query) => write!(f, "lease-read \"{}\"", query.escape_ascii()),
            Self::Read(ReadPath::Verify, query) => write!(f, "verify-read \"{}\"", query.escape_ascii()),
            Self::Stale(query) => write!(f, "stale-read \"{}\"", query.escape_ascii()),
        }
    }
}

/// The reply to an [`Ask`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The answer of the server to a command, or the error of the request.
    Answered(Result<Answer, RequestError>),
    /// The answer of the server to a query, or the error of the request.
    Value(Result<Data, RequestError>),
    /// The connection broke, because the server is down or has crashed. The operation may have been executed.
    Broken,
}

/// An event in the history of a client. The world passes the event to the observer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// A client has begun an operation.
    Invoked {
        /// The number of the client.
        client: u16,
        /// The number of the operation. No other operation of the run has this number.
        operation: u64,
    },
    /// A client has learned the end of its operation.
    Returned {
        /// The number of the client.
        client: u16,
        /// The number of the operation.
        operation: u64,
        /// The end of the operation, with the part of the result that the client knows.
        ending: OperationEnd,
    },
}

/// The requests and history events that the clients of a run pass to the world.
#[derive(Debug, Default)]
pub struct Wants {
    /// The requests to send, in this order.
    pub asks: Vec<Ask>,
    /// The events of the history, in this order.
    pub told: Vec<Told>,
}

impl Wants {
    /// True if there are no requests and no events.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.asks.is_empty() && self.told.is_empty()
    }
}

/// The clients of a run.
pub trait Workload: Debug {
    /// Returns the virtual time at which [`Workload::wake`] is due next, or [`Time::NEVER`] if no client has
    /// to be woken.
    fn deadline(&self) -> Time;

    /// Wakes the clients at their deadline. Some clients begin operations, and some open operations time out.
    /// The clients add their requests and the events of the history to `wants`.
    fn wake(&mut self, now: Time, wants: &mut Wants);

    /// Passes a reply to the client that sent the request. The client may have stopped waiting for the reply.
    fn reply(&mut self, now: Time, request: RequestId, reply: Reply, wants: &mut Wants);

    /// Stops the clients: the clients begin no more operations. Operations that are open may still end.
    fn stop(&mut self);

    /// True if no operation is open.
    fn is_idle(&self) -> bool;

    /// Returns the operation with this number. The operation contains the known part of the result.
    /// [`ObservationKind::Invoked`] and [`ObservationKind::Returned`] pass this operation to the judges of the
    /// workload.
    ///
    /// [`ObservationKind::Invoked`]: crate::ObservationKind::Invoked
    /// [`ObservationKind::Returned`]: crate::ObservationKind::Returned
    fn operation(&self, operation: u64) -> &dyn OperationValue;
}

/// A workload without clients.
#[derive(Clone, Copy, Debug)]
pub struct NoClients;

impl Workload for NoClients {
    fn deadline(&self) -> Time {
        Time::NEVER
    }

    fn wake(&mut self, _: Time, _: &mut Wants) {}

    fn reply(&mut self, _: Time, _: RequestId, _: Reply, _: &mut Wants) {}

    fn stop(&mut self) {}

    fn is_idle(&self) -> bool {
        true
    }

    fn operation(&self, _: u64) -> &dyn OperationValue {
        &()
    }
}
