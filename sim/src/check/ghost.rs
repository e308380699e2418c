//! The ghost state: the memory of the harness about a run. The ghost state contains the content of each disk,
//! the promises of each server, the votes, the leaders and the committed entries.
//!
//! The ghost state is built only from observations. The checks read the ghost state; the ghost state itself
//! judges nothing. A server's view of itself ([`ServerView`]) is separate from the data that the harness has
//! observed ([`DurableState`], [`CommitHistory`], [`Terms`]).

pub(crate) mod ghost_server;
pub(crate) mod server_view;

mod acting;
mod booting;
mod calls;
pub(crate) mod chain;
pub(crate) mod conf;
mod due_snapshot;
pub(crate) mod facts;
pub(crate) mod hash;
mod heartbeats;
pub(crate) mod history;
mod leading;
mod limits;
mod outstanding;
mod removals;
mod staging;
pub(crate) mod step;
mod stepping;
mod stopping;
pub(crate) mod terms;
mod writing;

pub(crate) use calls::{AnsweredCall, Asked, PendingCall, ReceivedCall, index_of};
pub(crate) use chain::{Chain, ChainLink};
pub(crate) use conf::{Conf, IndexedConf};
pub(crate) use due_snapshot::DueSnapshot;
pub(crate) use facts::Facts;
pub(crate) use ghost_server::{DurableState, GhostServer, Loads, PendingRead, PendingReply, ServerStatus};
pub(crate) use heartbeats::Heartbeats;
pub(crate) use history::{CommitHistory, CommitRecord};
pub(crate) use limits::Limits;
pub(crate) use outstanding::{Outstanding, SentAppend};
pub(crate) use removals::{Removal, Removals};
pub(crate) use server_view::{Follower, Inspect, ServerView};
pub(crate) use staging::{Staging, StagingEnd, Stagings};
pub(crate) use step::{
    AllowedRead, Consumed, DiscardedLog, GhostStep, Promise, RecoveredState, RemovedEntry, Stop,
};
pub(crate) use terms::Terms;

use crate::observe::{Observation, ObservationKind};
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::subject::Subject;
use wavetank_raft::{Batch, Index, LogId, NodeId, SnapshotMeta, Time};

/// The ghost state of a run.
#[derive(Clone, Debug)]
pub(crate) struct Ghost {
    /// The virtual time of the newest observation that has a fact.
    pub(crate) at: Time,
    /// The step number of the newest observation that has a fact.
    pub(crate) number: u64,
    /// The newest observation.
    pub(crate) step: GhostStep,
    /// The entries that servers had at each index, and the committed entry at each index.
    pub(crate) history: CommitHistory,
    /// The votes and the leader of each term.
    pub(crate) terms: Terms,
    /// The time at which all faults ended, and the servers that must make progress after this time. `None`
    /// before the faults end.
    pub(crate) healed: Option<(Time, ServerSet)>,
    /// The servers that make no promise of silence. Such a server may vote immediately after a restart, even
    /// if the server heard from a leader shortly before the restart.
    pub(crate) without_promise: ServerSet,
    /// The servers that understand the dialect of HashiCorp Raft.
    pub(crate) hashicorp: ServerSet,
    ghost_servers: Vec<GhostServer>,
    /// If the history has more indexes than this number, the ghost state removes old indexes.
    prune_at: usize,
}

impl Default for Ghost {
    fn default() -> Self {
        Self {
            at: Time(0),
            number: 0,
            step: GhostStep::blank(),
            history: CommitHistory::default(),
            terms: Terms::default(),
            healed: None,
            without_promise: ServerSet::NONE,
            hashicorp: ServerSet::NONE,
            ghost_servers: vec![GhostServer::default(); ServerIdx::MAX_SERVERS],
            prune_at: Self::SLACK,
        }
    }
}

impl Ghost {
    /// The number of indexes by which the history grows before the ghost state removes old indexes. Each
    /// removal keeps the newest `SLACK / 2` indexes that no server needs, so that late messages can be
    /// judged.
    const SLACK: usize = 2_048;

    /// Returns the record of a server.
    #[must_use]
    pub(crate) fn ghost_server(&self, idx: ServerIdx) -> &GhostServer {
        &self.ghost_servers[idx.at()]
    }

    /// Returns the record of the server in the newest observation.
    #[must_use]
    pub(crate) fn subject(&self) -> &GhostServer {
        &self.ghost_servers[self.step.idx.at()]
    }

    /// Returns the record of the server with this node id. Returns `None` if no server of the tank has this
    /// id.
    #[must_use]
    pub(crate) fn ghost_server_of(&self, node: NodeId) -> Option<&GhostServer> {
        ServerIdx::of(node).map(|idx| self.ghost_server(idx))
    }

    /// Returns the servers that run.
    #[must_use]
    pub(crate) fn up(&self) -> ServerSet {
        let up =
            (0..).map(ServerIdx).zip(&self.ghost_servers).filter(|(_, ghost_server)| ghost_server.is_up());
        up.map(|(idx, _)| idx).collect()
    }

    /// Records an observation and returns the facts of this observation.
    pub(crate) fn on_observation<S: Subject>(&mut self, observation: &Observation<'_, S>) -> Facts {
        let facts = self.take(observation);
        if facts != Facts::NONE {
            (self.at, self.number) = (observation.at, observation.step);
        }
        facts
    }

