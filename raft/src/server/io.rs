//! The interface of the server: each [`Event`] leads to [`Action`]s.
//!
//! The driver may carry out every action immediately, like the effects of the protocol. One executor carries
//! out the storage jobs in order. Another executor carries out the work of the state machine in order. The two
//! executors need not wait for each other.

use super::observed::Observed;
use crate::config::Config;
use crate::configuration::{Change, Configuration};
use crate::entry::{Data, Entries, Entry};
use crate::message::{Dialect, Request, Response, SnapshotMeta};
use crate::node::io::{ReadPath, Refusal, SnapshotPiece, StoreJob, Unsupported};
use crate::store::StoreError;
use crate::types::{Index, LogId, NodeId, RequestId, RpcId, ServerAddress, ServerId, Token};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

/// An input of [`Server::step`](crate::Server::step).
///
/// `Q` is the type of the requests between servers, and `R` is the type of the responses. A driver of servers
/// with another protocol replaces these two types, and keeps all other inputs.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Event<Q = Request, R = Response> {
    /// The time of [`Server::deadline`](crate::Server::deadline) has come. Before this time, the event has no
    /// effect.
    Timer,
    /// A request from a peer.
    Request {
        /// The server that sent the request.
        from: NodeId,
        /// The sender's number for this request; the response must carry the same number.
        rpc: RpcId,
        /// The content of the request.
        request: Q,
    },
    /// A response from a peer.
    Response {
        /// The server that sent the response.
        from: NodeId,
        /// The number of the request that this response answers.
        rpc: RpcId,
        /// The content of the response.
        response: R,
    },
    /// A call of a client or an operator. Exactly one [`Action::Answer`] with the same number
    /// follows.
    Call {
        /// The number of the call. The driver must never use a number twice.
        request: RequestId,
        /// The kind of the call, with its arguments.
        call: Call,
    },
    /// Several calls of [`Call::Apply`]: the number and the command of each call. Each call gets its own
    /// answer. A batch is faster than separate calls.
    ApplyBatch(Vec<(RequestId, Data)>),
    /// All writes with a token up to and including this token are durable.
    Persisted(Token),
    /// The storage executor has read entries.
    Fetched {
        /// The ticket of the job.
        ticket: RpcId,
        /// The entries that were read. The indexes of the entries are consecutive.
        entries: Entries,
    },
    /// The storage executor has read a piece of a snapshot.
    SnapshotRead {
        /// The ticket of the job.
        ticket: RpcId,
        /// The piece; `None` if the piece cannot be read.
        piece: Option<SnapshotPiece>,
    },
    /// The storage executor has written a piece of the leader's snapshot, or the write failed.
    SnapshotWritten {
        /// The ticket of the job.
        ticket: RpcId,
        /// True if the piece is stored. If the piece is the last piece, true only if the whole snapshot is
        /// durable and has the right checksum.
        ok: bool,
    },
    /// The state machine has applied a batch.
    Applied {
        /// The last index of the batch.
        upto: Index,
        /// The index and the response of each command and of each restore in the batch, in the order of the
        /// indexes.
        responses: Vec<(Index, Data)>,
    },
    /// The job of [`Action::TakeSnapshot`] is done: the snapshot with this description is durable, or an error
    /// occurred.
    SnapshotTaken(Result<Arc<SnapshotMeta>, StoreError>),
    /// The job of [`Action::Restore`] is done: the state machine has the state after the entry at this
    /// position, or an error occurred.
    Restored(Result<LogId, StoreError>),
    /// The transport has learned the protocol of a peer. Until this event, the server assumes nothing about
    /// the peer.
    PeerSpeaks {
        /// The peer that uses this protocol.
        peer: NodeId,
        /// The protocol that the transport has learned.
        dialect: Dialect,
    },
    /// A store failed, so the server halts.
    StoreFailed(StoreError),
}

