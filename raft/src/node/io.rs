//! Everything that crosses the protocol's boundary: [`Input`] goes in, [`Effect`] comes out.
//!
//! **Every effect may be carried out the moment it is seen**, in the order in which they come.
//! What depends on a write is kept inside until [`Input::Persisted`] reports it, so a driver is
//! never handed a message that it must not yet send.

use crate::config::Settings;
use crate::configuration::{Change, Configuration, ConfigurationError};
use crate::entry::{Data, Entries, Payload};
use crate::message::{Request, Response, SnapshotMeta};
use crate::types::{Index, LogId, NodeId, RequestId, RpcId, Term, Time, Token};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What may happen to a server.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Input {
    /// The [`Deadline`] has passed. Early or needless calls do nothing.
    Timer,
    /// A peer calls.
    Request {
        /// Who.
        from: NodeId,
        /// Goes back with the answer.
        rpc: RpcId,
        /// What.
        request: Request,
    },
    /// A peer answers.
    Response {
        /// Who.
        from: NodeId,
        /// The call that is answered.
        rpc: RpcId,
        /// How.
        response: Response,
    },
    /// Every write up to this token is durable.
    Persisted(Token),
    /// Entries that [`StoreJob::Fetch`] asked for: a run from its first index on, as long as the
    /// limits allow; empty if the store no longer has them.
    Fetched {
        /// The ticket of the job.
        ticket: RpcId,
        /// The run.
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
        /// If not zero: only if the latest configuration stands at this index.
        prev_index: Index,
    },
    /// Watch a non-voter catch up, in rounds, and promote it (thesis §4.2.1). Answered later, by
    /// [`Effect::Staged`].
    Stage {
        /// The number that goes back.
        request: RequestId,
        /// The server.
        node: NodeId,
    },
    /// Begin a new cluster with this configuration. Answered like [`ClientRequest::Propose`].
    Bootstrap(Configuration),
    /// Read. Answered later, by [`Effect::ReadReady`] or [`Effect::ReadFailed`].
    Read {
        /// The number that goes back.
        request: RequestId,
        /// How leadership is to be shown.
        path: ReadPath,
    },
    /// Hand leadership over. Answered later, by [`Effect::TransferEnded`].
    Transfer {
        /// The number that goes back.
        request: RequestId,
        /// Who; `None` for the most advanced voter.
        target: Option<NodeId>,
    },
    /// Use these settings from now on. No answer.
    Reload(Arc<Settings>),
}

/// How a leader shows that it still leads before a read (thesis §6.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ReadPath {
    /// A round of heartbeats, and the commit index at the time of the call: ReadIndex.
    Index,
    /// The lease, if it can be shown by this server's clock; refused otherwise.
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

/// What a server wants done.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Effect {
    /// Call a peer.
    Send {
        /// Whom.
        to: NodeId,
        /// Comes back with the answer.
        rpc: RpcId,
        /// What.
        request: Request,
    },
    /// Answer a peer.
    Reply {
        /// Whom.
        to: NodeId,
        /// The call that is answered.
        rpc: RpcId,
        /// How.
        response: Response,
    },
    /// Work for the stores.
    Store(StoreJob),
    /// Entries up to here are committed and on the local disk: apply them.
    Commit(Index),
    /// The proposals of this step are in the log, from here on.
    Appended {
        /// Where the first of them stands.
        first: LogId,
        /// How many they are.
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
        /// Where it stands.
        index: Index,
        /// What it is.
        configuration: Arc<Configuration>,
    },
    /// Read once everything up to `index` is applied.
    ReadReady {
        /// The number of [`ClientRequest::Read`].
        request: RequestId,
        /// The index.
        index: Index,
    },
    /// Do not read.
    ReadFailed {
        /// The number of [`ClientRequest::Read`].
        request: RequestId,
        /// Why.
        refusal: Refusal,
    },
    /// The transfer is over.
    TransferEnded {
        /// The number of [`ClientRequest::Transfer`].
        request: RequestId,
        /// `None`: leadership is gone, as wanted.
        refusal: Option<Refusal>,
    },
    /// The snapshot whose last piece was just reported is in force: load it into the state
    /// machine, instead of the entries that it stands for.
    Installed(Arc<SnapshotMeta>),
    /// A voter that an operator staged has caught up and its promotion was appended, or it is
    /// too slow.
    Staged {
        /// The number of [`ClientRequest::Stage`].
        request: RequestId,
        /// Where its promotion stands, or why there is none.
        result: Result<LogId, Refusal>,
    },
    /// A follower that had gone silent answers again, or the other way round.
    Contact {
        /// The follower.
        peer: NodeId,
        /// When it was last heard.
        last: Time,
        /// Whether it is heard now.
        alive: bool,
    },
    /// A peer's input that made no sense here.
    Ignored(Ignored),
}

