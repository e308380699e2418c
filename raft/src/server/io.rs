//! The interface of the server: [`Event`] goes in, [`Action`] comes out.
//!
//! Like the protocol's effects, every action may be carried out at once. Writes are
//! carried out in order by one executor, the state machine's work in order by another; the two
//! are independent of each other.

use crate::configuration::{Change, Configuration, Member};
use crate::entry::{Data, Entries, Entry};
use crate::message::{Request, Response, SnapshotMeta};
use crate::node::io::{ReadPath, Refusal, RoleName, SnapshotPiece, StoreJob};
use crate::store::StoreError;
use crate::types::{Index, LogId, NodeId, RequestId, RpcId, ServerAddress, ServerId, Span, Term, Token};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// An input of [`Server::step`](crate::Server::step).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Event {
    /// The deadline has passed. Early or needless calls do nothing.
    Timer,
    /// A request from a peer.
    Request {
        /// The sender.
        from: NodeId,
        /// The number that the response carries back.
        rpc: RpcId,
        /// The request.
        request: Request,
    },
    /// A response from a peer.
    Response {
        /// The sender.
        from: NodeId,
        /// The number of the request that this answers.
        rpc: RpcId,
        /// The response.
        response: Response,
    },
    /// A client or an operator calls. Exactly one [`Action::Answer`] with the same number follows.
    Call {
        /// The call's number, never used twice.
        request: RequestId,
        /// The call.
        call: Call,
    },
    /// Several commands at once, answered one by one. Same as as many calls of [`Call::Apply`],
    /// and cheaper.
    ApplyBatch(Vec<(RequestId, Data)>),
    /// Every write up to this token is persisted.
    Persisted(Token),
    /// The storage executor has read entries.
    Fetched {
        /// The ticket of the job.
        ticket: RpcId,
        /// The entries that it found.
        entries: Entries,
    },
    /// The storage executor has read a piece of a snapshot.
    SnapshotRead {
        /// The ticket of the job.
        ticket: RpcId,
        /// The piece, if it can be read.
        piece: Option<SnapshotPiece>,
    },
    /// The storage executor has kept, or refused, a piece of the leader's snapshot.
    SnapshotWritten {
        /// The ticket of the job.
        ticket: RpcId,
        /// Whether the piece is stored.
        ok: bool,
    },
    /// The state machine has applied everything up to this index.
    Applied {
        /// The last index of the batch.
        upto: Index,
        /// One response per command of the batch, in order, with the command's index.
        responses: Vec<(Index, Data)>,
    },
    /// The state machine was captured at the index that was asked for and the snapshot is durable.
    SnapshotTaken(Result<Arc<SnapshotMeta>, StoreError>),
    /// The state machine was loaded from the snapshot that was installed.
    Restored(Result<LogId, StoreError>),
    /// The transport has learnt the protocol of a peer. Until then every peer is assumed to understand
    /// everything.
    PeerSpeaks {
        /// The peer.
        peer: NodeId,
        /// Its protocol.
        dialect: Dialect,
    },
    /// A store failed. The server halts.
    StoreFailed(StoreError),
}

/// The protocol that a peer understands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Dialect {
    /// HashiCorp's protocol and Wavetank's extensions.
    Wavetank,
    /// HashiCorp's protocol alone: no joint configurations, no restores in the log.
    HashiCorp,
}