/// A call of a client or an operator.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Call {
    /// The call applies a command to the state machine. In HashiCorp Raft, this call is `Apply`.
    Apply(Data),
    /// The call applies a command with extensions. In HashiCorp Raft, this call is `ApplyLog`.
    ApplyLog {
        /// The bytes of the command.
        data: Data,
        /// Bytes that are stored beside the command, for example by middleware.
        extensions: Data,
    },
    /// The server answers when its state machine has applied all entries that were in the log before this
    /// call. In HashiCorp Raft, this call is `Barrier`.
    Barrier,
    /// The server answers when a quorum has confirmed that the server was the leader at a time after the
    /// call. In HashiCorp Raft, this call is `VerifyLeader`.
    VerifyLeader,
    /// The server answers when a read of its own state machine is linearizable (thesis §6.4).
    Read(ReadPath),
    /// The call starts a new cluster with this configuration. In HashiCorp Raft, this call is
    /// `BootstrapCluster`.
    Bootstrap(Configuration),
    /// The call changes the membership. In HashiCorp Raft, the calls are `AddVoter`, `AddNonvoter`,
    /// `DemoteVoter` and `RemoveServer`. [`Change::Members`] changes several members in one call.
    Change {
        /// The change of the membership.
        change: Change,
        /// The index that the latest configuration must have. If the latest configuration has another index,
        /// the change is refused. `None` accepts any index.
        #[cfg_attr(feature = "serde", serde(default, deserialize_with = "crate::types::index_if_any"))]
        prev_index: Option<Index>,
    },
    /// The call adds a server as a non-voter. The leader makes this server a voter after the server has
    /// caught up (thesis §4.2.1).
    AddVoterStaged {
        /// The id of the new server.
        id: ServerId,
        /// The network address of the new server.
        address: ServerAddress,
        /// The index that the latest configuration must have. If the latest configuration has another index,
        /// the change is refused. `None` accepts any index.
        #[cfg_attr(feature = "serde", serde(default, deserialize_with = "crate::types::index_if_any"))]
        prev_index: Option<Index>,
    },
    /// The call transfers the leadership to another voter (thesis §3.10). In HashiCorp Raft, the calls are
    /// `LeadershipTransfer` and `LeadershipTransferToServer`.
    Transfer {
        /// The server that must become the leader. If the value is `None`, the leader selects the other voter
        /// with the most entries.
        target: Option<ServerId>,
    },
    /// The server takes a snapshot now. In HashiCorp Raft, this call is `Snapshot`.
    Snapshot,
    /// The call replaces the state of the state machine on every server. The bytes are stored as one entry of
    /// the log, so every server replaces its state at the same index. In HashiCorp Raft, this call is
    /// `Restore`.
    Restore(Data),
    /// The call changes the settings that may change while the server runs. In HashiCorp Raft, this call is
    /// `ReloadConfig`.
    Reload(Reloadable),
    /// The call stops the server. In HashiCorp Raft, this call is `Shutdown`.
    Shutdown,
}

/// The settings that may change while the server runs, as in HashiCorp's `ReloadableConfig`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Reloadable {
    /// See [`Config::trailing_logs`](crate::Config::trailing_logs).
    pub trailing_logs: u64,
    /// See [`Config::snapshot_interval`](crate::Config::snapshot_interval).
    #[cfg_attr(feature = "serde", serde(with = "crate::types::duration_micros"))]
    pub snapshot_interval: Duration,
    /// See [`Config::snapshot_threshold`](crate::Config::snapshot_threshold).
    pub snapshot_threshold: u64,
    /// See [`Config::heartbeat_timeout`](crate::Config::heartbeat_timeout).
    #[cfg_attr(feature = "serde", serde(with = "crate::types::duration_micros"))]
    pub heartbeat_timeout: Duration,
    /// See [`Config::election_timeout`](crate::Config::election_timeout).
    #[cfg_attr(feature = "serde", serde(with = "crate::types::duration_micros"))]
    pub election_timeout: Duration,
}

impl From<&Config> for Reloadable {
    fn from(config: &Config) -> Self {
        Self {
            trailing_logs: config.trailing_logs,
            snapshot_interval: config.snapshot_interval,
            snapshot_threshold: config.snapshot_threshold,
            heartbeat_timeout: config.heartbeat_timeout,
            election_timeout: config.election_timeout,
        }
    }
}

/// An action that [`Server::step`](crate::Server::step) returns. The driver of the server carries out the
/// action. `Q` and `R` are the types of the requests and the responses between servers, as in [`Event`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Action<Q = Request, R = Response> {
    /// The transport must send a request to a peer.
    Send {
        /// The server that receives the request.
        to: NodeId,
        /// This server's number for the request; the response carries the same number.
        rpc: RpcId,
        /// The content of the request.
        request: Q,
    },
    /// The transport must send a response to a peer.
    Reply {
        /// The server that receives the response.
        to: NodeId,
        /// The number of the request that this response answers.
        rpc: RpcId,
        /// The content of the response.
        response: R,
    },
    /// The storage executor must carry out this job. Then the executor reports [`Event::Persisted`],
    /// [`Event::Fetched`], [`Event::SnapshotRead`] or [`Event::SnapshotWritten`].
    Store(StoreJob),
    /// The state machine must apply these entries. Then the executor of the state machine reports
    /// [`Event::Applied`].
    Apply(Batch),
    /// The executor of the state machine must capture the state after the last [`Action::Apply`], and store
    /// this state as a snapshot with this description. Then the executor reports [`Event::SnapshotTaken`].
    /// The executor sets the size and the checksum in the description.
    TakeSnapshot(SnapshotMeta),
    /// The state machine must replace its state by this snapshot. Then the executor of the state machine
    /// reports [`Event::Restored`].
    Restore(Arc<SnapshotMeta>),
    /// The answer to a call. Each call gets exactly one answer.
    Answer {
        /// The number of the call that is answered.
        request: RequestId,
        /// The result of the call.
        outcome: Outcome,
    },
    /// The driver must report this event to the observers.
    Observe(Observed),
    /// The server has stopped permanently. From now on, the server only refuses calls.
    Halt(Halt),
}