    fn take<S: Subject>(&mut self, observation: &Observation<'_, S>) -> Facts {
        match &observation.kind {
            ObservationKind::Stepping { idx, event, clock, .. } => {
                self.stepping(*idx, event, *clock);
                Facts::NONE
            }
            ObservationKind::Stepped { idx, server, actions } => self.stepped(*idx, *server, actions),
            ObservationKind::Booted { idx, server, boot, log } => self.booted(*idx, *server, boot, log),
            ObservationKind::Durable { idx, write, torn } => self.durable(*idx, write, *torn),
            ObservationKind::Crashed { idx, wiped } => self.crashed(*idx, *wiped),
            ObservationKind::Halted(idx) => self.halted(*idx),
            ObservationKind::Damaged { idx, damage } => self.damaged(*idx, *damage),
            ObservationKind::Refused { idx, .. } => self.refused(*idx),
            ObservationKind::Applied { idx, batch, digest } => self.applied(*idx, batch, *digest),
            ObservationKind::SnapshotTaken { idx, meta, digest } => self.captured(*idx, meta, *digest),
            ObservationKind::Restored { idx, last, digest } => self.restored(*idx, *last, *digest),
            ObservationKind::Healed { core } => {
                self.healed = Some((observation.at, *core));
                Facts::HEALED
            }
            ObservationKind::Network(_) => Facts::NETWORK,
            _ => Facts::NONE,
        }
    }

    pub(crate) fn crashed(&mut self, idx: ServerIdx, wiped: bool) -> Facts {
        self.step.clear(idx);
        let is_member = self.is_member(idx);
        let committed = self.history.committed();
        let ghost_server = &mut self.ghost_servers[idx.at()];
        let (disk, memory) = (&ghost_server.disk, &ghost_server.view);
        let voted = (memory.term, memory.vote) == (disk.hard.term, disk.hard.vote);
        self.step.unsynced = !voted || ghost_server.log.last() != disk.log.last();
        ghost_server.forget();
        // The state machine keeps its faults when the disk is lost.
        let loads = ghost_server.loads;
        if wiped && is_member {
            let lost = ghost_server.disk.end().max(ghost_server.lost);
            let lost_term = ghost_server.view.term.max(ghost_server.lost_term);
            *ghost_server = GhostServer { lost, lost_term, loads, ..GhostServer::default() };
        } else if wiped {
            *ghost_server = GhostServer { new_disk_at: Some(committed), loads, ..GhostServer::default() };
            self.terms.forget_votes_of(idx);
        }
        Facts::CRASHED
    }

    /// True if another server uses a configuration that names this server. If the other server is down, the
    /// newest configuration on its disk must name this server. The configuration that the other server used
    /// last, if any, must also name this server, because a write that was under way at the crash may be on
    /// the disk (storm 1000070751).
    fn is_member(&self, idx: ServerIdx) -> bool {
        let names = |other: &GhostServer| {
            let used = other.configuration.as_ref().map(|used| used.server(idx.node()).is_some());
            if other.is_up() {
                return used == Some(true);
            }
            let stored = other.disk.log.conf().is_some_and(|placed| placed.conf.members.contains(idx));
            stored && used != Some(false)
        };
        (0..).map(ServerIdx).zip(&self.ghost_servers).any(|(other, server)| other != idx && names(server))
    }

    pub(crate) fn applied(&mut self, idx: ServerIdx, batch: &Batch, digest: u64) -> Facts {
        self.step.clear(idx);
        let (Some(first), Some(last)) = (batch.entries.first(), batch.entries.last()) else {
            return Facts::NONE;
        };
        let ghost_server = &mut self.ghost_servers[idx.at()];
        self.step.fsm_batch = Some((first.id.index, last.id.index, ghost_server.fsm_index));
        ghost_server.fsm_index = last.id.index;
        self.report(idx, last.id.index, digest);
        Facts::APPLIED
    }

    pub(crate) fn captured(&mut self, idx: ServerIdx, meta: &SnapshotMeta, digest: u64) -> Facts {
        self.step.clear(idx);
        self.step.captured = Some((meta.last, placed(meta)));
        self.report(idx, meta.last.index, digest);
        self.history.pin(meta.last.index);
        let ghost_server = &mut self.ghost_servers[idx.at()];
        ghost_server.disk.snapshot = newer(ghost_server.disk.snapshot, meta.last);
        Facts::CAPTURED
    }

    pub(crate) fn restored(&mut self, idx: ServerIdx, last: LogId, digest: u64) -> Facts {
        self.step.clear(idx);
        let ghost_server = &mut self.ghost_servers[idx.at()];
        (ghost_server.fsm_index, ghost_server.handed) = (last.index, ghost_server.handed.max(last.index));
        self.report(idx, last.index, digest);
        Facts::RESTORED
    }

    /// Records the digest of the state that a state machine reports after the entry at `index`.
    fn report(&mut self, idx: ServerIdx, index: Index, digest: u64) {
        self.step.state = Some((index, digest));
        self.history.note_state(idx, index, digest);
    }

    /// Removes the old indexes of the history at which no server keeps an entry. Late messages may name the
    /// newest of these indexes, so the newest `SLACK / 2` of these indexes stay.
    fn prune(&mut self) {
        let kept = self.ghost_servers.iter().filter_map(GhostServer::first_kept).min();
        let slack = Index(Self::SLACK as u64 / 2);
        let below = kept.unwrap_or_else(|| self.history.committed()).since(slack);
        self.history.prune(Index(below));
        self.prune_at = self.history.len() + Self::SLACK;
    }
}

/// Compares two snapshots. Each argument is the id of the last entry of a snapshot. Returns the id of the
/// newer snapshot.
fn newer(one: LogId, other: LogId) -> LogId {
    if one.index < other.index { other } else { one }
}

/// Returns the configuration of a snapshot, with the index of this configuration in the log.
fn placed(meta: &SnapshotMeta) -> IndexedConf {
    IndexedConf { index: meta.configuration_index, conf: Conf::of(&meta.configuration) }
}