/// A call of a client or an operator.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Call {
    /// Apply a command. HashiCorp: `Apply`.
    Apply(Data),
    /// Apply a command with extensions. HashiCorp: `ApplyLog`.
    ApplyLog {
        /// The command.
        data: Data,
        /// What middleware keeps beside it.
        extensions: Data,
    },
    /// Answer when everything before has been applied. HashiCorp: `Barrier`.
    Barrier,
    /// Answer once it is confirmed that this server led after the call. HashiCorp: `VerifyLeader`.
    VerifyLeader,
    /// Answer when a read of the local state machine would be linearizable (thesis §6.4).
    Read(ReadPath),
    /// Start a new cluster. HashiCorp: `BootstrapCluster`.
    Bootstrap(Configuration),
    /// Change the membership by one step. HashiCorp: `AddVoter`, `AddNonvoter`, `DemoteVoter`,
    /// `RemoveServer`; and the joint change of several at once.
    Change {
        /// The step.
        change: Change,
        /// If given: only if the latest configuration is at this index.
        #[cfg_attr(feature = "serde", serde(default, deserialize_with = "crate::types::index_if_any"))]
        prev_index: Option<Index>,
    },
    /// Add a server without a vote, let it catch up in rounds, then give it one (thesis §4.2.1).
    AddVoterStaged {
        /// Its name.
        id: ServerId,
        /// Its network address.
        address: ServerAddress,
        /// If given: only if the latest configuration is at this index.
        #[cfg_attr(feature = "serde", serde(default, deserialize_with = "crate::types::index_if_any"))]
        prev_index: Option<Index>,
    },
    /// Hand leadership over. HashiCorp: `LeadershipTransfer(ToServer)`.
    Transfer {
        /// The target; `None` for the most advanced voter.
        target: Option<ServerId>,
    },
    /// Take a snapshot at once. HashiCorp: `Snapshot`.
    Snapshot,
    /// Replace the state machine's state on every server, at one index of the log.
    /// HashiCorp: `Restore`. The bytes travel as one entry.
    Restore(Data),
    /// Change some of the settings. HashiCorp: `ReloadConfig`.
    Reload(Reloadable),
    /// Stop. HashiCorp: `Shutdown`.
    Shutdown,
}

/// The settings that may change while the server runs, as in HashiCorp's `ReloadableConfig`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Reloadable {
    /// See [`Config::trailing_logs`](crate::Config::trailing_logs).
    pub trailing_logs: u64,
    /// See [`Config::snapshot_interval`](crate::Config::snapshot_interval).
    pub snapshot_interval: Span,
    /// See [`Config::snapshot_threshold`](crate::Config::snapshot_threshold).
    pub snapshot_threshold: u64,
    /// See [`Config::heartbeat_timeout`](crate::Config::heartbeat_timeout).
    pub heartbeat_timeout: Span,
    /// See [`Config::election_timeout`](crate::Config::election_timeout).
    pub election_timeout: Span,
}

/// An action of [`Server::step`](crate::Server::step), for its driver to carry out.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Action {
    /// Transport: call a peer.
    Send {
        /// The receiver.
        to: NodeId,
        /// The number that the response will carry.
        rpc: RpcId,
        /// The request.
        request: Request,
    },
    /// Transport: answer a peer.
    Reply {
        /// The receiver.
        to: NodeId,
        /// The number of the request that this answers.
        rpc: RpcId,
        /// The response.
        response: Response,
    },
    /// Storage: carry out this job and report it: [`Event::Persisted`], [`Event::Fetched`],
    /// [`Event::SnapshotRead`] or [`Event::SnapshotWritten`].
    Store(StoreJob),
    /// State machine: apply these entries and report [`Event::Applied`].
    Apply(Batch),
    /// State machine: capture the state as of the entries handed over so far, keep it as a
    /// snapshot with this description (but for size and checksum), and report
    /// [`Event::SnapshotTaken`].
    TakeSnapshot(SnapshotMeta),
    /// State machine: load this snapshot in place of the state, and report [`Event::Restored`].
    Restore(Arc<SnapshotMeta>),
    /// The outcome of a call; the only one.
    Answer {
        /// The call's number.
        request: RequestId,
        /// The outcome.
        outcome: Outcome,
    },
    /// An observation.
    Observe(Observed),
    /// The server has stopped for good: it will do nothing more.
    Halt(Halt),
}

/// Committed entries for the state machine: consecutive, at least one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Batch {
    /// The entries.
    pub entries: Vec<Entry>,
}

/// The outcome of a call.
pub type Outcome = Result<Answer, Error>;

/// The answer to a call that succeeded.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Answer {
    /// The command was applied.
    Applied {
        /// Its index in the log.
        index: Index,
        /// The state machine's response.
        response: Data,
    },
    /// The entry (a barrier or a configuration) was committed and applied.
    Committed {
        /// Its index in the log.
        index: Index,
    },
    /// The local state machine may be read now: it has applied everything up to `index`.
    Readable {
        /// The read index.
        index: Index,
    },
    /// A snapshot was taken.
    Snapshotted(Arc<SnapshotMeta>),
    /// The call is done.
    Done,
}

