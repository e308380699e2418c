//! One step of one server, as the checks look at it.

use crate::ledger::chain::Link;
use crate::ledger::conf::Placed;
use crate::ledger::glimpse::{Follower, Glimpse};
use crate::ledger::history::{Committed, Head, State};
use crate::ledger::shadow::Asked;
use crate::slot::Slot;
use wavetank_raft::{
    AppendEntries, Call, Event, HardState, Index, LogId, NodeId, ReadPath, Request, RequestId, Term, Time,
};

/// What the server took, in small.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Took {
    /// Its deadline passed.
    Timer,
    /// Entries, or a heartbeat.
    Append {
        /// From whom.
        from: NodeId,
        /// The message's term.
        term: Term,
        /// The entry before the first.
        prev: LogId,
        /// The last entry, or the one before the first.
        upto: LogId,
    },
    /// A piece of a snapshot.
    Snapshot {
        /// From whom.
        from: NodeId,
        /// The message's term.
        term: Term,
        /// The snapshot's last entry.
        last: LogId,
    },
    /// A vote is asked for.
    VoteRequest {
        /// By whom.
        from: NodeId,
        /// The message's term.
        term: Term,
        /// The candidate's last entry.
        last: LogId,
        /// Its leader has handed over to it.
        transfer: bool,
    },
    /// A pre-vote is asked for.
    PreVoteRequest {
        /// By whom.
        from: NodeId,
        /// The message's term.
        term: Term,
    },
    /// A call to campaign at once.
    TimeoutNow {
        /// The sender's term, if it says.
        term: Option<Term>,
    },
    /// An answer.
    Answer {
        /// From whom.
        from: NodeId,
        /// The message's term, if it says.
        term: Option<Term>,
    },
    /// A piece of a snapshot was kept.
    SnapshotKept,
    /// A store failed.
    StoreFailed,
    /// A client's or an operator's call.
    Call,
    /// A report of an executor.
    Report,
}

/// Why a server stopped, as it says itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
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
pub enum Exposure {
    /// A vote was given.
    Grant {
        /// In this term.
        term: Term,
        /// To this candidate.
        to: NodeId,
    },
    /// A server would vote.
    PreGrant {
        /// For this candidate.
        to: NodeId,
    },
    /// A vote was asked for, so one's own is given away.
    Candidacy {
        /// In this term.
        term: Term,
        /// The candidate's last entry, as it says.
        last: LogId,
    },
    /// Entries are durable.
    Ack {
        /// As a follower in this term.
        term: Term,
        /// Up to this entry.
        upto: LogId,
    },
    /// A snapshot is durable.
    SnapshotAck {
        /// As a follower in this term.
        term: Term,
        /// Up to this entry.
        upto: LogId,
    },
    /// A peer is to campaign.
    TimeoutNow {
        /// This one.
        to: NodeId,
    },
}

/// An entry that went from the end of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gone {
    /// Where it stood.
    pub index: Index,
    /// What it was.
    pub link: Link,
}

/// A whole log that went, for a snapshot in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Discarded {
    /// The snapshot's last entry.
    pub snapshot: LogId,
    /// Where the log ended.
    pub last: LogId,
    /// Whether the log had that very entry, so that what followed it should have stayed.
    pub matched: bool,
}

/// Two votes of one server in one term.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TwoVotes {
    /// The term.
    pub term: Term,
    /// The first.
    pub before: Slot,
    /// The second.
    pub now: Slot,
}

/// A read that is allowed now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowed {
    /// What was true when it was asked for.
    pub asked: Asked,
    /// Where it may read.
    pub index: Option<Index>,
}

