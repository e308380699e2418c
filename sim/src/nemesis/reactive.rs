//! Faults that follow a step of a server, and the triggers of these faults.

use super::scheduled::isolate;
use super::{Act, Draws, NemesisView, ServerIdx, ServerSet, Span, choose_some, draw_downtime};
use crate::observe::NetworkChange;
use crate::plan::fault_kind::Reactive;
use crate::plan::rng::{Ratio, Spans};
use crate::subject::{our_request, our_response};
use wavetank_raft::{
    Action, Answer, Call, Configuration, Entry, LogOp, Payload, Request, Response, StoreJob, Write,
};

/// A set of facts about one step of a server. Each reactive fault has one fact as its trigger.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Trigger(u32);

impl Trigger {
    /// The empty set.
    pub const NOTHING: Self = Self(0);
    /// The server submitted entries to its disk.
    pub const WROTE: Self = Self(1);
    /// The server acknowledged entries or a heartbeat.
    pub const ACKED: Self = Self(1 << 1);
    /// The server granted its vote.
    pub const GRANTED: Self = Self(1 << 2);
    /// The server sent `RequestVote`.
    pub const CAMPAIGNED: Self = Self(1 << 3);
    /// The server became the leader.
    pub const ELECTED: Self = Self(1 << 4);
    /// The server sent entries.
    pub const SENT: Self = Self(1 << 5);
    /// The server answered a client's command.
    pub const ANSWERED: Self = Self(1 << 6);
    /// The server appended a new configuration.
    pub const RECONFIGURED: Self = Self(1 << 7);
    /// The server truncated its log.
    pub const TRUNCATED: Self = Self(1 << 8);
    /// The server stored a piece of a snapshot, or restored a snapshot.
    pub const INSTALLED: Self = Self(1 << 9);
    /// The server compacted its log after it took a snapshot.
    pub const COMPACTED: Self = Self(1 << 10);
    /// The server entered a newer term.
    pub const NEW_TERM: Self = Self(1 << 11);
    /// Several writes wait for the server's disk.
    pub const WRITE_BACKLOG: Self = Self(1 << 12);
    /// The server is the leader and committed an entry.
    pub const COMMITTED: Self = Self(1 << 13);
    /// The server committed an entry for the first time as leader of this term.
    pub const FIRST_COMMIT: Self = Self(1 << 14);
    /// The server sent `RequestVote` or `RequestPreVote`.
    pub const ASKED_FOR_VOTES: Self = Self(1 << 15);
    /// The server allowed a client to read.
    pub const READ: Self = Self(1 << 16);
    /// The server sent the last piece of a snapshot.
    pub const LAST_PIECE: Self = Self(1 << 17);
    /// The server discarded its log because a snapshot replaces the log.
    pub const DISCARDED: Self = Self(1 << 18);
    /// The server sent `TimeoutNow`.
    pub const SENT_TIMEOUT_NOW: Self = Self(1 << 19);

    /// Returns the facts that are in at least one of the two sets.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if the two sets have a fact in common.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns the facts about the step that this action of the server shows.
    #[must_use]
    pub fn of<Q: 'static, R: 'static>(action: &Action<Q, R>) -> Self {
        match action {
            Action::Send { request, .. } => our_request(request).map_or(Self::NOTHING, of_request),
            Action::Reply { response, .. } => our_response(response).map_or(Self::NOTHING, of_response),
            Action::Store(StoreJob::Persist(write)) => of_write(write),
            Action::Store(StoreJob::WriteSnapshot { .. }) | Action::Restore(_) => Self::INSTALLED,
            Action::Answer { outcome: Ok(Answer::Applied { .. }), .. } => Self::ANSWERED,
            Action::Answer { outcome: Ok(Answer::Readable { .. }), .. } => Self::READ,
            _ => Self::NOTHING,
        }
    }
}

fn of_request(request: &Request) -> Trigger {
    match request {
        Request::AppendEntries(append) if !append.entries.is_empty() => Trigger::SENT,
        Request::RequestVote(_) => Trigger::CAMPAIGNED.or(Trigger::ASKED_FOR_VOTES),
        Request::RequestPreVote(_) => Trigger::ASKED_FOR_VOTES,
        Request::InstallSnapshot(piece) if piece.done => Trigger::LAST_PIECE,
        Request::TimeoutNow(_) => Trigger::SENT_TIMEOUT_NOW,
        _ => Trigger::NOTHING,
    }
}

fn of_response(response: &Response) -> Trigger {
    match response {
        Response::AppendEntries(append) if append.success => Trigger::ACKED,
        Response::RequestVote(vote) if vote.granted => Trigger::GRANTED,
        _ => Trigger::NOTHING,
    }
}

