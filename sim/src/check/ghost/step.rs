//! One step of one server, in the form that the checks read.

use super::{
    AnsweredCall, ChainLink, Conf, DurableState, Follower, IndexedConf, PendingRead, ReceivedCall, Removal,
    SentAppend, ServerView, Staging, StagingEnd,
};
use crate::plan::server_set::ServerIdx;
use crate::subject::{our_request, our_response};
use std::fmt;
use wavetank_raft::{
    AppendEntries, Call, Event, HardState, Index, LogId, NodeId, ReadPath, Request, RequestId, Response,
    Term, Time,
};

/// The event that the server received, reduced to the parts that the checks need.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Consumed {
    /// An AppendEntries request. `upto` is the position of the last entry in the request. For a heartbeat,
    /// `upto` is the position of the entry that the request names as the previous entry.
    Append { from: NodeId, term: Term, upto: LogId },
    /// An InstallSnapshot request with a piece of a snapshot.
    Snapshot { from: NodeId, term: Term },
    /// A candidate whose log ends at `last` asks for a vote. `transfer` is true if a leader told the
    /// candidate to campaign.
    VoteRequest { from: NodeId, term: Term, last: LogId, transfer: bool },
    /// A candidate asks for a pre-vote.
    PreVoteRequest { from: NodeId, term: Term },
    /// A TimeoutNow request. `term` is the term of the sender; `None` if the request carries no term.
    TimeoutNow { term: Option<Term> },
    /// A response that does not refuse an append. `term` is the term in the response; `None` if the response
    /// carries no term.
    Answer { term: Option<Term> },
    /// The report that a piece of a snapshot was written, or that the write failed.
    SnapshotKept,
    /// A store failed.
    StoreFailed,
    /// A load of a snapshot into the state machine failed.
    LoadFailed,
    /// A snapshot of the state machine up to this index was taken; `None` if the snapshot failed.
    SnapshotEnded(Option<Index>),
    /// A deadline of the server has passed.
    Timer,
    /// A follower refused an append or a heartbeat.
    AppendRefused { from: NodeId, term: Term },
    /// A call that adds a server as a non-voter and later makes this server a voter: the id of the call, and
    /// the server.
    Staged(RequestId, NodeId),
    /// A call that changes settings.
    Reload,
    /// Any other call.
    Call,
    /// Any other event, for example the report of a durable write.
    Other,
}

/// The reason why a server stopped or refused to start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// A shutdown call.
    Shutdown,
    /// The removal of the server is committed.
    Removed,
    /// A store failed while the server ran.
    Store,
    /// The server refused to start, because its disk or its state machine has a fault.
    Refused,
}

/// A promise in a message that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Promise {
    /// The sender voted for a candidate.
    Grant { term: Term, to: NodeId },
    /// The sender granted a candidate a pre-vote.
    PreGrant { to: NodeId },
    /// The sender asked for votes, so the sender has voted for itself. `last` is the position of the sender's
    /// last log entry, according to the vote request.
    Candidacy { term: Term, last: LogId },
    /// The sender acknowledged an AppendEntries request of this term. The sender's log is durable up to the
    /// position `upto`.
    Ack { term: Term, upto: LogId },
    /// The sender acknowledged an InstallSnapshot request of this term. The whole snapshot, which ends at the
    /// position `upto`, is durable.
    SnapshotAck { term: Term, upto: LogId },
    /// The sender told a peer to campaign immediately.
    TimeoutNow { to: NodeId },
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grant { term, to } => write!(f, "voted for {to} in {term}"),
            Self::PreGrant { to } => write!(f, "granted {to} a pre-vote"),
            Self::Candidacy { term, .. } => write!(f, "asked for votes in {term}"),
            Self::Ack { term, upto } => write!(f, "acknowledged {upto} in {term}"),
            Self::SnapshotAck { term, upto } => write!(f, "acknowledged a snapshot up to {upto} in {term}"),
            Self::TimeoutNow { to } => write!(f, "asked {to} to campaign"),
        }
    }
}

/// An entry that was removed from the end of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RemovedEntry {
    pub(crate) index: Index,
    pub(crate) link: ChainLink,
}

