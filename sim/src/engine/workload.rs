//! The application of a cluster: a state machine, and the clients that use it.
//!
//! Both are plain values. The world delivers an [`Ask`] of a client to a server and a [`Reply`] back to
//! the client. Both may be late or lost. The world does not know their content.

use crate::observe::{OperationEnd, OperationValue};
use crate::plan::server_set::ServerIdx;
use std::fmt::{self, Debug};
use wavetank_raft::store::Fsm;
use wavetank_raft::{Answer, Data, ReadPath, RequestError, RequestId, Time};

/// A state machine that runs in the tank.
pub trait TankFsm: Fsm {
    /// Answers a read of the local state. The state does not change.
    fn query(&self, query: &[u8]) -> Data;

    /// Returns a digest of the state. Equal states have equal digests. The function must take constant
    /// time: the world calls it after every batch.
    fn digest(&self) -> u64;

    /// Returns a state for [`Call::Restore`](wavetank_raft::Call::Restore). No client can distinguish it from
    /// the present state. If a command is applied before the restore, the state machine must refuse the
    /// state; otherwise the restore would undo that command. Returns `None` if the state machine has no such
    /// state. The nemesis then restores nothing.
    fn backup(&self) -> Option<Data> {
        None
    }
}

/// A request of a client to one server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    /// The number of the exchange. It is unique in a run.
    pub request: RequestId,
    /// The client that sends the request.
    pub client: u16,
    /// The server that receives the request.
    pub to: ServerIdx,
    /// The operation that the client wants.
    pub want: Want,
}

/// The operation that an [`Ask`] requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Want {
    /// The server applies this command.
    Apply(Data),
    /// The server applies this command, which has extensions.
    ApplyLog {
        /// The command.
        data: Data,
        /// The extensions.
        extensions: Data,
    },
    /// The server answers this query when a read by this path is allowed.
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
    /// The server's answer to a command.
    Answered(Result<Answer, RequestError>),
    /// The answer to a query.
    Value(Result<Data, RequestError>),
    /// The connection broke, because the server is down or has crashed. The operation may have been executed.
    Broken,
}

/// An event in the history of a client. The world passes it to the observer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// A client has begun an operation.
    Invoked {
        /// The client.
        client: u16,
        /// The number of the operation, unique in a run.
        operation: u64,
    },
    /// A client has learned the end of its operation.
    Returned {
        /// The client.
        client: u16,
        /// The number of the operation.
        operation: u64,
        /// The result of the operation, as far as the client knows it.
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
    /// Returns the time at which [`Workload::wake`] is due, or [`Time::NEVER`] if all clients only wait
    /// for answers.
    fn deadline(&self) -> Time;

    /// Wakes the clients at their deadline. They begin operations, or their operations time out.
    fn wake(&mut self, now: Time, wants: &mut Wants);

    /// Passes a reply to the client that sent the request. The client may have given up the request before.
    fn reply(&mut self, now: Time, request: RequestId, reply: Reply, wants: &mut Wants);

    /// Stops the clients: they begin no more operations. Open operations may end.
    fn stop(&mut self);

    /// True if no operation is open.
    fn is_idle(&self) -> bool;

    /// Returns an operation of the history, with the known part of its result. [`ObservationKind::Invoked`]
    /// and [`ObservationKind::Returned`] pass this value to the judges of this workload.
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
