//! The refusals between servers. A refusal names the server that refused a request, the server that sent the
//! request, and the reason.
//!
//! The reason comes from the state that the refusing server shows. Refusals of requests of another protocol
//! are not collected.

use crate::observe::observer::Observer;
use crate::observe::{Observation, ObservationKind};
use crate::plan::server_set::ServerIdx;
use crate::subject::{ActionOf, EventOf, Subject, View, our_request, our_response};
use std::fmt;
use wavetank_raft::{Action, Event, LogId, NodeId, Request, Response, RoleName, RpcId, Term, Time};

/// A refusal: a server refused a request of another server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The virtual time of the refusal, in microseconds.
    pub at: Time,
    /// The server that refused.
    pub by: ServerIdx,
    /// The server whose request was refused.
    pub of: ServerIdx,
    /// The kind of the refused request.
    pub what: Refused,
    /// The term of the request.
    pub term: Term,
    /// The reason, as far as the state of the refusing server shows the reason.
    pub reason: RefusalReason,
}

/// The kind of a request that a server refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Refused {
    /// A request for a vote.
    Vote,
    /// A request for a pre-vote.
    PreVote,
    /// An `AppendEntries` request: entries, or a heartbeat.
    Append,
    /// An `InstallSnapshot` request: a piece of a snapshot.
    Snapshot,
}

/// The reason for a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusalReason {
    /// The refusing server is in this newer term.
    NewerTerm(Term),
    /// The refusing server is the leader.
    Leads,
    /// The log of the refusing server is more up to date. The first value is the id of the last entry in the
    /// refusing server's log. The second value is the id of the last entry in the requesting server's log.
    NewerLog(LogId, LogId),
    /// The refusing server has voted for this other server in the same term.
    Voted(NodeId),
    /// The refusing server knows this leader.
    KnowsLeader(NodeId),
    /// The refusing server does not have the entry with this id. In the sender's log, this entry is directly
    /// before the first sent entry.
    LacksEntry(LogId),
    /// The state of the refusing server shows no reason.
    Unknown,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vote => "the vote request",
            Self::PreVote => "the pre-vote request",
            Self::Append => "the entries",
            Self::Snapshot => "the snapshot",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, of, what, term, reason, .. } = self;
        write!(f, "{by} refuses {what} of {of} in {term}: ")?;
        match reason {
            RefusalReason::NewerTerm(newer) => write!(f, "{by} is in {newer}"),
            RefusalReason::Leads => write!(f, "{by} leads"),
            RefusalReason::NewerLog(ours, theirs) => {
                write!(f, "the log of {by} ends at {ours}, and the log of {of} ends at {theirs}")
            }
            RefusalReason::Voted(other) => write!(f, "{by} has voted for {other}"),
            RefusalReason::KnowsLeader(leader) => write!(f, "{by} knows the leader {leader}"),
            RefusalReason::LacksEntry(entry) => write!(f, "{by} does not have the entry {entry}"),
            RefusalReason::Unknown => write!(f, "the state of {by} shows no reason"),
        }
    }
}

/// Collects the refusals of a run.
#[derive(Debug, Default)]
pub struct Refusals {
    request: Option<OpenRequest>,
    list: Vec<Refusal>,
}

/// The request that a server is handling now, with the state of the server before the request.
#[derive(Debug)]
struct OpenRequest {
    from: NodeId,
    rpc: RpcId,
    what: Refused,
    term: Term,
    /// For a vote or a pre-vote, the id of the last entry in the candidate's log. For entries, the id of the
    /// entry directly before the first sent entry. For a snapshot, the id of the last entry in the snapshot.
    log: LogId,
    view: View,
}

impl Refusals {
    /// Removes and returns the refusals so far, the oldest first.
    pub fn take(&mut self) -> Vec<Refusal> {
        std::mem::take(&mut self.list)
    }

    fn on_actions<S: Subject>(&mut self, by: ServerIdx, at: Time, actions: &[ActionOf<S>]) {
        let Some(request) = self.request.take() else { return };
        let is_refused = actions.iter().any(|action| match action {
            Action::Reply { to, rpc, response } if (*to, *rpc) == (request.from, request.rpc) => {
                our_response(response).is_some_and(is_refusal)
            }
            _ => false,
        });
        if let Some(of) = ServerIdx::of(request.from).filter(|_| is_refused) {
            let OpenRequest { what, term, .. } = request;
            self.list.push(Refusal { at, by, of, what, term, reason: request.reason() });
        }
    }
}

impl<S: Subject> Observer<S> for Refusals {
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        match observation.kind {
            ObservationKind::Stepping { event, server, .. } => {
                self.request = OpenRequest::of::<S>(event, server.view());
            }
            ObservationKind::Stepped { idx, actions, .. } => {
                self.on_actions::<S>(idx, observation.at, actions);
            }
            _ => {}
        }
    }
}

impl OpenRequest {
    fn of<S: Subject>(event: &EventOf<S>, view: View) -> Option<Self> {
        let Event::Request { from, rpc, request } = event else { return None };
        let (what, term, log) = match our_request(request)? {
            Request::RequestVote(vote) => (Refused::Vote, vote.term, vote.last_log),
            Request::RequestPreVote(vote) => (Refused::PreVote, vote.term, vote.last_log),
            Request::AppendEntries(append) => (Refused::Append, append.term, append.prev),
            Request::InstallSnapshot(install) => (Refused::Snapshot, install.term, install.meta.last),
            Request::TimeoutNow(_) => return None,
        };
        Some(Self { from: *from, rpc: *rpc, what, term, log, view })
    }

    /// Finds the reason for a refusal: compares the request with the state of the server before the request.
    fn reason(&self) -> RefusalReason {
        let view = &self.view;
        let newer = view.term.filter(|term| self.term < *term);
        if let Some(newer) = newer {
            return RefusalReason::NewerTerm(newer);
        }
        match self.what {
            Refused::Vote | Refused::PreVote => self.reason_against_a_vote(),
            Refused::Append => RefusalReason::LacksEntry(self.log),
            Refused::Snapshot => RefusalReason::Unknown,
        }
    }

    fn reason_against_a_vote(&self) -> RefusalReason {
        let view = &self.view;
        if view.role == Some(RoleName::Leader) {
            return RefusalReason::Leads;
        }
        if let Some(last) = view.last.filter(|last| self.log < *last) {
            return RefusalReason::NewerLog(last, self.log);
        }
        let voted =
            view.vote.flatten().filter(|_| self.what == Refused::Vote && view.term == Some(self.term));
        match (voted.filter(|vote| *vote != self.from), view.leader.flatten()) {
            (Some(vote), _) => RefusalReason::Voted(vote),
            (None, Some(leader)) => RefusalReason::KnowsLeader(leader),
            (None, None) => RefusalReason::Unknown,
        }
    }
}

const fn is_refusal(response: &Response) -> bool {
    match response {
        Response::AppendEntries(append) => !append.success,
        Response::RequestVote(vote) => !vote.granted,
        Response::RequestPreVote(vote) => !vote.granted,
        Response::InstallSnapshot(install) => !install.success,
        Response::TimeoutNow(_) => false,
    }
}
