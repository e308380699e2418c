//! One step of one server, as the checks look at it.

use super::{ChainLink, Conf, DurableState, Follower, IndexedConf, PendingRead, ServerView};
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{
    AppendEntries, Call, Event, HardState, Index, LogId, NodeId, ReadPath, Request, RequestId, Term, Time,
};

/// The event that the server took, in short: the sender and the term of the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Consumed {
    /// Entries, or a heartbeat. `upto` is the last entry, or the one before the first.
    Append { from: NodeId, term: Term, upto: LogId },
    /// A piece of a snapshot.
    Snapshot { from: NodeId, term: Term },
    /// A candidate with this last entry asks for a vote; `transfer` if its leader has handed over to it.
    VoteRequest { from: NodeId, term: Term, last: LogId, transfer: bool },
    /// A candidate asks for a pre-vote.
    PreVoteRequest { from: NodeId, term: Term },
    /// A call to campaign at once, with the sender's term, if it says.
    TimeoutNow { term: Option<Term> },
    /// An answer, with its term, if it says.
    Answer { term: Option<Term> },
    /// A piece of a snapshot was kept.
    SnapshotKept,
    /// A store failed.
    StoreFailed,
    /// A timer, a call, or a report of an executor.
    Other,
}

/// The reason that a server gives for stopping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// A shutdown call.
    Shutdown,
    /// It led, and its removal is committed.
    Removed,
    /// A store failed while it ran.
    Store,
    /// It found a fault on its disk when it started.
    Refused,
}

/// A promise in a message that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Promise {
    /// A vote was given to a candidate.
    Grant { term: Term, to: NodeId },
    /// A server would vote for a candidate.
    PreGrant { to: NodeId },
    /// A vote was requested, so the candidate has voted for itself.
    /// `last` is the candidate's last entry, as it says.
    Candidacy { term: Term, last: LogId },
    /// Entries up to this one are durable on a follower in this term.
    Ack { term: Term, upto: LogId },
    /// A snapshot up to this entry is durable on a follower in this term.
    SnapshotAck { term: Term, upto: LogId },
    /// A peer was told to campaign.
    TimeoutNow { to: NodeId },
}

/// An entry that was removed from the end of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RemovedEntry {
    pub(crate) index: Index,
    pub(crate) link: ChainLink,
}

/// A whole log that was discarded because a snapshot replaced it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DiscardedLog {
    /// The snapshot's last entry.
    pub(crate) snapshot: LogId,
    /// Where the log ended.
    pub(crate) last: LogId,
    /// The log had the snapshot's last entry.
    pub(crate) held: bool,
}

/// A read that is allowed now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct AllowedRead {
    /// What was true when it was requested.
    pub(crate) asked: PendingRead,
    /// Where it may read.
    pub(crate) index: Option<Index>,
}

/// What a server found when it started, beside what reached its disk before.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecoveredState {
    /// The vote record.
    pub(crate) hard: HardState,
    /// The last entry of the snapshot.
    pub(crate) snapshot: LogId,
    /// The last entry of the log.
    pub(crate) last: LogId,
    /// It ran before, and its disk was not lost in between.
    pub(crate) returning: bool,
    /// What the disk had, by what reached it.
    pub(crate) kept: DurableState,
    /// The first entry that does not follow the one before it.
    pub(crate) hole: Option<Index>,
}

impl RecoveredState {
    /// The last index that it has, as an entry or in the snapshot.
    pub(crate) fn end(&self) -> Index {
        self.last.index.max(self.snapshot.index)
    }
}