/// Committed entries for the state machine.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Batch {
    /// The entries: at least one, with consecutive indexes.
    pub entries: Vec<Entry>,
}

/// The outcome of a call.
pub type Outcome = Result<Answer, RequestError>;

/// The answer to a call that succeeded.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Answer {
    /// The command was committed and applied.
    Applied {
        /// The index of the command in the log.
        index: Index,
        /// The state machine's response.
        response: Data,
    },
    /// The entry (a barrier, a configuration or a restore) was committed and applied.
    Committed {
        /// The index of the entry in the log.
        index: Index,
    },
    /// The driver may read the local state machine now. This state machine has applied all entries up to
    /// `index`.
    Readable {
        /// The read index (thesis §6.4).
        index: Index,
    },
    /// A snapshot was taken. The value is the description of the snapshot.
    Snapshotted(Arc<SnapshotMeta>),
    /// The call succeeded and has no other result.
    Done,
}

/// The reason why a call failed. Most variants are errors of HashiCorp Raft. The documentation of these
/// variants begins with the name of the error in HashiCorp Raft.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RequestError {
    /// `ErrNotLeader`: this server is not the leader. The call changed nothing, with one exception:
    /// [`Call::AddVoterStaged`] may have added the new server as a non-voter. The value is the leader; `None`
    /// if this server does not know the leader.
    NotLeader(Option<Leader>),
    /// `ErrNotVoter`: this server is not a voter in the configuration of the bootstrap call.
    NotVoter,
    /// `ErrLeadershipLost`: this server lost the leadership before it answered the call. If the call appended
    /// an entry, the entry may still be committed, or be overwritten.
    LeadershipLost,
    /// `ErrAbortedByRestore`: a snapshot replaced the entry. It is unknown whether the entry was applied.
    AbortedByRestore,
    /// `ErrRaftShutdown`: the server has stopped. If the call has appended an entry, the other servers may
    /// still commit this entry.
    Shutdown,
    /// `ErrEnqueueTimeout`: the queue of calls stayed full until the timeout. The call had no effect.
    EnqueueTimeout,
    /// `ErrNothingNewToSnapshot`: no entry was applied since the last snapshot.
    NothingNewToSnapshot,
    /// `ErrUnsupportedProtocol`: this server or a member does not support the call. Nothing was done.
    UnsupportedProtocol(Unsupported),
    /// `ErrCantBootstrap`: this server has already voted, or already has entries, a snapshot or a term above 1.
    CantBootstrap,
    /// `ErrLeadershipTransferInProgress`: a leadership transfer is in progress. Nothing was done.
    LeadershipTransferInProgress,
    /// The protocol refused the call for this reason. The call changed nothing, with two exceptions.
    /// [`Call::AddVoterStaged`] may have added the new server as a non-voter. After
    /// [`Refusal::TransferTimeout`], the target of the transfer may still become the leader.
    Refused(Refusal),
    /// A new setting is invalid. The text names the setting and the reason.
    Config(String),
    /// A store failed, or the state machine refused a restore.
    Store(StoreError),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader(Some(leader)) => write!(f, "node is not the leader; call {leader}"),
            Self::NotLeader(None) => write!(f, "node is not the leader, and no leader is known"),
            Self::NotVoter => write!(f, "node is not a voter"),
            Self::LeadershipLost => write!(f, "leadership lost while committing log"),
            Self::AbortedByRestore => write!(f, "snapshot restored while committing log"),
            Self::Shutdown => write!(f, "raft is already shutdown"),
            Self::EnqueueTimeout => write!(f, "timed out enqueuing operation"),
            Self::NothingNewToSnapshot => write!(f, "nothing new to snapshot"),
            Self::UnsupportedProtocol(unsupported) => write!(f, "{unsupported}"),
            Self::CantBootstrap => write!(f, "bootstrap only works on new clusters"),
            Self::LeadershipTransferInProgress => write!(f, "leadership transfer in progress"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Config(what) => write!(f, "{what}"),
            Self::Store(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for RequestError {}

/// The leader of a cluster. A leader prints, for example, as `n1 at 10.0.0.1:7000`.
///
/// ```
/// use wavetank_raft::Leader;
///
/// let leader = Leader { id: "n1".into(), address: "10.0.0.1:7000".into() };
/// assert_eq!(leader.to_string(), "n1 at 10.0.0.1:7000");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Leader {
    /// The id of the leader.
    pub id: ServerId,
    /// The address at which other servers reach the leader.
    pub address: ServerAddress,
}

impl fmt::Display for Leader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.id, self.address)
    }
}

/// The reason why a server stopped permanently.
///
/// The enum is not `#[non_exhaustive]`. A program that supervises servers decides for each reason whether to
/// start the server again. If a reason is added, the compiler reports each place where the program decides.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Halt {
    /// [`Call::Shutdown`] stopped the server.
    Shutdown,
    /// This server was the leader, and a configuration was committed in which this server has no vote.
    Removed,
    /// A store failed, so the content of this store is unknown. Or the state machine could not load a snapshot
    /// from the leader.
    Store(StoreError),
}
