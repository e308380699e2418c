//! One step of one server, as the checks look at it.

use super::{Asked, ChainLink, Conf, DurableState, Follower, Placed, ServerView};
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{
    AppendEntries, Call, Event, HardState, Index, LogId, NodeId, ReadPath, Request, RequestId, Term, Time,
};

/// What the server took, in small: from which server, with the term of the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Consumed {
    /// Entries, or a heartbeat. `upto` is the last entry, or the one before the first.
    Append { from: NodeId, term: Term, upto: LogId },
    /// A piece of a snapshot.
    Snapshot { from: NodeId, term: Term },
    /// A candidate with this last entry asks for a vote; `transfer` if its leader has handed over to it.
    VoteRequest { from: NodeId, term: Term, last: LogId, transfer: bool },
    /// A pre-vote is asked for.
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

/// Why a server stopped, as it says itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// It was told to.
    Told,
    /// It led, and its removal is committed.
    Removed,
    /// A store failed while it ran.
    Store,
    /// It found something on its disk, as it was to start.
    Refused,
}

/// A promise in a message that left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Promise {
    /// A vote was given to a candidate.
    Grant { term: Term, to: NodeId },
    /// A server would vote for a candidate.
    PreGrant { to: NodeId },
    /// A vote was asked for, so one's own is given away. `last` is the candidate's last entry, as it says.
    Candidacy { term: Term, last: LogId },
    /// Entries up to this one are durable on a follower in this term.
    Ack { term: Term, upto: LogId },
    /// A snapshot up to this entry is durable on a follower in this term.
    SnapshotAck { term: Term, upto: LogId },
    /// A peer is to campaign.
    TimeoutNow { to: NodeId },
}

/// An entry that went from the end of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Gone {
    pub(crate) index: Index,
    pub(crate) link: ChainLink,
}

/// A whole log that went, for a snapshot in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Discarded {
    /// The snapshot's last entry.
    pub(crate) snapshot: LogId,
    /// Where the log ended.
    pub(crate) last: LogId,
    /// The log had the snapshot's last entry.
    pub(crate) held: bool,
}

/// A read that is allowed now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Allowed {
    /// What was true when it was asked for.
    pub(crate) asked: Asked,
    /// Where it may read.
    pub(crate) index: Option<Index>,
}

/// What a server found when it started, beside what reached its disk before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
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

impl Found {
    /// Up to where it has the log, as entries or in the snapshot.
    pub(crate) fn end(&self) -> Index {
        self.last.index.max(self.snapshot.index)
    }
}

/// The observation being judged. Buffers are used again and again.
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
    pub(crate) was_conf: Option<Placed>,
    /// The configuration after.
    pub(crate) now_conf: Option<Placed>,
    /// The voters that it counts with, if the configuration is another one than before.
    pub(crate) counted: Option<Conf>,
    /// Promises that left.
    pub(crate) exposures: Vec<Promise>,
    /// Votes that were given away, each with its term.
    pub(crate) votes: Vec<(Term, ServerIdx)>,
    /// How many messages left.
    pub(crate) messages: u32,
    /// The newest term in a message that says which term its sender is in.
    pub(crate) told: Term,
    /// The newest term that had left before anything of this step did.
    pub(crate) exposed_before: Term,
    /// Entries that went from the end of the log, the last first.
    pub(crate) gone: Vec<Gone>,
    /// The log went whole.
    pub(crate) discarded: Option<Discarded>,
    /// Up to where the log went from its beginning.
    pub(crate) compacted: Option<Index>,
    /// The first and the last index of what was appended.
    pub(crate) appended: Option<(Index, Index)>,
    /// What is appended is commands or barriers, at least in part.
    pub(crate) proposals: bool,
    /// An entry that does not follow the last one.
    pub(crate) hole: Option<LogId>,
    /// Configurations that a leader appended, each with the one before it.
    pub(crate) changed: Vec<(Option<Placed>, Placed)>,
    /// The digest that a state machine reported, and the entry after which.
    pub(crate) state: Option<(Index, u64)>,
    /// Entries that are handed to the state machine: the first, the last, and up to where they had
    /// been handed before.
    pub(crate) handed: Option<(Index, Index, Index)>,
    /// A reported batch: the first, the last, and up to where they had been reported before.
    pub(crate) machine: Option<(Index, Index, Index)>,
    /// A snapshot that was, or is to be, taken.
    pub(crate) captured: Option<(LogId, Placed)>,
    /// Reads that are allowed.
    pub(crate) allowed: Vec<Allowed>,
    /// A leader's belief of its followers before.
    pub(crate) followers_before: Vec<Follower>,
    /// A server died with writes that had not reached its disk.
    pub(crate) unsynced: bool,
    /// What a server found when it started.
    pub(crate) found: Found,
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
            exposures: Vec::new(),
            votes: Vec::new(),
            messages: 0,
            told: Term(0),
            exposed_before: Term(0),
            gone: Vec::new(),
            discarded: None,
            compacted: None,
            appended: None,
            proposals: false,
            hole: None,
            changed: Vec::new(),
            state: None,
            handed: None,
            machine: None,
            captured: None,
            allowed: Vec::new(),
            followers_before: Vec::new(),
            unsynced: false,
            found: Found::default(),
            stopped: None,
        }
    }

    /// Makes ready for the next one.
    pub(crate) fn clear(&mut self, idx: ServerIdx) {
        self.idx = idx;
        self.counted = None;
        self.exposures.clear();
        self.votes.clear();
        self.messages = 0;
        self.told = Term(0);
        self.gone.clear();
        self.discarded = None;
        self.compacted = None;
        self.appended = None;
        self.proposals = false;
        self.hole = None;
        self.changed.clear();
        self.state = None;
        self.handed = None;
        self.machine = None;
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

/// An event in small. Inlined, so that it is written where it stays.
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

/// A read in small: its number, whether its answer carries an index, whether it goes by the lease.
#[must_use]
pub(crate) const fn read_of(request: RequestId, call: &Call) -> Option<(RequestId, bool, bool)> {
    match call {
        Call::Read(ReadPath::Index) => Some((request, true, false)),
        Call::Read(ReadPath::Lease) => Some((request, true, true)),
        Call::Read(ReadPath::Verify) | Call::VerifyLeader => Some((request, false, false)),
        _ => None,
    }
}
