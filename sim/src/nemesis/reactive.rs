//! Acts that answer what a server has just done.

use super::scheduled::isolate;
use super::{Act, Draws, Sight, Slot, Slots, Span, outage, some_of};
use crate::observe::NetworkChange;
use crate::plan::fault_kind::Occasion;
use crate::plan::rng::{Ratio, Spans};
use wavetank_raft::{Action, Answer, Call, Entry, LogOp, Payload, Request, Response, StoreJob, Write};

/// What a step was seen to do: a set of facts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Noticed(u32);

impl Noticed {
    /// Nothing of interest.
    pub const NOTHING: Self = Self(0);
    /// It handed entries to its disk.
    pub const WROTE: Self = Self(1);
    /// It told a leader that it has what was sent.
    pub const ACKED: Self = Self(1 << 1);
    /// It gave its vote.
    pub const GRANTED: Self = Self(1 << 2);
    /// It asked for votes.
    pub const CAMPAIGNED: Self = Self(1 << 3);
    /// It leads, and did not before.
    pub const ELECTED: Self = Self(1 << 4);
    /// It sent entries.
    pub const SENT: Self = Self(1 << 5);
    /// It answered a client's command.
    pub const ANSWERED: Self = Self(1 << 6);
    /// It appended another membership.
    pub const RECONFIGURED: Self = Self(1 << 7);
    /// It cut its log back.
    pub const TRUNCATED: Self = Self(1 << 8);
    /// It kept a piece of a snapshot, or put a snapshot in force.
    pub const INSTALLED: Self = Self(1 << 9);
    /// It has a new snapshot of its own.
    pub const COMPACTED: Self = Self(1 << 10);
    /// It is in a newer term than before.
    pub const NEW_TERM: Self = Self(1 << 11);
    /// It wrote while several writes were waiting.
    pub const PILED: Self = Self(1 << 12);
    /// It leads, and committed something.
    pub const COMMITTED: Self = Self(1 << 13);
    /// It leads, and committed for the first time since.
    pub const FIRST_COMMIT: Self = Self(1 << 14);

    /// It asked for votes, or whether it would get them.
    pub const CANVASSED: Self = Self(1 << 15);
    /// It let a client read.
    pub const READ: Self = Self(1 << 16);
    /// It sent the last piece of a snapshot.
    pub const LAST_PIECE: Self = Self(1 << 17);
    /// It threw its log away for a snapshot.
    pub const DISCARDED: Self = Self(1 << 18);
    /// It called another server to campaign.
    pub const CALLED: Self = Self(1 << 19);

    /// Both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether they have anything in common.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// What an action shows.
    #[must_use]
    pub fn of(action: &Action) -> Self {
        match action {
            Action::Send { request, .. } => of_request(request),
            Action::Reply { response, .. } => of_response(response),
            Action::Store(StoreJob::Persist(write)) => of_write(write),
            Action::Store(StoreJob::WriteSnapshot { .. }) | Action::Restore(_) => Self::INSTALLED,
            Action::Answer { outcome: Ok(Answer::Applied { .. }), .. } => Self::ANSWERED,
            Action::Answer { outcome: Ok(Answer::Readable { .. }), .. } => Self::READ,
            _ => Self::NOTHING,
        }
    }
}

fn of_request(request: &Request) -> Noticed {
    match request {
        Request::AppendEntries(append) if !append.entries.is_empty() => Noticed::SENT,
        Request::RequestVote(_) => Noticed::CAMPAIGNED.or(Noticed::CANVASSED),
        Request::RequestPreVote(_) => Noticed::CANVASSED,
        Request::InstallSnapshot(piece) if piece.done => Noticed::LAST_PIECE,
        Request::TimeoutNow(_) => Noticed::CALLED,
        _ => Noticed::NOTHING,
    }
}

fn of_response(response: &Response) -> Noticed {
    match response {
        Response::AppendEntries(append) if append.success => Noticed::ACKED,
        Response::RequestVote(vote) if vote.granted => Noticed::GRANTED,
        _ => Noticed::NOTHING,
    }
}

fn of_write(write: &Write) -> Noticed {
    match &write.log {
        LogOp::Append(entries) => Noticed::WROTE.or(of_entries(entries)),
        LogOp::Replace(entries) => Noticed::WROTE.or(Noticed::TRUNCATED).or(of_entries(entries)),
        LogOp::Discard => Noticed::TRUNCATED.or(Noticed::DISCARDED),
        LogOp::Compact(_) => Noticed::COMPACTED,
        LogOp::Keep => Noticed::NOTHING,
    }
}

fn of_entries(entries: &[Entry]) -> Noticed {
    let is_membership = |entry: &Entry| matches!(entry.payload, Payload::Configuration(_));
    if entries.iter().any(is_membership) { Noticed::RECONFIGURED } else { Noticed::NOTHING }
}