/// What a server found when it started.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The vote record.
    pub hard: HardState,
    /// The snapshot.
    pub snapshot: LogId,
    /// The entry before the first of its log.
    pub base: LogId,
    /// The last entry.
    pub last: LogId,
    /// It ran before, and its disk was not lost in between.
    pub returning: bool,
    /// What the disk had, by what reached it: the vote record.
    pub kept: HardState,
    /// And the newest snapshot.
    pub kept_snapshot: LogId,
    /// And the last entry.
    pub kept_last: LogId,
    /// Up to here the disk had what was declared committed in a term that it had told others of.
    pub kept_committed: Index,
    /// The snapshot does not contradict the log that was kept.
    pub kept_fits: bool,
    /// The first index at which the log is not what reached the disk, and is not missing.
    pub differs: Option<Index>,
    /// The first index that the log lacks, though it follows an entry that is there.
    pub hole: Option<Index>,
    /// The newest term that it told to anybody.
    pub exposed: Term,
    /// For whom it voted in the term of the vote record, as far as anybody was told.
    pub voted: Option<Slot>,
}

/// The observation being judged. Buffers are used again and again.
#[derive(Clone, Debug)]
pub struct Step {
    /// Whose.
    pub slot: Slot,
    /// What it took.
    pub took: Took,
    /// What its clock showed.
    pub clock: Time,
    /// The server before.
    pub was: Glimpse,
    /// The server after.
    pub now: Glimpse,
    /// The configuration before.
    pub was_conf: Option<Placed>,
    /// The configuration after.
    pub now_conf: Option<Placed>,
    /// Promises that left.
    pub exposures: Vec<Exposure>,
    /// How many other messages left.
    pub messages: u32,
    /// A term in a message that its sender is not in yet.
    pub term_ahead: Option<Term>,
    /// The newest term that had left before anything of this step did.
    pub exposed_before: Term,
    /// Entries that went from the end of the log, the last first.
    pub gone: Vec<Gone>,
    /// The log went whole.
    pub discarded: Option<Discarded>,
    /// Up to where the log went from its beginning.
    pub compacted: Option<Index>,
    /// The first and the last index of what was appended.
    pub appended: Option<(Index, Index)>,
    /// What is appended is commands or barriers, at least in part.
    pub proposals: bool,
    /// An entry that does not follow the last one.
    pub hole: Option<LogId>,
    /// An entry of a name that another entry has elsewhere.
    pub twin: Option<(Index, Head)>,
    /// Configurations that a leader appended, each with the one before it.
    pub changed: Vec<(Option<Placed>, Placed)>,
    /// A second vote in one term.
    pub two_votes: Option<TwoVotes>,
    /// Who led this term before.
    pub two_leaders: Option<Slot>,
    /// An entry that is not the one that was committed there.
    pub two_commits: Option<(Index, Committed)>,
    /// A state that is not the one that was reported there.
    pub two_states: Option<(Index, State)>,
    /// Entries that are handed to the state machine: the first, the last, and up to where they had
    /// been handed before.
    pub handed: Option<(Index, Index, Index)>,
    /// A reported batch: the first, the last, and up to where they had been reported before.
    pub machine: Option<(Index, Index, Index)>,
    /// A snapshot that was, or is to be, taken.
    pub captured: Option<(LogId, Placed)>,
    /// Reads that are allowed.
    pub allowed: Vec<Allowed>,
    /// A leader's belief of its followers before.
    pub followers_before: Vec<Follower>,
    /// A server died with writes that had not reached its disk.
    pub unsynced: bool,
    /// What a server found when it started.
    pub found: Found,
    /// Why a server stopped, or did not start.
    pub stopped: Option<Stop>,
}