/// A log that a snapshot replaced as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DiscardedLog {
    /// The id of the last entry of the snapshot.
    pub(crate) snapshot: LogId,
    /// The id of the last entry of the discarded log.
    pub(crate) last: LogId,
    /// True if the discarded log had the last entry of the snapshot.
    pub(crate) held: bool,
}

/// A read that is allowed in this step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct AllowedRead {
    /// The request, and the state of the cluster at the time of the request.
    pub(crate) asked: PendingRead,
    /// The state machine must have applied the log up to this index before the read. `None` for a
    /// confirmation of leadership.
    pub(crate) index: Option<Index>,
}

/// The state that a server recovered at its start, and the state that had reached its disk before the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecoveredState {
    /// The recovered term, and the vote in this term.
    pub(crate) hard: HardState,
    /// The id of the last entry of the recovered snapshot; zero if the server recovered no snapshot.
    pub(crate) snapshot: LogId,
    /// The id of the last entry of the recovered log.
    pub(crate) last: LogId,
    /// True if the server had run before and kept its disk.
    pub(crate) returning: bool,
    /// The state that had reached the disk before the start.
    pub(crate) kept: DurableState,
    /// The first index in the recovered log that does not follow the previous index. `None` if the log has no
    /// gap.
    pub(crate) hole: Option<Index>,
}

impl RecoveredState {
    /// Returns the last index that the server recovered, as an entry or in the snapshot.
    pub(crate) fn end(&self) -> Index {
        self.last.index.max(self.snapshot.index)
    }
}

/// The observation that the checks judge. The buffers are used again for the next observation.
#[derive(Clone, Debug)]
pub(crate) struct GhostStep {
    /// The server that was observed.
    pub(crate) idx: ServerIdx,
    /// The event that the server received.
    pub(crate) consumed: Consumed,
    /// The time on the clock of the server.
    pub(crate) clock: Time,
    /// The view of the server before the step.
    pub(crate) was: ServerView,
    /// The view of the server after the step.
    pub(crate) now: ServerView,
    /// The configuration that the server used before the step. `None` if the server had no configuration.
    pub(crate) was_conf: Option<IndexedConf>,
    /// The configuration that the server uses after the step. `None` if the server has no configuration.
    pub(crate) now_conf: Option<IndexedConf>,
    /// The voters that the server counts. `None` if the configuration of the server did not change in this
    /// step.
    pub(crate) counted: Option<Conf>,
    /// The promises in the messages that were sent.
    pub(crate) promises: Vec<Promise>,
    /// The votes that the server gave: the term and the candidate of each vote.
    pub(crate) votes: Vec<(Term, ServerIdx)>,
    /// The number of messages that were sent.
    pub(crate) messages: u32,
    /// The newest term that the server sent as its own term in this step. Zero if the server sent no term.
    pub(crate) sent_term: Term,
    /// The newest term that the server had sent before this step.
    pub(crate) announced_term_before: Term,
    /// The entries that were removed from the end of the log, in descending order of their indexes.
    pub(crate) removed: Vec<RemovedEntry>,
    /// The log that a snapshot replaced as a whole. `None` if no snapshot replaced the log.
    pub(crate) discarded: Option<DiscardedLog>,
    /// The last index that was compacted. `None` if this step compacted nothing.
    pub(crate) compacted: Option<Index>,
    /// The first and the last index of the appended entries. `None` if no entry was appended.
    pub(crate) appended: Option<(Index, Index)>,
    /// True if the appended entries include an entry that is neither a no-op nor a configuration.
    pub(crate) proposals: bool,
    /// The position of an appended entry whose index does not follow the last index of the log. `None` if
    /// every appended entry follows the log.
    pub(crate) hole: Option<LogId>,
    /// For each configuration that a leader appended: the previous configuration in the log (`None` if there
    /// was none), and the appended configuration.
    pub(crate) changed: Vec<(Option<IndexedConf>, IndexedConf)>,
    /// The index of the last entry that a state machine has applied, and the digest that the state machine
    /// reported after this entry. `None` if no digest was reported.
    pub(crate) state: Option<(Index, u64)>,
    /// The entries that were handed to the state machine: first index, last index, and the last index that
    /// was handed before. `None` if no entry was handed.
    pub(crate) handed: Option<(Index, Index, Index)>,
    /// The entries that the state machine applied: first index, last index, and the last index that was
    /// applied before. `None` if no entry was applied.
    pub(crate) fsm_batch: Option<(Index, Index, Index)>,
    /// The AppendEntries requests that the server sent, except heartbeats.
    pub(crate) appends: Vec<SentAppend>,
    /// A staging that ended in this step, and the result of this staging. `None` if no staging ended.
    pub(crate) staging: Option<(Staging, StagingEnd)>,
    /// A removal after which the leader had time for a few heartbeats. `None` if there is no such removal in
    /// this step.
    pub(crate) removal: Option<Removal>,
    /// The id of the last entry, and the configuration, of a snapshot that was requested or taken. `None` if
    /// no snapshot was requested or taken.
    pub(crate) captured: Option<(LogId, IndexedConf)>,
    /// The reads that the server allowed.
    pub(crate) allowed: Vec<AllowedRead>,
    /// The call that the server received. `None` if the server received no call that the ghost records.
    pub(crate) received: Option<ReceivedCall>,
    /// The calls that the server answered.
    pub(crate) answered: Vec<AnsweredCall>,
    /// The number of restores and commands with extensions that were handed to the state machine.
    pub(crate) special: u32,
    /// The index of an entry that was handed to the state machine and differs from the entry in the log.
    /// `None` if there is no such entry.
    pub(crate) altered: Option<Index>,
    /// The leader's progress records before the step.
    pub(crate) followers_before: Vec<Follower>,
    /// True if a server crashed before all its writes were on its disk.
    pub(crate) unsynced: bool,
    /// The state that a server recovered at its start.
    pub(crate) recovered: RecoveredState,
    /// The reason why a server stopped or refused to start. `None` if the server did neither, or gave no
    /// reason.
    pub(crate) stopped: Option<Stop>,
    /// The description of an action that makes no sense in any protocol. `None` if the server took no such
    /// action.
    pub(crate) odd_action: Option<&'static str>,
}