/// The reason why a call failed. HashiCorp's errors, with their data.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Error {
    /// `ErrNotLeader`: nothing was done. The server named here leads, as far as is known.
    NotLeader(Option<(ServerId, ServerAddress)>),
    /// `ErrNotVoter`: the server is not among the voters it was told to bootstrap.
    NotVoter,
    /// `ErrLeadershipLost`: the entry was appended, and may or may not come to be committed.
    LeadershipLost,
    /// `ErrAbortedByRestore`: a snapshot replaced the entry; it is not known whether it was applied.
    AbortedByRestore,
    /// `ErrRaftShutdown`: the server has stopped. An entry that was appended may or may not come
    /// to be committed.
    Shutdown,
    /// `ErrEnqueueTimeout`: the call did not get in before its timeout; nothing was done.
    EnqueueTimeout,
    /// `ErrNothingNewToSnapshot`: nothing was applied since the last snapshot.
    NothingNewToSnapshot,
    /// `ErrUnsupportedProtocol`: the protocol version spoken does not have this.
    UnsupportedProtocol,
    /// `ErrCantBootstrap`: there is state already.
    CantBootstrap,
    /// `ErrLeadershipTransferInProgress`: leadership is being handed over; nothing was done.
    LeadershipTransferInProgress,
    /// A snapshot is being taken already.
    SnapshotInProgress,
    /// The call does not fit the server's state; nothing was done.
    Refused(Refusal),
    /// A field of the configuration cannot have this value.
    Config(String),
    /// A store failed.
    Store(StoreError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader(Some((id, address))) => {
                write!(f, "node is not the leader; call {id} at {address}")
            }
            Self::NotLeader(None) => write!(f, "node is not the leader, and none is known"),
            Self::NotVoter => write!(f, "node is not a voter"),
            Self::LeadershipLost => write!(f, "leadership lost while committing log"),
            Self::AbortedByRestore => write!(f, "snapshot restored while committing log"),
            Self::Shutdown => write!(f, "raft is already shutdown"),
            Self::EnqueueTimeout => write!(f, "timed out enqueuing operation"),
            Self::NothingNewToSnapshot => write!(f, "nothing new to snapshot"),
            Self::UnsupportedProtocol => {
                write!(f, "operation not supported with current protocol version")
            }
            Self::CantBootstrap => write!(f, "bootstrap only works on new clusters"),
            Self::LeadershipTransferInProgress => write!(f, "leadership transfer in progress"),
            Self::SnapshotInProgress => write!(f, "snapshot in progress"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Config(what) => write!(f, "{what}"),
            Self::Store(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for Error {}

/// An observation. HashiCorp's observations.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Observed {
    /// The role or its term changed. HashiCorp: `RaftState`.
    State {
        /// The role.
        role: RoleName,
        /// The term.
        term: Term,
    },
    /// Another leader is known, or none. HashiCorp: `LeaderObservation`.
    Leader(Option<(ServerId, ServerAddress)>),
    /// A member came, went or changed. HashiCorp: `PeerObservation`.
    Peer {
        /// It is no longer a member.
        removed: bool,
        /// The member as it is, or was.
        peer: Member,
    },
    /// HashiCorp: `FailedHeartbeatObservation`.
    FailedHeartbeat {
        /// The follower.
        peer: NodeId,
        /// The time since its last answer.
        silent: Span,
    },
    /// HashiCorp: `ResumedHeartbeatObservation`.
    ResumedHeartbeat {
        /// The follower.
        peer: NodeId,
    },
    /// The log was truncated: the entries after this index were never committed.
    Truncated {
        /// The last index that stayed.
        after: Index,
    },
    /// A peer's input was ignored.
    Ignored(crate::node::io::Ignored),
}

/// Why a server stopped for good.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Halt {
    /// It was told to stop.
    Shutdown,
    /// It led, and a configuration without its vote was committed.
    Removed,
    /// A store failed: its content is not known any more.
    Store(StoreError),
}
