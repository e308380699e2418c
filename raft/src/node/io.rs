//! The interface of the protocol: each [`Input`] leads to [`Effect`]s.
//!
//! **The driver may carry out every effect immediately**, in the order of the effects. If an effect depends on
//! a write, the node emits the effect only after [`Input::Persisted`] has reported that the write is durable.
//! Therefore the driver may send each message immediately.

use crate::config::Settings;
use crate::configuration::{Change, Configuration};
use crate::entry::{Data, Entries, Payload};
use crate::message::{Request, Response, SnapshotMeta};
use crate::types::{Index, LogId, NodeId, RequestId, RpcId, Term, Time, Token};
use alloc::sync::Arc;
use alloc::vec::Vec;

pub use super::refusal::{Refusal, Unsupported};

/// An input of [`Node::step`](crate::Node::step).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Input {
    /// The time of the [`Deadline`] has come. Before this time, the input has no effect.
    Timer,
    /// A request from a peer.
    Request {
        /// The server that sent the request.
        from: NodeId,
        /// The number that the sender gave to this request. The response must have the same number.
        rpc: RpcId,
        /// The content of the request.
        request: Request,
    },
    /// A response from a peer.
    Response {
        /// The server that sent the response.
        from: NodeId,
        /// The number of the request that this response answers.
        rpc: RpcId,
        /// The content of the response.
        response: Response,
    },
    /// All writes with a token up to and including this token are durable.
    Persisted(Token),
    /// The result of [`StoreJob::Fetch`]: consecutive entries from the first index of the job on. The list is
    /// empty if the store no longer has the first entry.
    Fetched {
        /// The ticket of the job.
        ticket: RpcId,
        /// The entries that were read. The indexes of the entries are consecutive.
        entries: Entries,
    },
    /// A request from a client or an operator.
    Client(ClientRequest),
    /// A local snapshot that ends at this position is durable. The node compacts the log up to this position,
    /// but keeps the last `trailing_logs` entries of the log.
    SnapshotTaken(LogId),
    /// The result of [`StoreJob::ReadSnapshot`].
    SnapshotRead {
        /// The ticket of the job.
        ticket: RpcId,
        /// The piece; `None` if the snapshot cannot be read.
        piece: Option<SnapshotPiece>,
    },
    /// The result of [`StoreJob::WriteSnapshot`].
    SnapshotWritten {
        /// The ticket of the job.
        ticket: RpcId,
        /// True if the piece is stored. If the piece is the last piece, true only if the whole snapshot is
        /// durable and has the right checksum.
        ok: bool,
    },
}

/// A request of a client or an operator.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ClientRequest {
    /// The request appends entries with these payloads, in this order. The list must not be empty. One
    /// [`Effect::Appended`] or [`Effect::Refused`] answers the whole request in the same step.
    Propose(Vec<Payload>),
    /// The request changes the membership. [`Effect::Appended`] or [`Effect::Refused`] answers the request in
    /// the same step.
    Change {
        /// The change of the membership.
        change: Change,
        /// The index that the latest configuration must have. If the latest configuration has another index,
        /// the change is refused. `None` accepts any index.
        #[cfg_attr(feature = "serde", serde(default, deserialize_with = "crate::types::index_if_any"))]
        prev_index: Option<Index>,
    },
    /// The request makes a non-voter a voter after the non-voter has caught up with the leader's log (thesis
    /// §4.2.1). [`Effect::Staged`] answers the request, usually in a later step.
    Stage {
        /// The number of the request. The answer has the same number.
        request: RequestId,
        /// The non-voter that becomes a voter.
        node: NodeId,
    },
    /// The request starts a new cluster with this configuration. [`Effect::Appended`] or [`Effect::Refused`]
    /// answers the request in the same step.
    Bootstrap(Configuration),
    /// The request asks for the index at which a read is linearizable (thesis §6.4). [`Effect::ReadReady`] or
    /// [`Effect::ReadFailed`] answers the request.
    Read {
        /// The number of the request. The answer has the same number.
        request: RequestId,
        /// The way in which the leader confirms its leadership.
        path: ReadPath,
    },
    /// The request transfers the leadership (thesis §3.10). [`Effect::TransferEnded`] answers the request.
    Transfer {
        /// The number of the request. The answer has the same number.
        request: RequestId,
        /// The server that must become the leader. If the value is `None`, the leader selects the other voter
        /// with the most entries.
        target: Option<NodeId>,
    },
    /// The server uses these settings from now on. This request has no answer.
    Reload(Arc<Settings>),
}

