//! The interface of the protocol: [`Input`] goes in, [`Effect`] comes out.
//!
//! **Every effect may be carried out at once**, in the order of the effects. An effect that depends on
//! a write is held back until [`Input::Persisted`] reports the write, so a driver never gets a message
//! that it must not send yet.

use crate::config::Settings;
use crate::configuration::{Change, Configuration, ConfigurationError};
use crate::entry::{Data, Entries, Payload};
use crate::message::{Request, Response, SnapshotMeta};
use crate::types::{Index, LogId, NodeId, RequestId, RpcId, Term, Time, Token};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// An input of [`Node::step`](crate::Node::step).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Input {
    /// The [`Deadline`] has passed. Early or needless calls do nothing.
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
    /// Every write up to this token is persisted.
    Persisted(Token),
    /// Entries that [`StoreJob::Fetch`] asked for: a run from its first index on, as long as the
    /// limits allow; empty if the store no longer has them.
    Fetched {
        /// The ticket of the job.
        ticket: RpcId,
        /// The entries, consecutive.
        entries: Entries,
    },
    /// A client or an operator asks for something.
    Client(ClientRequest),
    /// A local snapshot up to this entry is durable; the log before it may go, but for the
    /// trailing entries.
    SnapshotTaken(LogId),
    /// A piece that [`StoreJob::ReadSnapshot`] asked for.
    SnapshotRead {
        /// The ticket of the job.
        ticket: RpcId,
        /// The piece; `None` if the snapshot cannot be read.
        piece: Option<SnapshotPiece>,
    },
    /// [`StoreJob::WriteSnapshot`] is done.
    SnapshotWritten {
        /// The ticket of the job.
        ticket: RpcId,
        /// Whether the piece is kept (and, for the last one, the whole is durable and its
        /// checksum right).
        ok: bool,
    },
}

/// A request of a client or an operator.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ClientRequest {
    /// Append these, in this order. Answered within the step by
    /// [`Effect::Appended`] or [`Effect::Refused`], for all of them alike.
    Propose(Vec<Payload>),
    /// Change the membership. Answered like [`ClientRequest::Propose`].
    Change {
        /// The step.
        change: Change,
        /// If given: only if the latest configuration is at this index.
        #[cfg_attr(feature = "serde", serde(default, deserialize_with = "crate::types::index_if_any"))]
        prev_index: Option<Index>,
    },
    /// Watch a non-voter catch up, in rounds, and promote it (thesis §4.2.1). Answered later, by
    /// [`Effect::Staged`].
    Stage {
        /// The number of the request; its answer carries it.
        request: RequestId,
        /// The server.
        node: NodeId,
    },
    /// Begin a new cluster with this configuration. Answered like [`ClientRequest::Propose`].
    Bootstrap(Configuration),
    /// Read. Answered later, by [`Effect::ReadReady`] or [`Effect::ReadFailed`].
    Read {
        /// The number of the request; its answer carries it.
        request: RequestId,
        /// How leadership is confirmed.
        path: ReadPath,
    },
    /// Hand leadership over. Answered later, by [`Effect::TransferEnded`].
    Transfer {
        /// The number of the request; its answer carries it.
        request: RequestId,
        /// The target; `None` for the most advanced voter.
        target: Option<NodeId>,
    },
    /// Use these settings from now on. No answer.
    Reload(Arc<Settings>),
}

/// How a leader confirms its leadership before a read (thesis §6.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ReadPath {
    /// A round of heartbeats, and the commit index at the time of the call: ReadIndex.
    Index,
    /// The lease, if it holds by this server's clock; refused otherwise.
    Lease,
    /// A round of heartbeats and no index: HashiCorp's `VerifyLeader`.
    Verify,
}

/// A piece of a local snapshot.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SnapshotPiece {
    /// The snapshot that it is part of.
    pub meta: Arc<SnapshotMeta>,
    /// Where it begins.
    pub offset: u64,
    /// Its bytes.
    pub data: Data,
}

