//! The messages between servers: the five requests of HashiCorp Raft and their responses.
//!
//! HashiCorp Raft does not know the fields that are marked *Beyond HashiCorp*. The decoder of HashiCorp Raft
//! skips these fields. Most of these fields save round trips. Safety must not depend on these fields. The
//! transport adds the sender, the receiver and the [`RpcId`]. A request and its response have the same
//! [`RpcId`].
//!
//! [`RpcId`]: crate::RpcId

use crate::configuration::Configuration;
use crate::entry::{Data, Entries};
use crate::types::{Index, LogId, Term};
use alloc::sync::Arc;

/// The protocol that a peer understands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Dialect {
    /// The protocol of HashiCorp Raft with Wavetank's extensions.
    Wavetank,
    /// The protocol of HashiCorp Raft only: no joint configurations and no restores in the log.
    HashiCorp,
}

/// A request from one server to another.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Request {
    /// A request to append entries, or a heartbeat (thesis §3.5).
    AppendEntries(AppendEntries),
    /// A request for a vote (thesis §3.4).
    RequestVote(RequestVote),
    /// A request for a pre-vote (thesis §9.6).
    RequestPreVote(RequestPreVote),
    /// A piece of a snapshot (thesis §5.1).
    InstallSnapshot(InstallSnapshot),
    /// A request to campaign immediately (thesis §3.10).
    TimeoutNow(TimeoutNow),
}

/// The response to a [`Request`]. Each variant answers the variant of [`Request`] with the same name.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Response {
    /// The response to [`AppendEntries`].
    AppendEntries(AppendEntriesResponse),
    /// The response to [`RequestVote`].
    RequestVote(RequestVoteResponse),
    /// The response to [`RequestPreVote`].
    RequestPreVote(RequestPreVoteResponse),
    /// The response to [`InstallSnapshot`].
    InstallSnapshot(InstallSnapshotResponse),
    /// The response to [`TimeoutNow`].
    TimeoutNow(TimeoutNowResponse),
}

/// A leader's request to append entries after `prev` (thesis §3.5). A heartbeat has no entries.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AppendEntries {
    /// The term in which the sender leads.
    pub term: Term,
    /// The position of the entry directly before the first of `entries`. In a request without entries, this is
    /// the position of an entry that the follower must have. [`LogId::ZERO`] matches every log.
    pub prev: LogId,
    /// The entries, with consecutive indexes. The terms of the entries never fall, and no entry has a term
    /// above `term`.
    pub entries: Entries,
    /// An index up to which the leader has committed entries.
    pub leader_commit: Index,
}

/// The response to [`AppendEntries`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AppendEntriesResponse {
    /// The follower's current term.
    pub term: Term,
    /// True if the follower's log contains the entry at `prev` and is durable up to the last entry of the
    /// request. The leader knows the index of that last entry from the request.
    pub success: bool,
    /// The index of the follower's last entry when the request arrived.
    pub last_log: Index,
    /// True if the follower's log does not contain the entry at `prev`. The leader may then try an earlier
    /// `prev` immediately.
    pub no_retry_backoff: bool,
    /// *Beyond HashiCorp*: the position of the follower's last entry whose index is below the index of `prev`
    /// and whose term is not above the term of `prev`. With this position, the leader skips a whole conflicting
    /// term per round trip (thesis §3.5). `None` if the follower's log contains the entry at `prev`, if the
    /// follower did not compare `prev` with its log (because the request has an old term or is malformed), or
    /// if the follower runs HashiCorp Raft.
    pub hint: Option<LogId>,
}

/// A candidate's request for a vote (thesis §3.4, §3.6.1).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestVote {
    /// The term in which the candidate campaigns.
    pub term: Term,
    /// The position of the last entry of the candidate's log.
    pub last_log: LogId,
    /// True if the leader asked the candidate to campaign. In this case, a voter may grant the vote although
    /// the voter has just heard from that leader.
    pub leadership_transfer: bool,
}