/// The way in which a leader confirms its leadership before a read (thesis §6.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ReadPath {
    /// ReadIndex: a quorum answers a round of heartbeats. The read index is the commit index at the time of
    /// the call. If the leader has not committed an entry of its term yet, the leader first waits for such a
    /// commit.
    Index,
    /// The leader has a lease, and measures the lease with its own clock. The read is refused if the lease
    /// has expired.
    Lease,
    /// HashiCorp's `VerifyLeader`: a quorum answers a round of heartbeats. There is no read index.
    Verify,
}

/// A piece that was read from a local snapshot.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SnapshotPiece {
    /// The description of the whole snapshot.
    pub meta: Arc<SnapshotMeta>,
    /// The offset of the piece in the snapshot, in bytes.
    pub offset: u64,
    /// The bytes of the piece.
    pub data: Data,
}

/// An effect of [`Node::step`](crate::Node::step). The driver of the node carries out the effect.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Effect {
    /// The driver must send a request to a peer.
    Send {
        /// The server that receives the request.
        to: NodeId,
        /// The number that this server gave to the request. The response has the same number.
        rpc: RpcId,
        /// The content of the request.
        request: Request,
    },
    /// The driver must send a response to a peer.
    Reply {
        /// The server that receives the response.
        to: NodeId,
        /// The number of the request that this response answers.
        rpc: RpcId,
        /// The content of the response.
        response: Response,
    },
    /// The driver must carry out a job for the stores.
    Store(StoreJob),
    /// The entries up to this index are committed and durable on this server. The driver may apply these
    /// entries to the state machine.
    Commit(Index),
    /// The payloads of a [`ClientRequest`] are in the log as consecutive entries. The entries are not
    /// committed yet.
    Appended {
        /// The position of the first appended entry.
        first: LogId,
        /// The number of appended entries.
        count: u64,
    },
    /// A [`ClientRequest`] is refused for this reason, and nothing was appended.
    Refused(Refusal),
    /// The role or the term changed.
    Became {
        /// The new role.
        role: RoleName,
        /// The new term.
        term: Term,
    },
    /// This server knows a new leader, or does not know the leader any more. The value is the new leader;
    /// `None` if no leader is known now.
    LeaderIs(Option<NodeId>),
    /// The latest configuration changed. A configuration was appended or came with a snapshot, or an older
    /// configuration is the latest again because the log was truncated.
    Configured {
        /// The index of the configuration in the log.
        index: Index,
        /// The configuration that the server uses now.
        configuration: Arc<Configuration>,
    },
    /// The read may be answered when all entries up to `index` are applied.
    ReadReady {
        /// The number of the [`ClientRequest::Read`] that this effect answers.
        request: RequestId,
        /// The index up to which entries must be applied before the read; zero for [`ReadPath::Verify`].
        index: Index,
    },
    /// The read is refused. The driver must not read the state machine for this request.
    ReadFailed {
        /// The number of the [`ClientRequest::Read`] that this effect answers.
        request: RequestId,
        /// The reason why the read is refused.
        refusal: Refusal,
    },
    /// The leadership transfer has ended.
    TransferEnded {
        /// The number of the [`ClientRequest::Transfer`] that this effect answers.
        request: RequestId,
        /// The reason why the transfer failed. `None` if this server has stopped leading; the transfer then
        /// counts as a success.
        refusal: Option<Refusal>,
    },
    /// This snapshot from the leader is durable, and replaces the log up to the end of the snapshot. The
    /// driver must load the snapshot into the state machine. The driver must not apply the entries that the
    /// snapshot includes.
    Installed(Arc<SnapshotMeta>),
    /// The staging of a non-voter has ended.
    Staged {
        /// The number of the [`ClientRequest::Stage`] that this effect answers.
        request: RequestId,
        /// The position of the entry that makes the non-voter a voter, or the reason why the non-voter was
        /// not promoted.
        result: Result<LogId, Refusal>,
    },
    /// A follower does not answer any more, or answers again.
    Contact {
        /// The follower that does not answer any more, or answers again.
        peer: NodeId,
        /// The time of the last contact with the follower.
        last: Time,
        /// True if the follower answers again; false if the follower does not answer any more.
        alive: bool,
    },
    /// A follower has lost entries that this follower had acknowledged. If the follower is a voter, this leader
    /// does not count the follower's copies of entries for a commit until the follower is removed or demoted.
    /// The next leader does not know of the loss.
    LostEntries {
        /// The follower that has lost entries.
        peer: NodeId,
        /// The last index that the follower had acknowledged.
        acknowledged: Index,
        /// The last index of the follower's log after the loss.
        last: Index,
    },
    /// A follower is a server of HashiCorp Raft and does not understand the entry at `past`. The follower
    /// needs a snapshot that includes this entry, and the newest snapshot does not include this entry.
    NeedsSnapshot {
        /// The follower that needs a snapshot.
        peer: NodeId,
        /// The position of the entry that the follower does not understand.
        past: LogId,
    },
    /// An input was ignored for this reason.
    Ignored(Ignored),
}