/// An effect of [`Node::step`](crate::Node::step), for its driver to carry out.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Effect {
    /// Send a request to a peer.
    Send {
        /// The receiver.
        to: NodeId,
        /// The number that the response will carry.
        rpc: RpcId,
        /// The request.
        request: Request,
    },
    /// Send a response to a peer.
    Reply {
        /// The receiver.
        to: NodeId,
        /// The number of the request that this answers.
        rpc: RpcId,
        /// The response.
        response: Response,
    },
    /// Work for the stores.
    Store(StoreJob),
    /// Entries up to here are committed and on the local disk: apply them.
    Commit(Index),
    /// The proposals of this step are in the log, from here on.
    Appended {
        /// The position of the first of them.
        first: LogId,
        /// The number of entries.
        count: u64,
    },
    /// The proposals of this step are not in the log.
    Refused(Refusal),
    /// The role changed, or the term within a role.
    Became {
        /// The role now.
        role: RoleName,
        /// The term now.
        term: Term,
    },
    /// Another leader is known, or none.
    LeaderIs(Option<NodeId>),
    /// Another configuration is in force: appended, truncated away, or out of a snapshot.
    Configured {
        /// Its index in the log.
        index: Index,
        /// The configuration.
        configuration: Arc<Configuration>,
    },
    /// Read once everything up to `index` is applied.
    ReadReady {
        /// The number of [`ClientRequest::Read`].
        request: RequestId,
        /// The read index.
        index: Index,
    },
    /// The read is refused.
    ReadFailed {
        /// The number of [`ClientRequest::Read`].
        request: RequestId,
        /// The reason.
        refusal: Refusal,
    },
    /// The transfer is over.
    TransferEnded {
        /// The number of [`ClientRequest::Transfer`].
        request: RequestId,
        /// `None` if the transfer succeeded.
        refusal: Option<Refusal>,
    },
    /// The snapshot whose last piece was just reported is in force: load it into the state machine,
    /// instead of the entries that it includes.
    Installed(Arc<SnapshotMeta>),
    /// A voter that an operator staged has caught up and its promotion was appended, or it is
    /// too slow.
    Staged {
        /// The number of [`ClientRequest::Stage`].
        request: RequestId,
        /// The position of its promotion in the log, or the reason why there is none.
        result: Result<LogId, Refusal>,
    },
    /// A follower stopped answering, or answers again.
    Contact {
        /// The follower.
        peer: NodeId,
        /// The time of the last contact.
        last: Time,
        /// Whether it answers now.
        alive: bool,
    },
    /// An input was ignored.
    Ignored(Ignored),
}

/// The effects of a step, in order. The caller lends the buffer and can use it again.
pub type Effects = Vec<Effect>;

/// Work for the log, the vote record and the snapshots. Each job is reported when it is done.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum StoreJob {
    /// Make a write durable, in the order of the tokens, and report [`Input::Persisted`].
    Persist(Write),
    /// Read entries from the store and report [`Input::Fetched`].
    Fetch {
        /// The number that the report carries back.
        ticket: RpcId,
        /// The first index wanted.
        first: Index,
        /// The last index wanted. Fewer may be delivered, but the first must be among them.
        last: Index,
    },
    /// Read a piece of a snapshot and report [`Input::SnapshotRead`].
    ReadSnapshot {
        /// The number that the report carries back.
        ticket: RpcId,
        /// The snapshot; `None` for the newest.
        last: Option<LogId>,
        /// Where the piece begins.
        offset: u64,
        /// The maximum length of the piece.
        limit: u64,
    },
    /// Keep a piece of a snapshot from the leader and report [`Input::SnapshotWritten`]. A piece at
    /// offset zero begins anew, and replaces earlier pieces.
    WriteSnapshot {
        /// The number that the report carries back.
        ticket: RpcId,
        /// The snapshot that it is part of.
        meta: Arc<SnapshotMeta>,
        /// Where it begins.
        offset: u64,
        /// Its bytes.
        data: Data,
        /// This is the last piece: the report waits until the whole snapshot is durable.
        done: bool,
    },
}