fn of_write(write: &Write) -> Trigger {
    match &write.log {
        LogOp::Append(entries) => Trigger::WROTE.or(of_entries(entries)),
        LogOp::Replace(entries) => Trigger::WROTE.or(Trigger::TRUNCATED).or(of_entries(entries)),
        LogOp::Discard(_) => Trigger::TRUNCATED.or(Trigger::DISCARDED),
        LogOp::Compact(_) => Trigger::COMPACTED,
        LogOp::Keep | LogOp::CatchUp(_) => Trigger::NOTHING,
    }
}

fn of_entries(entries: &[Entry]) -> Trigger {
    let is_membership = |entry: &Entry| matches!(entry.payload, Payload::Configuration(_));
    if entries.iter().any(is_membership) { Trigger::RECONFIGURED } else { Trigger::NOTHING }
}

impl Reactive {
    /// Returns the fact that triggers this fault.
    pub(super) const fn trigger(self) -> Trigger {
        match self {
            Self::CrashWriter => Trigger::WROTE,
            Self::CrashAcker | Self::BlinkFollower => Trigger::ACKED,
            Self::BlinkVoter => Trigger::GRANTED,
            Self::BlinkCandidate => Trigger::CAMPAIGNED,
            Self::CrashElected | Self::StrandElected => Trigger::ELECTED,
            Self::IsolateSender | Self::PauseSender | Self::StrandSender | Self::LetGoAmong => Trigger::SENT,
            Self::CrashAnswerer | Self::IsolateAnswerer => Trigger::ANSWERED,
            Self::CrashReconfigurer | Self::StrandReconfigurer => Trigger::RECONFIGURED,
            Self::CrashTruncater => Trigger::TRUNCATED,
            Self::CrashInstaller => Trigger::INSTALLED,
            Self::CrashSnapshotter => Trigger::COMPACTED,
            Self::LetGoOfOld => Trigger::NEW_TERM,
            Self::CrashPiled => Trigger::WRITE_BACKLOG,
            Self::CrashCommitter
            | Self::IsolateCommitter
            | Self::StrandCommitter
            | Self::StallCommitter
            | Self::TransferCommitter => Trigger::COMMITTED,
            Self::CrashAtFirstCommit | Self::StrandAtFirstCommit => Trigger::FIRST_COMMIT,
            Self::StrandReader | Self::PauseReader => Trigger::READ,
            Self::Usurp => Trigger::ASKED_FOR_VOTES,
            Self::LetGoBeforeLastPiece => Trigger::LAST_PIECE,
            Self::CrashDiscarder => Trigger::DISCARDED,
            Self::SnapshotNewcomer => Trigger::FIRST_COMMIT,
            Self::MendCompacter => Trigger::COMPACTED,
            Self::IsolateCaller | Self::StrandCaller => Trigger::SENT_TIMEOUT_NOW,
            Self::OutpaceReader => Trigger::READ,
        }
    }

    /// Returns the probability in storms that this fault follows one occurrence of its trigger. A fault with
    /// a frequent trigger has a lower probability than a fault with a rare trigger.
    #[must_use]
    pub const fn default_chance(self) -> Ratio {
        match self {
            Self::BlinkFollower => Ratio::new(1, 300),
            Self::CrashWriter | Self::CrashAcker => Ratio::new(1, 120),
            Self::IsolateSender | Self::PauseSender | Self::StrandSender | Self::PauseReader => {
                Ratio::new(1, 120)
            }
            Self::CrashAnswerer | Self::IsolateAnswerer => Ratio::new(1, 60),
            Self::CrashCommitter
            | Self::IsolateCommitter
            | Self::StrandCommitter
            | Self::StallCommitter
            | Self::TransferCommitter => Ratio::new(1, 25),
            Self::LetGoAmong | Self::StrandReader | Self::OutpaceReader => Ratio::new(1, 30),
            Self::CrashPiled => Ratio::new(1, 12),
            Self::CrashTruncater | Self::CrashInstaller | Self::CrashSnapshotter => Ratio::new(1, 5),
            Self::BlinkVoter | Self::BlinkCandidate => Ratio::new(1, 4),
            Self::CrashElected
            | Self::StrandElected
            | Self::CrashAtFirstCommit
            | Self::StrandAtFirstCommit => Ratio::new(1, 3),
            Self::CrashReconfigurer | Self::StrandReconfigurer => Ratio::new(1, 4),
            Self::LetGoOfOld
            | Self::LetGoBeforeLastPiece
            | Self::Usurp
            | Self::CrashDiscarder
            | Self::SnapshotNewcomer
            | Self::MendCompacter
            | Self::IsolateCaller
            | Self::StrandCaller => Ratio::new(1, 2),
        }
    }