/// The effects of a step, in order. Lent by the caller, so that it can be used again.
pub type Effects = Vec<Effect>;

/// Work for the log, the vote record and the snapshots. Each job is reported when it is done.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum StoreJob {
    /// Make a write durable, in the order of the tokens, and report [`Input::Persisted`].
    Persist(Write),
    /// Read entries from the store and report [`Input::Fetched`].
    Fetch {
        /// Goes back with the entries.
        ticket: RpcId,
        /// The first index wanted.
        first: Index,
        /// The last index wanted. Fewer may be delivered, but the first must be among them.
        last: Index,
    },
    /// Read a piece of a snapshot and report [`Input::SnapshotRead`].
    ReadSnapshot {
        /// Goes back with the piece.
        ticket: RpcId,
        /// The snapshot; `None` for the newest.
        last: Option<LogId>,
        /// Where the piece begins.
        offset: u64,
        /// How long it may be.
        limit: u64,
    },
    /// Keep a piece of a snapshot from the leader and report [`Input::SnapshotWritten`]. A piece
    /// at offset zero begins anew, whatever was there before.
    WriteSnapshot {
        /// Goes back with the report.
        ticket: RpcId,
        /// The snapshot that it is part of.
        meta: Arc<SnapshotMeta>,
        /// Where it begins.
        offset: u64,
        /// Its bytes.
        data: Data,
        /// It is the last one: the report waits until the whole is durable.
        done: bool,
    },
}

/// One atomic, ordered write: either all of it survives a crash or, if it was never reported
/// durable, possibly none (or, of its entries, the first few).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Write {
    /// Its name and place in the order.
    pub token: Token,
    /// The new vote record, if it changed.
    pub hard_state: Option<HardState>,
    /// What becomes of the log.
    pub log: LogOp,
}

/// What a server must never forget: one record, never two.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HardState {
    /// The newest term it has seen.
    pub term: Term,
    /// Whom it gave its vote in that term.
    pub vote: Option<NodeId>,
}

/// What becomes of the log on disk.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LogOp {
    /// Nothing.
    Keep,
    /// These follow the last entry.
    Append(Entries),
    /// Everything from the first of these on is in conflict and goes; then these follow.
    Replace(Entries),
    /// Everything up to and with this index goes: a snapshot stands for it.
    Compact(Index),
    /// The whole log goes: a snapshot stands in its place and what followed was in conflict.
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
    /// This comes first if it is sooner.
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
    /// Nothing has been heard from a leader (thesis §3.4).
    Election,
    /// The vote has not been won.
    Ballot,
    /// Followers want to hear that the leader lives.
    Heartbeat,
    /// A commit should be told.
    CommitFlush,
    /// A quorum must have answered by then (thesis §6.2).
    Lease,
    /// A transfer has taken too long.
    Transfer,
    /// The disk has taken too long.
    DiskStall,
    /// A snapshot may be due.
    Snapshot,
    /// Nothing is awaited.
    Idle,
}

/// The role, without its data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RoleName {
    /// Follows, or waits.
    Follower,
    /// Asks whether it would be elected.
    PreCandidate,
    /// Asks to be elected.
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
    /// The latest configuration stands elsewhere.
    ConfigurationChanged {
        /// Where it was thought to stand.
        since: Index,
        /// Where it stands.
        latest: Index,
    },
    /// The configuration that it would lead to cannot be.
    Configuration(ConfigurationError),
    /// There is state already; only a new cluster can be bootstrapped.
    CantBootstrap,
    /// This server is not among the voters.
    NotVoter,
    /// There is no lease to read under.
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
    /// An answer to nothing that is being waited for.
    UnknownRpc,
    /// A report about nothing that is being waited for.
    UnknownTicket,
    /// The message contradicts itself.
    Malformed,
    /// The message claims a second leader for this term.
    SecondLeader,
    /// The message would undo what is committed.
    BelowCommit,
    /// A call to campaign from someone who is not the leader, or was.
    StaleTimeoutNow,
    /// A report about a write that was never asked for.
    UnknownToken,
    /// The server speaks to itself.
    FromSelf,
}