impl Occasion {
    /// What it waits for.
    pub(super) const fn trigger(self) -> Noticed {
        match self {
            Self::CrashWriter => Noticed::WROTE,
            Self::CrashAcker | Self::BlinkFollower => Noticed::ACKED,
            Self::BlinkVoter => Noticed::GRANTED,
            Self::BlinkCandidate => Noticed::CAMPAIGNED,
            Self::CrashElected | Self::StrandElected => Noticed::ELECTED,
            Self::IsolateSender | Self::PauseSender | Self::StrandSender | Self::LetGoAmong => Noticed::SENT,
            Self::CrashAnswerer | Self::IsolateAnswerer => Noticed::ANSWERED,
            Self::CrashReconfigurer | Self::StrandReconfigurer => Noticed::RECONFIGURED,
            Self::CrashTruncater => Noticed::TRUNCATED,
            Self::CrashInstaller => Noticed::INSTALLED,
            Self::CrashSnapshotter => Noticed::COMPACTED,
            Self::LetGoOfOld => Noticed::NEW_TERM,
            Self::CrashPiled => Noticed::PILED,
            Self::CrashCommitter
            | Self::IsolateCommitter
            | Self::StrandCommitter
            | Self::StallCommitter
            | Self::TransferCommitter => Noticed::COMMITTED,
            Self::CrashAtFirstCommit | Self::StrandAtFirstCommit => Noticed::FIRST_COMMIT,
            Self::StrandReader | Self::PauseReader => Noticed::READ,
            Self::Usurp => Noticed::CANVASSED,
            Self::LetGoBeforeLastPiece => Noticed::LAST_PIECE,
            Self::CrashDiscarder => Noticed::DISCARDED,
            Self::SnapshotNewcomer => Noticed::FIRST_COMMIT,
            Self::MendCompacter => Noticed::COMPACTED,
            Self::IsolateCaller => Noticed::CALLED,
            Self::OutpaceReader => Noticed::READ,
        }
    }

    /// How often it is worth taking: triggers that come all the time less often than rare ones.
    #[must_use]
    pub const fn usual_chance(self) -> Ratio {
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
            | Self::IsolateCaller => Ratio::new(1, 2),
        }
    }

    pub(super) fn act(self, slot: Slot, sight: &Sight<'_>, draws: Draws, timeout: Span) -> Act {
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
            | Self::CrashDiscarder => Act::Crash(slot, outage(draws[3], timeout)),
            Self::BlinkFollower | Self::BlinkVoter | Self::BlinkCandidate => Act::Crash(slot, Span::ZERO),
            Self::IsolateSender | Self::IsolateAnswerer | Self::IsolateCommitter | Self::IsolateCaller => {
                isolate(slot, sight.all, a_while)
            }
            Self::PauseSender | Self::PauseReader => Act::Pause(slot, a_while),
            Self::StrandElected
            | Self::StrandSender
            | Self::StrandReconfigurer
            | Self::StrandCommitter
            | Self::StrandAtFirstCommit
            | Self::StrandReader => Act::Network(strand(slot, sight, draws), a_while, NetworkChange::HealAll),
            Self::OutpaceReader => {
                Act::Outpace(slot, strand(slot, sight, draws), a_while, NetworkChange::HealAll)
            }
            Self::TransferCommitter => Act::Call(slot, Call::Transfer { target: None }),
            Self::StallCommitter => Act::Stall(slot, a_while.times(2)),
            Self::SnapshotNewcomer => Act::Call(slot, Call::Snapshot),
            Self::MendCompacter if sight.leader == Some(slot) => {
                Act::Network(NetworkChange::HealAll, Span::ZERO, NetworkChange::HealAll)
            }
            Self::MendCompacter => Act::Nothing,
            Self::Usurp => usurp(slot, sight, a_while),
            Self::LetGoOfOld | Self::LetGoAmong => Act::LetGo,
            Self::LetGoBeforeLastPiece => Act::LetGoAll,
        }
    }
}

/// Only a minority hears it, or nobody.
fn strand(slot: Slot, sight: &Sight<'_>, draws: Draws) -> NetworkChange {
    let others = sight.all.without(slot);
    let few = usize::from(draws[3].hits(Ratio::new(3, 4))).min(others.len().saturating_sub(1));
    let with = some_of(others, few, draws[3]).with(slot);
    NetworkChange::Partition(with, sight.all.minus(with))
}

/// Nobody hears the leader, and the other voters forget it.
fn usurp(candidate: Slot, sight: &Sight<'_>, lasts: Span) -> Act {
    let Some(leader) = sight.leader.filter(|leader| *leader != candidate) else { return Act::Nothing };
    let Act::Network(cut, lasts, back) = isolate(leader, sight.all, lasts) else { return Act::Nothing };
    Act::Forget(sight.awake.without(candidate).without(leader), cut, lasts, back)
}

impl Sight<'_> {
    /// Those that are down or stand still.
    #[must_use]
    pub const fn away(&self) -> Slots {
        self.all.minus(self.awake)
    }
}