    pub(super) fn act(self, idx: ServerIdx, view: &NemesisView<'_>, draws: Draws, timeout: Span) -> Act {
        let a_while = draws[2].within(Spans::new(timeout.part(2), timeout.times(6)));
        match self {
            Self::CrashWriter
            | Self::CrashAcker
            | Self::CrashElected
            | Self::CrashAnswerer
            | Self::CrashReconfigurer
            | Self::CrashTruncater
            | Self::CrashInstaller
            | Self::CrashSnapshotter
            | Self::CrashPiled
            | Self::CrashCommitter
            | Self::CrashAtFirstCommit
            | Self::CrashDiscarder => Act::Crash(idx, draw_downtime(draws[3], timeout)),
            Self::BlinkFollower | Self::BlinkVoter | Self::BlinkCandidate => Act::Crash(idx, Span::ZERO),
            Self::IsolateSender | Self::IsolateAnswerer | Self::IsolateCommitter | Self::IsolateCaller => {
                isolate(idx, view.all, a_while)
            }
            Self::PauseSender | Self::PauseReader => Act::Pause(idx, a_while),
            Self::StrandElected
            | Self::StrandSender
            | Self::StrandReconfigurer
            | Self::StrandCommitter
            | Self::StrandAtFirstCommit
            | Self::StrandReader
            | Self::StrandCaller => {
                Act::Network(partition_with_minority(idx, view, draws), a_while, NetworkChange::HealAll)
            }
            Self::OutpaceReader => Act::SkewClocks(
                idx,
                partition_with_minority(idx, view, draws),
                a_while,
                NetworkChange::HealAll,
            ),
            Self::TransferCommitter => Act::Call(idx, Call::Transfer { target: None }),
            Self::StallCommitter => Act::Stall(idx, a_while.times(2)),
            Self::SnapshotNewcomer => Act::Call(idx, Call::Snapshot),
            Self::MendCompacter if view.leader == Some(idx) => {
                Act::Network(NetworkChange::HealAll, Span::ZERO, NetworkChange::HealAll)
            }
            Self::MendCompacter => Act::Nothing,
            Self::Usurp => isolate_leader_and_restart_others(idx, view, a_while),
            Self::LetGoOfOld | Self::LetGoAmong => Act::ReleaseHeld,
            Self::LetGoBeforeLastPiece => Act::ReleaseAllHeld,
        }
    }
}

/// Separates the server and a few other servers from the rest. In half of the cases, [`listeners`] draws the
/// other servers. In the other cases, or if no configuration is known, there is at most one other server. In
/// a tank of three servers, the server and one other server are a majority.
fn partition_with_minority(idx: ServerIdx, view: &NemesisView<'_>, draws: Draws) -> NetworkChange {
    let others = view.all.without(idx);
    // The caller has used the lower half of `draws[0]` and the upper half of `draws[1]`. The other halves of
    // these two words are still unused.
    if draws[1].hits(Ratio::new(1, 2))
        && let Some((_, configuration)) = view.membership
    {
        let with = listeners(idx, others, configuration, draws).with(idx);
        return NetworkChange::Partition(with, view.all.minus(with));
    }
    let few = usize::from(draws[3].hits(Ratio::new(3, 4))).min(others.len().saturating_sub(1));
    let with = choose_some(others, few, draws[3]).with(idx);
    NetworkChange::Partition(with, view.all.minus(with))
}

/// Draws servers from `others`. The drawn servers and the server `idx` together are not a quorum, unless the
/// server `idx` alone is a quorum. In half of the cases, all non-voters are among the drawn servers.
fn listeners(idx: ServerIdx, others: ServerSet, configuration: &Configuration, draws: Draws) -> ServerSet {
    let voters = configuration.voters();
    let votes = |idx: &ServerIdx| voters.contains(idx.node());
    let count = draws[0].below(others.len() as u64 + 1);
    let mut chosen = choose_some(others, usize::try_from(count).expect("at most 16 servers"), draws[0]);
    if draws[2].hits(Ratio::new(1, 2)) {
        chosen = chosen.or(others.iter().filter(|other| !votes(other)).collect());
    }
    let is_quorum =
        |of: ServerSet| voters.is_quorum(|node| ServerIdx::of(node).is_some_and(|it| of.contains(it)));
    while is_quorum(chosen.with(idx))
        && let Some(voter) = chosen.iter().find(votes)
    {
        chosen = chosen.without(voter);
    }
    chosen
}

/// Isolates the leader, and restarts all other awake servers except the candidate. After the restart, these
/// servers no longer know when they last heard from the leader. Returns [`Act::Nothing`] if there is no
/// leader, or if the candidate is the leader.
fn isolate_leader_and_restart_others(candidate: ServerIdx, view: &NemesisView<'_>, lasts: Span) -> Act {
    let Some(leader) = view.leader.filter(|leader| *leader != candidate) else { return Act::Nothing };
    let Act::Network(cut, lasts, back) = isolate(leader, view.all, lasts) else { return Act::Nothing };
    Act::RestartUnderChange(view.awake.without(candidate).without(leader), cut, lasts, back)
}

impl NemesisView<'_> {
    /// Returns the servers that are down or paused.
    #[must_use]
    pub const fn away(&self) -> ServerSet {
        self.all.minus(self.awake)
    }
}
