//! The application of a cluster: a state machine and the clients that use it.
//!
//! Both are plain values. The world delivers a client's [`Ask`] to a server and a [`Reply`] back,
//! late or never; it does not know their content.

use crate::observe::{OperationEnd, OperationValue};
use crate::plan::server_set::ServerIdx;
use std::fmt::{self, Debug};
use wavetank_raft::store::Fsm;
use wavetank_raft::{Answer, Data, ReadPath, RequestError, RequestId, Time};

/// A state machine that lives in the tank.
pub trait TankFsm: Fsm {
    /// Answers a read of the local state, without changing it.
    fn query(&self, query: &[u8]) -> Data;

    /// A digest of the state: equal for equal states. O(1), since it is asked for after every
    /// batch.
    fn digest(&self) -> u64;
}

/// A client's request to one server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    /// A number for the exchange, never used twice in a run.
    pub request: RequestId,
    /// The client.
    pub client: u16,
    /// The server.
    pub to: ServerIdx,
    /// The operation.
    pub want: Want,
}

/// The operation of an [`Ask`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Want {
    /// Apply this command.
    Apply(Data),
    /// Answer this query once a read by this path is allowed.
    Read(ReadPath, Data),
    /// Answer this query from the local state, which may be old.
    Stale(Data),
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apply(command) => write!(f, "apply \"{}\"", command.escape_ascii()),
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
    /// The connection broke: the server is down, or crashed. The operation may have been executed.
    Broken,
}

/// A history event of a client, passed to the world so that it is observed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// A client began an operation.
    Invoked {
        /// The client.
        client: u16,
        /// The operation, unique in the run.
        operation: u64,
    },
    /// A client learned how its operation ended.
    Returned {
        /// The client.
        client: u16,
        /// The operation.
        operation: u64,
        /// How it ended.
        ending: OperationEnd,
    },
}

/// What the clients of a run ask the world to do.
#[derive(Debug, Default)]
pub struct Wants {
    /// Exchanges to begin, in this order.
    pub asks: Vec<Ask>,
    /// Events of the history, in this order.
    pub told: Vec<Told>,
}

impl Wants {
    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.asks.is_empty() && self.told.is_empty()
    }
}

/// All clients of a run.
pub trait Workload: Debug {
    /// When [`Workload::wake`] is due; [`Time::NEVER`] if only an answer can move them.
    fn deadline(&self) -> Time;

    /// The deadline has passed: clients begin operations, or time out.
    fn wake(&mut self, now: Time, wants: &mut Wants);

    /// An exchange is over. Replies to exchanges that a client has given up may still come.
    fn reply(&mut self, now: Time, request: RequestId, reply: Reply, wants: &mut Wants);

    /// No operation is begun from here on; those that are open may end.
    fn stop(&mut self);

    /// Whether no operation is open.
    fn is_idle(&self) -> bool;

    /// An operation of the history, as far as it is known: the value that [`ObservationKind::Invoked`] and
    /// [`ObservationKind::Returned`] carry to the judges of this workload.
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