/// The response to [`RequestVote`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestVoteResponse {
    /// The voter's current term.
    pub term: Term,
    /// True if the vote is granted. A granted vote is durable.
    pub granted: bool,
    /// *Beyond HashiCorp*: true if the voter refuses only because of the term of the request. The term of the
    /// request is older than the voter's term, the candidate's log is at least as up to date as the voter's
    /// log, and the voter knows of no live leader. In a newer term, the voter would vote for the same
    /// candidate.
    pub refused_for_term: bool,
}

/// A request for a pre-vote (thesis §9.6). The request asks whether the receiver would vote for the sender in
/// an election. The request changes nothing on the receiver.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestPreVote {
    /// The term in which the candidate wants to campaign.
    pub term: Term,
    /// The position of the last entry of the candidate's log.
    pub last_log: LogId,
}

/// The response to [`RequestPreVote`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestPreVoteResponse {
    /// The term of the request if the pre-vote is granted, otherwise the voter's term. A server of HashiCorp
    /// Raft also repeats the term of the request if it refuses because of the candidate's log.
    pub term: Term,
    /// True if the pre-vote is granted: the voter would grant its vote in an election.
    pub granted: bool,
}

/// A piece of a snapshot that the leader sends to a follower (thesis §5.1).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InstallSnapshot {
    /// The term in which the sender leads.
    pub term: Term,
    /// The description of the whole snapshot.
    pub meta: Arc<SnapshotMeta>,
    /// The offset of the piece in the snapshot, in bytes.
    pub offset: u64,
    /// The bytes of the piece.
    pub data: Data,
    /// True if this piece is the last piece of the snapshot.
    pub done: bool,
}

/// The response to [`InstallSnapshot`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InstallSnapshotResponse {
    /// The follower's current term.
    pub term: Term,
    /// True if the piece is stored. If the piece is the last piece, true only if the whole snapshot is durable.
    /// Also true if the follower does not need the snapshot, because all entries of the snapshot are committed
    /// and durable on the follower.
    pub success: bool,
    /// *Beyond HashiCorp*: the offset at which the next piece must begin, in bytes. The size of the snapshot if
    /// the follower needs no further piece.
    pub next_offset: u64,
}

/// A leader's request to campaign immediately, for a leadership transfer (thesis §3.10).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TimeoutNow {
    /// *Beyond HashiCorp*: the sender's term. The receiver uses the term to recognise a late request. `None` in
    /// a request from a server of HashiCorp Raft, which sends no term.
    pub term: Option<Term>,
}

/// The response to [`TimeoutNow`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TimeoutNowResponse {
    /// *Beyond HashiCorp*: true if the receiver of the request campaigns.
    pub accepted: bool,
}

/// The description of a snapshot. The description does not contain the bytes of the snapshot.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SnapshotMeta {
    /// The position of the last entry that the snapshot includes.
    pub last: LogId,
    /// The latest configuration in the log up to `last`.
    pub configuration: Configuration,
    /// The index of the entry with this configuration in the log.
    pub configuration_index: Index,
    /// The size of the snapshot, in bytes. Zero if the size is not known yet.
    pub size: u64,
    /// The CRC-64/XZ of the snapshot's bytes, as in the file snapshots of HashiCorp Raft. Zero if the
    /// checksum is unknown, for example because the sender of the snapshot does not send a checksum.
    pub checksum: u64,
}

impl AppendEntries {
    /// True for a heartbeat without a position in the log and without a commit index. A server of HashiCorp Raft
    /// recognises heartbeats by these empty fields, and answers such heartbeats even while its state machine
    /// is busy.
    #[must_use]
    pub fn is_bare_heartbeat(&self) -> bool {
        self.entries.is_empty() && self.prev == LogId::ZERO && self.leader_commit == Index::ZERO
    }

    /// True if HashiCorp Raft does not understand at least one of the entries. See
    /// [`Payload::is_beyond_hashicorp`].
    ///
    /// [`Payload::is_beyond_hashicorp`]: crate::Payload::is_beyond_hashicorp
    #[must_use]
    pub fn is_beyond_hashicorp(&self) -> bool {
        self.entries.iter().any(|entry| entry.payload.is_beyond_hashicorp())
    }
}

