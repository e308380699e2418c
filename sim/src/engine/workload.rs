//! What stands above the cluster: a state machine and the clients that use it.
//!
//! Both are plain values. The world carries a client's [`Ask`] to a server and a [`Reply`] back,
//! late or never; it knows nothing of what they say.

use crate::observe::{OperationEnd, What};
use crate::plan::server_set::ServerIdx;
use std::fmt::{self, Debug};
use wavetank_raft::store::Fsm;
use wavetank_raft::{Answer, Data, Error, ReadPath, RequestId, Time};

/// A state machine that lives in the tank.
pub trait TankFsm: Fsm {
    /// Answers a read of the local state, without changing it.
    fn query(&self, query: &[u8]) -> Data;

    /// A digest of the state: equal for equal states. O(1), since it is asked for after every
    /// batch.
    fn digest(&self) -> u64;
}

/// Something a client wants of one server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    /// A number for the exchange, never used twice in a run.
    pub request: RequestId,
    /// The client that asks.
    pub client: u16,
    /// The server that is asked.
    pub to: ServerIdx,
    /// What is wanted.
    pub want: Want,
}

/// What a client wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Want {
    /// Apply this command.
    Apply(Data),
    /// Answer this query once a read by this path is allowed.
    Read(ReadPath, Data),
    /// Answer this query from the local state, however old.
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

/// What came of an [`Ask`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The server's answer to a command.
    Answered(Result<Answer, Error>),
    /// The answer to a query.
    Value(Result<Data, Error>),
    /// The connection broke: the server is down, or went down. What was asked may have been done.
    Broken,
}

/// What clients do to the history: told to the world so that it can be observed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// A client began an operation.
    Invoked {
        /// The client.
        client: u16,
        /// The operation, unique in the run.
        operation: u64,
    },
    /// A client knows how its operation ended.
    Returned {
        /// The client.
        client: u16,
        /// The operation.
        operation: u64,
        /// How it ended.
        ending: OperationEnd,
    },
}

/// What the clients of a run want done.
#[derive(Debug, Default)]
pub struct Wants {
    /// Exchanges to begin, in this order.
    pub asks: Vec<Ask>,
    /// What happened to the history, in this order.
    pub told: Vec<Told>,
}

impl Wants {
    /// Whether nothing is wanted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.asks.is_empty() && self.told.is_empty()
    }
}

/// The clients of a run, all of them.
pub trait Workload: Debug {
    /// When [`Workload::wake`] is due; [`Time::NEVER`] if only an answer can move them.
    fn deadline(&self) -> Time;

    /// Their time has come: operations to begin, exchanges that took too long.
    fn wake(&mut self, now: Time, wants: &mut Wants);

    /// An exchange is over. Replies to exchanges that a client has given up may still come.
    fn reply(&mut self, now: Time, request: RequestId, reply: Reply, wants: &mut Wants);

    /// No operation is begun from here on; those that are open may end.
    fn stop(&mut self);

    /// Whether no operation is open.
    fn is_idle(&self) -> bool;

    /// An operation that was told of, as far as it is known: what [`ObservationKind::Invoked`] and
    /// [`ObservationKind::Returned`] carry to the judges of this workload.
    ///
    /// [`ObservationKind::Invoked`]: crate::ObservationKind::Invoked
    /// [`ObservationKind::Returned`]: crate::ObservationKind::Returned
    fn operation(&self, operation: u64) -> &dyn What;
}

/// No clients at all.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Workload for Nobody {
    fn deadline(&self) -> Time {
        Time::NEVER
    }

    fn wake(&mut self, _: Time, _: &mut Wants) {}

    fn reply(&mut self, _: Time, _: RequestId, _: Reply, _: &mut Wants) {}

    fn stop(&mut self) {}

    fn is_idle(&self) -> bool {
        true
    }

    fn operation(&self, _: u64) -> &dyn What {
        &()
    }
}
