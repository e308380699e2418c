//! The messages between servers: HashiCorp's five requests, one struct each, and their responses.
//!
//! Fields marked *beyond HashiCorp* travel in extra fields that its decoder skips. They may save
//! round trips; nothing may depend on them. The transport carries the sender, the receiver and the
//! [`RpcId`] that ties a response to its request.
//!
//! [`RpcId`]: crate::RpcId

use crate::configuration::Configuration;
use crate::entry::{Data, Entries};
use crate::types::{Index, LogId, Term};
use alloc::sync::Arc;

/// A request from one server to another.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Request {
    /// Entries, or a heartbeat (thesis §3.5).
    AppendEntries(AppendEntries),
    /// A request for a vote (§3.4).
    RequestVote(RequestVote),
    /// A request for a pre-vote (§9.6).
    RequestPreVote(RequestPreVote),
    /// A piece of a snapshot (§5).
    InstallSnapshot(InstallSnapshot),
    /// Campaign at once (§3.10).
    TimeoutNow(TimeoutNow),
}

/// The response to a [`Request`] of the same name.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Response {
    /// To [`AppendEntries`].
    AppendEntries(AppendEntriesResponse),
    /// To [`RequestVote`].
    RequestVote(RequestVoteResponse),
    /// To [`RequestPreVote`].
    RequestPreVote(RequestPreVoteResponse),
    /// To [`InstallSnapshot`].
    InstallSnapshot(InstallSnapshotResponse),
    /// To [`TimeoutNow`].
    TimeoutNow(TimeoutNowResponse),
}

/// Entries that follow `prev`. Empty as a heartbeat.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AppendEntries {
    /// The leader's term.
    pub term: Term,
    /// The entry before the first of `entries`.
    pub prev: LogId,
    /// Consecutive, terms never falling, none above `term`.
    pub entries: Entries,
    /// The leader's commit index.
    pub leader_commit: Index,
}

/// The response to [`AppendEntries`]: whether the entries are in the follower's log, durably.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AppendEntriesResponse {
    /// The follower's term.
    pub term: Term,
    /// `prev` was found and everything up to the last of the request's entries is durable. How
    /// far that is, the leader knows from its own request.
    pub success: bool,
    /// The follower's last index when the request arrived.
    pub last_log: Index,
    /// The refusal is about the log, so that trying again at once makes sense.
    pub no_retry_backoff: bool,
    /// *Beyond HashiCorp*: the last entry the follower has at or below `prev` whose term is not
    /// above `prev`'s. The leader skips a whole conflicting term per round trip with it.
    pub hint: Option<LogId>,
}

/// A candidate's request for a vote.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestVote {
    /// The candidate's term.
    pub term: Term,
    /// The candidate's last entry.
    pub last_log: LogId,
    /// The leader itself asked the candidate to campaign, so a live leader is no reason to refuse.
    pub leadership_transfer: bool,
}

/// The response to [`RequestVote`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestVoteResponse {
    /// The voter's term.
    pub term: Term,
    /// The vote is granted and durable.
    pub granted: bool,
}

/// A request for a pre-vote, which binds nobody.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestPreVote {
    /// The term the candidate would campaign in.
    pub term: Term,
    /// The candidate's last entry.
    pub last_log: LogId,
}

/// The response to [`RequestPreVote`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestPreVoteResponse {
    /// The term asked for, or the voter's own if that is newer.
    pub term: Term,
    /// The voter would grant its vote.
    pub granted: bool,
}

/// A piece of a snapshot, in order from `offset`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InstallSnapshot {
    /// The leader's term.
    pub term: Term,
    /// The description of the whole snapshot.
    pub meta: Arc<SnapshotMeta>,
    /// Where in the snapshot's bytes this piece begins.
    pub offset: u64,
    /// The bytes of the piece.
    pub data: Data,
    /// This is the last piece.
    pub done: bool,
}

/// The response to [`InstallSnapshot`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InstallSnapshotResponse {
    /// The follower's term.
    pub term: Term,
    /// The piece is stored; for the last piece: the snapshot is durable and in force.
    pub success: bool,
    /// *Beyond HashiCorp*: where the next piece should begin.
    pub next_offset: u64,
}

/// Campaign at once.

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TimeoutNow {
    /// *Beyond HashiCorp*: the sender's term, so that a stale call can be told from a fresh one.
    /// `None` comes from a peer that does not send it.
    pub term: Option<Term>,
}

/// The response to [`TimeoutNow`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TimeoutNowResponse {
    /// *Beyond HashiCorp*: whether the server campaigns.
    pub accepted: bool,
}

/// The description of a snapshot: everything but its bytes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SnapshotMeta {
    /// The last entry that the snapshot includes.
    pub last: LogId,
    /// The membership in force at `last`.
    pub configuration: Configuration,
    /// The index of that configuration's entry.
    pub configuration_index: Index,
    /// The length of its bytes.
    pub size: u64,
    /// CRC-64/XZ of its bytes, as HashiCorp's file snapshots carry it. Zero means unknown: a
    /// snapshot from a peer that sends none.
    pub checksum: u64,
}

impl Request {
    /// The sender's term; `None` for a [`TimeoutNow`] without a term.
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

    /// The call's name.
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
    /// The term that it states. The answer to [`TimeoutNow`] states none.
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

    /// The name of the call it answers.
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
            Response::RequestVote(RequestVoteResponse { term, granted }),
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