impl Request {
    /// Returns the term in the request. In a [`RequestPreVote`], this is the term in which the sender wants to
    /// campaign. In any other request, this is the sender's term. Returns `None` for a [`TimeoutNow`] without a
    /// term.
    #[must_use]
    pub const fn term(&self) -> Option<Term> {
        match self {
            Self::AppendEntries(request) => Some(request.term),
            Self::RequestVote(request) => Some(request.term),
            Self::RequestPreVote(request) => Some(request.term),
            Self::InstallSnapshot(request) => Some(request.term),
            Self::TimeoutNow(request) => request.term,
        }
    }

    /// Returns the name of the variant, for example `AppendEntries`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AppendEntries(_) => "AppendEntries",
            Self::RequestVote(_) => "RequestVote",
            Self::RequestPreVote(_) => "RequestPreVote",
            Self::InstallSnapshot(_) => "InstallSnapshot",
            Self::TimeoutNow(_) => "TimeoutNow",
        }
    }
}

impl Response {
    /// Returns the term in the response. This is the sender's term, except in some responses to a pre-vote
    /// request (see [`RequestPreVoteResponse::term`]). Returns `None` for [`TimeoutNowResponse`], which has no
    /// term.
    #[must_use]
    pub const fn term(&self) -> Option<Term> {
        match self {
            Self::AppendEntries(answer) => Some(answer.term),
            Self::RequestVote(answer) => Some(answer.term),
            Self::RequestPreVote(answer) => Some(answer.term),
            Self::InstallSnapshot(answer) => Some(answer.term),
            Self::TimeoutNow(_) => None,
        }
    }

    /// Returns the name of the variant, for example `AppendEntries`. The request that this response answers has
    /// the same name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AppendEntries(_) => "AppendEntries",
            Self::RequestVote(_) => "RequestVote",
            Self::RequestPreVote(_) => "RequestPreVote",
            Self::InstallSnapshot(_) => "InstallSnapshot",
            Self::TimeoutNow(_) => "TimeoutNow",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Member;
    use alloc::vec;

    #[test]
    fn a_call_and_its_answer_have_one_name() {
        let (term, last_log) = (Term(7), LogId::ZERO);
        let configuration = Configuration::new(vec![Member::voter("n1", "a1")]).expect("one voter");
        let meta = SnapshotMeta {
            last: last_log,
            configuration,
            configuration_index: Index(1),
            size: 0,
            checksum: 0,
        };
        let entries = Entries::default();
        let calls = [
            Request::AppendEntries(AppendEntries {
                term,
                prev: last_log,
                entries,
                leader_commit: Index::ZERO,
            }),
            Request::RequestVote(RequestVote { term, last_log, leadership_transfer: false }),
            Request::RequestPreVote(RequestPreVote { term, last_log }),
            Request::InstallSnapshot(InstallSnapshot {
                term,
                meta: meta.into(),
                offset: 0,
                data: Data::default(),
                done: true,
            }),
            Request::TimeoutNow(TimeoutNow { term: Some(term) }),
        ];
        let (hint, granted, success) = (None, true, true);
        let answers = [
            Response::AppendEntries(AppendEntriesResponse {
                term,
                success,
                last_log: Index::ZERO,
                no_retry_backoff: false,
                hint,
            }),
            Response::RequestVote(RequestVoteResponse { term, granted, refused_for_term: false }),
            Response::RequestPreVote(RequestPreVoteResponse { term, granted }),
            Response::InstallSnapshot(InstallSnapshotResponse { term, success, next_offset: 0 }),
            Response::TimeoutNow(TimeoutNowResponse { accepted: true }),
        ];
        let names = ["AppendEntries", "RequestVote", "RequestPreVote", "InstallSnapshot", "TimeoutNow"];
        assert_eq!(calls.each_ref().map(Request::name), names);
        assert_eq!(answers.each_ref().map(Response::name), names);
        assert_eq!(calls.each_ref().map(Request::term), [Some(term); 5]);
        assert_eq!(Request::TimeoutNow(TimeoutNow { term: None }).term(), None);
    }
}