/// One atomic, ordered write: either all of it survives a crash or, if it was never reported
/// durable, possibly none (or, of its entries, the first few).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Write {
    /// The number of the write, and its place in the order.
    pub token: Token,
    /// The new vote record, if it changed.
    pub hard_state: Option<HardState>,
    /// The change of the log.
    pub log: LogOp,
}

/// The state that a server must never forget. It is one record, never two.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HardState {
    /// The newest term it has seen.
    pub term: Term,
    /// The candidate that got its vote in that term.
    pub vote: Option<NodeId>,
}

/// A change of the log on disk.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LogOp {
    /// The log stays as it is.
    Keep,
    /// Append these entries after the last one.
    Append(Entries),
    /// Delete everything from the first of these entries on, which is in conflict; then append them.
    Replace(Entries),
    /// Delete everything up to and including this index: a snapshot includes it.
    Compact(Index),
    /// Delete the whole log: a snapshot replaces it, and the entries after it were in conflict.
    Discard,
}

/// When [`Input::Timer`] is due, and why.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Deadline {
    /// The moment.
    pub at: Time,
    /// The reason.
    pub reason: DeadlineReason,
}

impl Deadline {
    /// Replaces the deadline by an earlier one.
    pub(crate) fn bring_forward(&mut self, at: impl Into<Option<Time>>, reason: DeadlineReason) {
        if let Some(at) = at.into()
            && at < self.at
        {
            *self = Self { at, reason };
        }
    }
}

/// Why a deadline exists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DeadlineReason {
    /// The election timeout (thesis §3.4).
    Election,
    /// The timeout of a ballot that was not won.
    Ballot,
    /// The next heartbeat.
    Heartbeat,
    /// The commit index must be sent to the followers.
    CommitFlush,
    /// A quorum must have answered by then (thesis §6.2).
    Lease,
    /// A transfer has taken too long.
    Transfer,
    /// The disk has taken too long.
    DiskStall,
    /// A snapshot may be due.
    Snapshot,
    /// There is no deadline.
    Idle,
}

/// The role, without its data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RoleName {
    /// Follows a leader, or waits for one.
    Follower,
    /// Asks for pre-votes.
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Leads.
    Leader,
}

/// Why a [`ClientRequest`] is refused. None of these had any effect on the log.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Refusal {
    /// This server does not lead; this one does, as far as it knows.
    NotLeader(Option<NodeId>),
    /// It led when the request came and does not lead now.
    LeadershipLost,
    /// Leadership is being handed over.
    TransferInProgress,
    /// The last change of membership is not committed yet.
    ChangeInProgress,
    /// The leader has not committed an entry of its own term yet (thesis §4.1, Ongaro 2015).
    NoCommitInTerm,
    /// The latest configuration has another index.
    ConfigurationChanged {
        /// The index that the request named.
        since: Index,
        /// The index of the latest configuration.
        latest: Index,
    },
    /// The resulting configuration would be invalid.
    Configuration(ConfigurationError),
    /// There is state already; only a new cluster can be bootstrapped.
    CantBootstrap,
    /// This server is not among the voters.
    NotVoter,
    /// The lease does not hold.
    NoLease,
    /// There is no other voter to hand over to.
    NoTarget,
    /// The server is not a voter of this cluster, so it cannot take over.
    UnknownTarget(NodeId),
    /// The leader is the target.
    TransferToSelf,
    /// The target did not take over in time.
    TransferTimeout,
    /// The staged server did not keep up.
    TooSlow,
    /// The staged server was removed, or the leader lost its place, before it could be promoted.
    StagingAborted,
}

/// Why a peer's input was ignored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Ignored {
    /// A response to an unknown request.
    UnknownRpc,
    /// A report with an unknown ticket.
    UnknownTicket,
    /// The message contradicts itself.
    Malformed,
    /// The message claims a second leader for this term.
    SecondLeader,
    /// The message would undo what is committed.
    BelowCommit,
    /// TimeoutNow from a server that does not lead, or no longer leads.
    StaleTimeoutNow,
    /// A report about a write that was never issued.
    UnknownToken,
    /// The sender is the server itself.
    FromSelf,
}