impl Step {
    /// Nothing observed yet.
    pub(crate) fn blank() -> Self {
        Self {
            slot: Slot(0),
            took: Took::Report,
            clock: Time(0),
            was: Glimpse::BLANK,
            now: Glimpse::BLANK,
            was_conf: None,
            now_conf: None,
            exposures: Vec::new(),
            messages: 0,
            term_ahead: None,
            exposed_before: Term(0),
            gone: Vec::new(),
            discarded: None,
            compacted: None,
            appended: None,
            proposals: false,
            hole: None,
            twin: None,
            changed: Vec::new(),
            two_votes: None,
            two_leaders: None,
            two_commits: None,
            two_states: None,
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
    pub(crate) fn clear(&mut self, slot: Slot) {
        self.slot = slot;
        self.exposures.clear();
        self.messages = 0;
        self.term_ahead = None;
        self.gone.clear();
        self.discarded = None;
        self.compacted = None;
        self.appended = None;
        self.proposals = false;
        self.hole = None;
        self.twin = None;
        self.changed.clear();
        self.two_votes = None;
        self.two_leaders = None;
        self.two_commits = None;
        self.two_states = None;
        self.handed = None;
        self.machine = None;
        self.captured = None;
        self.allowed.clear();
        self.stopped = None;
    }

    /// Whether the server led one term, before and after.
    #[must_use]
    pub fn kept_leading(&self) -> bool {
        self.was.leads() && self.now.leads() && self.was.term == self.now.term
    }

    /// The term of the message that it took, if it took one that has a term.
    #[must_use]
    pub const fn message_term(&self) -> Option<Term> {
        match self.took {
            Took::Append { term, .. }
            | Took::Snapshot { term, .. }
            | Took::VoteRequest { term, .. }
            | Took::PreVoteRequest { term, .. } => Some(term),
            Took::TimeoutNow { term } | Took::Answer { term, .. } => term,
            Took::Timer | Took::SnapshotKept | Took::StoreFailed | Took::Call | Took::Report => None,
        }
    }
}

/// The last entry of an append, or the one before its first.
#[must_use]
#[inline]
pub fn end_of(append: &AppendEntries) -> LogId {
    append.entries.last().map_or(append.prev, |entry| entry.id)
}

/// An event in small. Inlined, so that it is written where it stays.
#[must_use]
#[inline]
pub fn took(event: &Event) -> Took {
    match event {
        Event::Timer => Took::Timer,
        Event::Request { from, request, .. } => took_request(*from, request),
        Event::Response { from, response, .. } => Took::Answer { from: *from, term: response.term() },
        Event::SnapshotWritten { .. } => Took::SnapshotKept,
        Event::StoreFailed(_) => Took::StoreFailed,
        Event::Call { .. } | Event::ApplyBatch(_) => Took::Call,
        Event::Persisted(_)
        | Event::Fetched { .. }
        | Event::SnapshotRead { .. }
        | Event::Applied { .. }
        | Event::SnapshotTaken(_)
        | Event::PeerSpeaks { .. }
        | Event::Restored(_) => Took::Report,
    }
}

#[inline]
fn took_request(from: NodeId, request: &Request) -> Took {
    match request {
        Request::AppendEntries(append) => {
            Took::Append { from, term: append.term, prev: append.prev, upto: end_of(append) }
        }
        Request::InstallSnapshot(piece) => Took::Snapshot { from, term: piece.term, last: piece.meta.last },
        Request::RequestVote(vote) => Took::VoteRequest {
            from,
            term: vote.term,
            last: vote.last_log,
            transfer: vote.leadership_transfer,
        },
        Request::RequestPreVote(vote) => Took::PreVoteRequest { from, term: vote.term },
        Request::TimeoutNow(call) => Took::TimeoutNow { term: call.term },
    }
}

/// A read in small: its number, whether its answer carries an index, whether it goes by the lease.
#[must_use]
pub const fn read_of(request: RequestId, call: &Call) -> Option<(RequestId, bool, bool)> {
    match call {
        Call::Read(ReadPath::Index) => Some((request, true, false)),
        Call::Read(ReadPath::Lease) => Some((request, true, true)),
        Call::Read(ReadPath::Verify) | Call::VerifyLeader => Some((request, false, false)),
        Call::Apply(_)
        | Call::ApplyLog { .. }
        | Call::Barrier
        | Call::Bootstrap(_)
        | Call::Change { .. }
        | Call::AddVoterStaged { .. }
        | Call::Transfer { .. }
        | Call::Snapshot
        | Call::Restore(_)
        | Call::Reload(_)
        | Call::Shutdown => None,
    }
}