/// The effects of a step. The driver carries out the effects in the order of this list. The caller owns the
/// list, and can use it again for every step.
pub type Effects = Vec<Effect>;

/// A job for the stores: the log, the vote record and the snapshots. The driver reports the result of each
/// job.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum StoreJob {
    /// The store makes a write durable. Then the driver reports [`Input::Persisted`]. Writes become durable
    /// in the order of their tokens.
    Persist(Write),
    /// The store reads entries. Then the driver reports [`Input::Fetched`].
    Fetch {
        /// The number of the job. The report of the job has the same number.
        ticket: RpcId,
        /// The index of the first entry to read.
        first: Index,
        /// The index of the last entry to read. The store may return fewer entries. The store must return the
        /// first entry if the store has this entry.
        last: Index,
    },
    /// The store reads a piece of a snapshot. Then the driver reports [`Input::SnapshotRead`].
    ReadSnapshot {
        /// The number of the job. The report of the job has the same number.
        ticket: RpcId,
        /// The position of the last entry of the snapshot; `None` for the newest snapshot.
        last: Option<LogId>,
        /// The offset of the piece in the snapshot, in bytes.
        offset: u64,
        /// The maximum length of the piece, in bytes.
        limit: u64,
    },
    /// The store writes a piece of a snapshot from the leader. Then the driver reports
    /// [`Input::SnapshotWritten`]. A piece at offset 0 starts a new snapshot, and the store deletes the pieces
    /// of a snapshot that is not complete.
    WriteSnapshot {
        /// The number of the job. The report of the job has the same number.
        ticket: RpcId,
        /// The description of the whole snapshot.
        meta: Arc<SnapshotMeta>,
        /// The offset of the piece in the snapshot, in bytes.
        offset: u64,
        /// The bytes of the piece.
        data: Data,
        /// True for the last piece. The report of the last piece must wait until the whole snapshot is
        /// durable.
        done: bool,
    },
}

/// One write to the vote record and the log.
///
/// 1. After a write was reported as durable, the whole write survives a crash.
/// 2. Before that report, a crash may keep the whole write, no part of the write, or only the first entries of
///    the write.
/// 3. Writes become durable in the order of their tokens.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Write {
    /// The number of the write. Later writes have higher numbers.
    pub token: Token,
    /// The new vote record; `None` if the record did not change.
    pub hard_state: Option<HardState>,
    /// The change to the log.
    pub log: LogOp,
}