impl GhostStep {
    /// Makes the empty step that stands before the first observation.
    pub(crate) fn blank() -> Self {
        Self {
            idx: ServerIdx(0),
            consumed: Consumed::Other,
            clock: Time(0),
            was: ServerView::BLANK,
            now: ServerView::BLANK,
            was_conf: None,
            now_conf: None,
            counted: None,
            promises: Vec::new(),
            votes: Vec::new(),
            messages: 0,
            sent_term: Term(0),
            announced_term_before: Term(0),
            removed: Vec::new(),
            discarded: None,
            compacted: None,
            appended: None,
            proposals: false,
            hole: None,
            changed: Vec::new(),
            state: None,
            handed: None,
            fsm_batch: None,
            appends: Vec::new(),
            staging: None,
            removal: None,
            captured: None,
            allowed: Vec::new(),
            received: None,
            answered: Vec::new(),
            special: 0,
            altered: None,
            followers_before: Vec::new(),
            unsynced: false,
            recovered: RecoveredState::default(),
            stopped: None,
            odd_action: None,
        }
    }

    /// Clears most of the fields that the last observation has set, and sets the server of the next
    /// observation. The event, the clock, the views and the configurations stay.
    pub(crate) fn clear(&mut self, idx: ServerIdx) {
        self.idx = idx;
        self.counted = None;
        self.promises.clear();
        self.votes.clear();
        self.messages = 0;
        self.sent_term = Term(0);
        self.removed.clear();
        self.discarded = None;
        self.compacted = None;
        self.appended = None;
        self.proposals = false;
        self.hole = None;
        self.changed.clear();
        self.state = None;
        self.handed = None;
        self.fsm_batch = None;
        self.appends.clear();
        self.staging = None;
        self.removal = None;
        self.captured = None;
        self.allowed.clear();
        self.received = None;
        self.answered.clear();
        (self.special, self.altered) = (0, None);
        (self.stopped, self.odd_action) = (None, None);
    }