/// The observation that is being judged. Its buffers are reused.
#[derive(Clone, Debug)]
pub(crate) struct GhostStep {
    /// The server that the observation is about.
    pub(crate) idx: ServerIdx,
    /// The event that it took.
    pub(crate) consumed: Consumed,
    /// What its clock showed.
    pub(crate) clock: Time,
    /// The server before.
    pub(crate) was: ServerView,
    /// The server after.
    pub(crate) now: ServerView,
    /// The configuration before.
    pub(crate) was_conf: Option<IndexedConf>,
    /// The configuration after.
    pub(crate) now_conf: Option<IndexedConf>,
    /// The voters that it counts with, if the configuration is another one than before.
    pub(crate) counted: Option<Conf>,
    /// Promises in the messages that were sent.
    pub(crate) promises: Vec<Promise>,
    /// Votes that were given, each with its term.
    pub(crate) votes: Vec<(Term, ServerIdx)>,
    /// How many messages were sent.
    pub(crate) messages: u32,
    /// The newest term in a message that says which term its sender is in.
    pub(crate) sent_term: Term,
    /// The newest term that the server had sent before this step.
    pub(crate) announced_term_before: Term,
    /// Entries that were removed from the end of the log, the last first.
    pub(crate) removed: Vec<RemovedEntry>,
    /// The log was discarded as a whole.
    pub(crate) discarded: Option<DiscardedLog>,
    /// The last index that was compacted away.
    pub(crate) compacted: Option<Index>,
    /// The first and the last index of what was appended.
    pub(crate) appended: Option<(Index, Index)>,
    /// The appended entries include commands or barriers.
    pub(crate) proposals: bool,
    /// An entry that does not follow the last one.
    pub(crate) hole: Option<LogId>,
    /// Configurations that a leader appended, each with the one before it.
    pub(crate) changed: Vec<(Option<IndexedConf>, IndexedConf)>,
    /// The digest that a state machine reported, and the entry after which.
    pub(crate) state: Option<(Index, u64)>,
    /// Entries that are handed to the state machine: the first, the last, and up to where they had
    /// been handed before.
    pub(crate) handed: Option<(Index, Index, Index)>,
    /// A reported batch: the first, the last, and up to where they had been reported before.
    pub(crate) fsm_batch: Option<(Index, Index, Index)>,
    /// A snapshot that was, or is to be, taken.
    pub(crate) captured: Option<(LogId, IndexedConf)>,
    /// Reads that are allowed.
    pub(crate) allowed: Vec<AllowedRead>,
    /// The leader's progress records before the step.
    pub(crate) followers_before: Vec<Follower>,
    /// A server died with writes that had not reached its disk.
    pub(crate) unsynced: bool,
    /// What a server found when it started.
    pub(crate) recovered: RecoveredState,
    /// Why a server stopped, or did not start.
    pub(crate) stopped: Option<Stop>,
}

impl GhostStep {
    /// Nothing observed yet.
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
            captured: None,
            allowed: Vec::new(),
            followers_before: Vec::new(),
            unsynced: false,
            recovered: RecoveredState::default(),
            stopped: None,
        }
    }

    /// Resets it for the next observation.
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
        self.captured = None;
        self.allowed.clear();
        self.stopped = None;
    }

    /// Whether the server led one term, before and after.
    #[must_use]
    pub(crate) fn kept_leading(&self) -> bool {
        self.was.leads() && self.now.leads() && self.was.term == self.now.term
    }

    /// The term of the message that it took, if it took one that has a term.
    #[must_use]
    pub(crate) const fn message_term(&self) -> Option<Term> {
        match self.consumed {
            Consumed::Append { term, .. }
            | Consumed::Snapshot { term, .. }
            | Consumed::VoteRequest { term, .. }
            | Consumed::PreVoteRequest { term, .. } => Some(term),
            Consumed::TimeoutNow { term } | Consumed::Answer { term } => term,
            Consumed::SnapshotKept | Consumed::StoreFailed | Consumed::Other => None,
        }
    }
}

/// The last entry of an append, or the one before its first.
#[must_use]
#[inline]
pub(crate) fn end_of(append: &AppendEntries) -> LogId {
    append.entries.last().map_or(append.prev, |entry| entry.id)
}

/// An event in short. Inlined, so that it is written in place.
#[must_use]
#[inline]
pub(crate) fn consumed(event: &Event) -> Consumed {
    match event {
        Event::Request { from, request, .. } => consumed_request(*from, request),
        Event::Response { response, .. } => Consumed::Answer { term: response.term() },
        Event::SnapshotWritten { .. } => Consumed::SnapshotKept,
        Event::StoreFailed(_) => Consumed::StoreFailed,
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

/// A read in short: its request id, whether its answer carries an index, whether it relies on the lease.
#[must_use]
pub(crate) const fn read_of(request: RequestId, call: &Call) -> Option<(RequestId, bool, bool)> {
    match call {
        Call::Read(ReadPath::Index) => Some((request, true, false)),
        Call::Read(ReadPath::Lease) => Some((request, true, true)),
        Call::Read(ReadPath::Verify) | Call::VerifyLeader => Some((request, false, false)),
        _ => None,
    }
}