/// The vote record: the term and the vote. A server must never forget its term and its vote (thesis §3.8). The
/// term and the vote are in one record. With two records, a crash between the two writes could leave the vote
/// with a wrong term.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HardState {
    /// The newest term that the server has seen.
    pub term: Term,
    /// The candidate that got the server's vote in `term`; `None` if the server has not voted in `term`.
    pub vote: Option<NodeId>,
}

/// A change of the log on disk.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LogOp {
    /// The log does not change.
    Keep,
    /// These entries are appended after the last entry of the log.
    Append(Entries),
    /// The stored entries from the index of the first new entry on are deleted, because these stored entries
    /// conflict with the leader's log. Then the new entries are appended.
    Replace(Entries),
    /// The entries up to and including this index are deleted. A snapshot includes the deleted entries.
    Compact(Index),
    /// The whole log is deleted. A snapshot that ends at this index replaces the log. The entries after this
    /// index are deleted too, because these entries conflict with the leader's log.
    Discard(Index),
    /// The log does not change, and this position is stored in a separate record. The disk of this server was
    /// blank when a leader showed that the leader's log reaches this position. The server does not campaign
    /// before its own log reaches this position.
    CatchUp(LogId),
}

/// The time at which [`Input::Timer`] is due, and the reason for the timer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Deadline {
    /// The time at which the timer is due; [`Time::NEVER`] if nothing is due.
    pub at: Time,
    /// The reason for the timer. If several deadlines exist, this is the reason for the earliest deadline.
    pub reason: DeadlineReason,
}

impl Deadline {
    /// Replaces the time and the reason of the deadline if `at` is earlier than the deadline. If `at` is
    /// `None`, nothing changes.
    pub(crate) fn bring_forward(&mut self, at: impl Into<Option<Time>>, reason: DeadlineReason) {
        if let Some(at) = at.into()
            && at < self.at
        {
            *self = Self { at, reason };
        }
    }
}

/// The reason why a deadline exists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DeadlineReason {
    /// The election timeout of a follower (thesis §3.4).
    Election,
    /// The election timeout of a candidate or pre-candidate that has not won yet.
    Ballot,
    /// The leader must send its next heartbeats.
    Heartbeat,
    /// The leader must send the commit index to the followers.
    CommitFlush,
    /// If no quorum has answered the leader by this time, the leader steps down (thesis §6.2).
    Lease,
    /// If a leadership transfer has not ended by this time, the transfer fails.
    Transfer,
    /// If the leader's disk has not finished a write by this time, the leader steps down.
    DiskStall,
    /// The server checks whether to take a snapshot.
    Snapshot,
    /// There is no deadline.
    Idle,
}

/// The name of a role (thesis §3.3). A pre-candidate is a candidate in the Pre-Vote phase (§9.6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RoleName {
    /// The server follows a leader, or waits for a leader.
    Follower,
    /// The server asks for pre-votes, and does not enter a new term (thesis §9.6).
    PreCandidate,
    /// The server asks for votes in a new term.
    Candidate,
    /// The server is the leader of its current term.
    Leader,
}

/// The reason why an input was ignored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Ignored {
    /// The response belongs to no open request, for example because the response is a duplicate.
    UnknownRpc,
    /// The report belongs to no open job, for example because this server has changed its role since the job
    /// began.
    UnknownTicket,
    /// The fields of the message contradict each other.
    Malformed,
    /// The message is from a second leader of this term. A term has at most one leader (thesis §3.2).
    SecondLeader,
    /// The entries of the message conflict with committed entries of this server.
    BelowCommit,
    /// The TimeoutNow request is not from the current leader, or this server must not campaign.
    StaleTimeoutNow,
    /// The report is about a write that was never issued.
    UnknownToken,
    /// The sender of the message is this server itself.
    FromSelf,
}