    /// True if the server led the same term before and after the step.
    #[must_use]
    pub(crate) fn kept_leading(&self) -> bool {
        self.was.leads() && self.now.leads() && self.was.term == self.now.term
    }

    /// Returns the term of the received message. Returns `None` if the event is not a message or carries no
    /// term.
    #[must_use]
    pub(crate) const fn message_term(&self) -> Option<Term> {
        match self.consumed {
            Consumed::Append { term, .. }
            | Consumed::Snapshot { term, .. }
            | Consumed::VoteRequest { term, .. }
            | Consumed::PreVoteRequest { term, .. } => Some(term),
            Consumed::AppendRefused { term, .. } => Some(term),
            Consumed::TimeoutNow { term } | Consumed::Answer { term } => term,
            Consumed::SnapshotKept
            | Consumed::StoreFailed
            | Consumed::LoadFailed
            | Consumed::SnapshotEnded(_)
            | Consumed::Timer
            | Consumed::Staged(..)
            | Consumed::Reload
            | Consumed::Call
            | Consumed::Other => None,
        }
    }
}

/// Returns the position of the last entry in an AppendEntries request. For a heartbeat, returns the position
/// of the entry that the request names as the previous entry.
#[must_use]
#[inline]
pub(crate) fn end_of(append: &AppendEntries) -> LogId {
    append.entries.last().map_or(append.prev, |entry| entry.id)
}

/// Reduces an event to the parts that the checks need. The function is inlined, so that the result is not
/// copied.
#[must_use]
#[inline]
pub(crate) fn consumed<Q: 'static, R: 'static>(event: &Event<Q, R>) -> Consumed {
    match event {
        Event::Request { from, request, .. } => {
            our_request(request).map_or(Consumed::Other, |request| consumed_request(*from, request))
        }
        Event::Response { from, response, .. } => match our_response(response) {
            Some(Response::AppendEntries(answer)) if !answer.success => {
                Consumed::AppendRefused { from: *from, term: answer.term }
            }
            Some(response) => Consumed::Answer { term: response.term() },
            None => Consumed::Other,
        },
        Event::Timer => Consumed::Timer,
        Event::SnapshotTaken(taken) => {
            Consumed::SnapshotEnded(taken.as_ref().ok().map(|meta| meta.last.index))
        }
        Event::Call { request, call: Call::AddVoterStaged { id, .. } } => {
            Consumed::Staged(*request, id.node())
        }
        Event::Call { call: Call::Reload(_), .. } => Consumed::Reload,
        Event::Call { .. } => Consumed::Call,
        Event::SnapshotWritten { .. } => Consumed::SnapshotKept,
        Event::StoreFailed(_) => Consumed::StoreFailed,
        Event::Restored(Err(_)) => Consumed::LoadFailed,
        _ => Consumed::Other,
    }
}

#[inline]
fn consumed_request(from: NodeId, request: &Request) -> Consumed {
    match request {
        Request::AppendEntries(append) => Consumed::Append { from, term: append.term, upto: end_of(append) },
        Request::InstallSnapshot(piece) => Consumed::Snapshot { from, term: piece.term },
        Request::RequestVote(vote) => Consumed::VoteRequest {
            from,
            term: vote.term,
            last: vote.last_log,
            transfer: vote.leadership_transfer,
        },
        Request::RequestPreVote(vote) => Consumed::PreVoteRequest { from, term: vote.term },
        Request::TimeoutNow(call) => Consumed::TimeoutNow { term: call.term },
    }
}

/// Reduces a read to three values: the request id, whether the answer carries an index, and whether the read
/// relies on the lease. A confirmation of leadership counts as a read. Returns `None` for other calls.
#[must_use]
pub(crate) const fn read_of(request: RequestId, call: &Call) -> Option<(RequestId, bool, bool)> {
    match call {
        Call::Read(ReadPath::Index) => Some((request, true, false)),
        Call::Read(ReadPath::Lease) => Some((request, true, true)),
        Call::Read(ReadPath::Verify) | Call::VerifyLeader => Some((request, false, false)),
        _ => None,
    }
}
