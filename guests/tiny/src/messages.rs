//! The messages between the servers: the two RPCs of figure 2.

use serde::{Deserialize, Serialize};
use wavetank_raft::{Entry, Index, LogId, Term};
use wavetank_sim::Protocol;
use wavetank_sim::schedule::CallKind;
use wavetank_sim::subject::MessageRef;

/// The arguments of an RPC. The sender of the message is `candidateId` or `leaderId` of the figure.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Request {
    /// RequestVote RPC, arguments.
    RequestVote {
        /// `term`: the candidate's term.
        term: Term,
        /// `lastLogIndex` and `lastLogTerm`.
        last: LogId,
    },
    /// AppendEntries RPC, arguments.
    AppendEntries {
        /// `term`: the leader's term.
        term: Term,
        /// `prevLogIndex` and `prevLogTerm`.
        prev: LogId,
        /// `entries[]`: empty for a heartbeat.
        entries: Vec<Entry>,
        /// `leaderCommit`: the leader's commit index.
        commit: Index,
    },
}

/// The results of an RPC.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Response {
    /// RequestVote RPC, results.
    RequestVote {
        /// `term`: the voter's term.
        term: Term,
        /// `voteGranted`.
        granted: bool,
    },
    /// AppendEntries RPC, results.
    AppendEntries {
        /// `term`: the follower's term.
        term: Term,
        /// `success`: the follower had the entry at `prevLogIndex` and `prevLogTerm`.
        success: bool,
        /// On success, the last index that the request verified. Otherwise the last index at which the logs may
        /// agree. The figure leaves it out: its leader remembers each request, and goes back by one entry.
        upto: Index,
    },
}

impl Request {
    pub(crate) const fn term(&self) -> Term {
        match self {
            Self::RequestVote { term, .. } | Self::AppendEntries { term, .. } => *term,
        }
    }
}

impl Response {
    pub(crate) const fn term(self) -> Term {
        match self {
            Self::RequestVote { term, .. } | Self::AppendEntries { term, .. } => term,
        }
    }
}

/// The protocol of [`Tiny`](crate::Tiny).
#[derive(Clone, Copy, Debug)]
pub enum TinyProtocol {}

impl Protocol for TinyProtocol {
    type Request = Request;
    type Response = Response;

    fn kind(request: &Request) -> CallKind {
        match request {
            Request::RequestVote { .. } => CallKind::Vote,
            Request::AppendEntries { entries, .. } if entries.is_empty() => CallKind::Heartbeat,
            Request::AppendEntries { .. } => CallKind::Append,
        }
    }

    fn term(request: &Request) -> Option<Term> {
        Some(request.term())
    }

    fn text(message: MessageRef<'_, Self>) -> String {
        match message {
            MessageRef::Request(Request::RequestVote { term, last }) => {
                format!("RequestVote {term} last {last}")
            }
            MessageRef::Request(Request::AppendEntries { term, prev, entries, commit }) => {
                format!("AppendEntries {term} prev {prev} +{} commit {commit}", entries.len())
            }
            MessageRef::Response(Response::RequestVote { term, granted }) => {
                format!("vote {term} {}", if *granted { "granted" } else { "refused" })
            }
            MessageRef::Response(Response::AppendEntries { term, success, upto }) => {
                format!("append {term} {} {upto}", if *success { "ok" } else { "differs after" })
            }
        }
    }
}
