//! The record that the harness keeps of one server: the server's log in memory, its durable state, and its
//! promises to other servers.

use super::{
    Chain, ChainLink, Conf, DueSnapshot, Follower, Heartbeats, IndexedConf, Limits, Outstanding, PendingCall,
    Removals, ServerView, Stagings, Stop,
};
use crate::plan::server_set::{ServerIdx, ServerSet};
use std::collections::VecDeque;
use std::sync::Arc;
use wavetank_raft::{
    Configuration, HardState, Index, Leader, LogId, Member, NodeId, RequestId, RpcId, Span, Term, Time, Token,
};

/// The state that is on a server's disk. This state survives a crash.
#[derive(Clone, Debug, Default)]
pub(crate) struct DurableState {
    /// The newest term on the disk, and the vote in this term.
    pub(crate) hard: HardState,
    pub(crate) log: Chain,
    /// The id of the last entry of the newest snapshot.
    pub(crate) snapshot: LogId,
}

impl DurableState {
    /// Returns the last index that the log or the snapshot on the disk covers.
    pub(super) fn end(&self) -> Index {
        self.log.last().index.max(self.snapshot.index)
    }
}

/// A reply that a server has not sent yet. If the reply reports success, the reply promises that the data up
/// to `upto` is durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PendingReply {
    pub(crate) to: NodeId,
    pub(crate) rpc: RpcId,
    /// The term of the request.
    pub(crate) term: Term,
    /// The position up to which the log or the snapshot is durable, if the reply reports success.
    pub(crate) upto: LogId,
    /// The size of the whole snapshot in bytes. Zero for a reply to AppendEntries.
    pub(crate) size: u64,
}

/// The last message from a leader. For some time after this message, the server refuses the vote requests of
/// other servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LeaderContact {
    pub(crate) leader: NodeId,
    pub(crate) term: Term,
    /// The time of the message, on the clock of the follower.
    pub(crate) at: Time,
    /// The time until which the follower refuses the vote requests of other servers, on the clock of the
    /// follower.
    pub(crate) until: Time,
}

/// A read that was requested, and the state of the cluster at the time of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PendingRead {
    pub(crate) request: RequestId,
    /// The greatest index that any server had committed at the time of the request.
    pub(crate) committed: Index,
    /// The newest term that had a leader at the time of the request. Zero if no term had a leader.
    pub(crate) led: Term,
    /// The term of the server at the time of the request.
    pub(crate) term: Term,
    /// The configuration of the server at the time of the request. `None` if the server had no configuration.
    pub(crate) conf: Option<Conf>,
    /// The peers that had answered the server within the length of a lease before the request.
    pub(crate) answered: ServerSet,
    /// True if the answer contains an index. The client then reads the state after the state machine has
    /// applied the log up to this index.
    pub(crate) indexed: bool,
    /// True if the read relies on the lease.
    pub(crate) leased: bool,
}

/// The status of a server process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum ServerStatus {
    /// The server has never started on this disk.
    #[default]
    Blank,
    Up,
    /// The server has crashed.
    Down,
    /// The server has stopped itself.
    Halted,
}

/// Tells whether the state machine of a server may fail to load a snapshot, or has failed to load one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) enum Loads {
    /// Every load must succeed.
    #[default]
    Sound,
    /// The state machine has had a fault, so a load may fail.
    MayFail,
    /// A load has failed since the server started.
    Failed,
}

/// The record of one server.
#[derive(Clone, Debug, Default)]
pub(crate) struct GhostServer {
    /// The status of the process.
    pub(crate) status: ServerStatus,
    /// The greatest index on the disks that the server has lost while the server was a member. Zero if the
    /// server has lost no disk in this way.
    pub(crate) lost: Index,
    /// The newest term that the server had when it lost a disk while it was a member. Zero if the server has lost
    /// no disk in this way.
    pub(crate) lost_term: Term,
    /// The greatest committed index at the time when the server got a new disk while the server was not a
    /// member. `None` if the server has not got a new disk in this way.
    pub(crate) new_disk_at: Option<Index>,
    /// True if a store failed and the server has not restarted since.
    pub(crate) store_failed: bool,
    /// True if the disk has had a fault.
    pub(crate) damaged: bool,
    /// Tells whether the state machine may fail to load a snapshot, or has failed to load one.
    pub(crate) loads: Loads,
    /// True if the server received a shutdown call.
    pub(crate) shutdown_requested: bool,
    /// The index of the first configuration in which the server is no longer a voter. `None` while the server
    /// is a voter.
    pub(crate) lost_vote_at: Option<Index>,
    /// The reason that the server has given for its stop. `None` if the server has not announced a stop.
    pub(crate) halting: Option<Stop>,
    /// The view of the server after its last step.
    pub(crate) view: ServerView,
    /// The log in memory, built from the writes that the server requested.
    pub(crate) log: Chain,
    /// The last entry that the server appended and that a server of HashiCorp Raft cannot take; zero if there
    /// is no such entry. The entry may have left the log since.
    pub(crate) beyond_hashicorp: LogId,
    /// The position that the log must reach before the server campaigns; zero if there is no such position.
    pub(crate) catch_up: LogId,
    /// The state that is on the disk.
    pub(crate) disk: DurableState,
    /// The configuration that the server uses, as bit sets. `None` if the server has no configuration.
    pub(crate) conf: Option<IndexedConf>,
    /// The configuration that the server uses. The server and this record share the configuration object.
    /// `None` if the server has no configuration.
    pub(crate) configuration: Option<Arc<Configuration>>,
    /// The configuration that the server used when its last campaign began. `None` if the server has not
    /// campaigned since its start.
    pub(crate) campaign: Option<Conf>,
    /// The newest term that the server has sent in a message.
    pub(crate) announced_term: Term,
    /// The last index at which an append of the current leader matched the log.
    pub(crate) verified: Index,
    /// The last message from a leader. `None` if the server has received no such message, or has campaigned
    /// since then.
    pub(crate) leader_contact: Option<LeaderContact>,
    /// The last known progress records that the server, as leader, keeps of its followers.
    pub(crate) followers: Vec<Follower>,
    /// Replies to AppendEntries that are not sent yet.
    pub(crate) pending_replies: VecDeque<PendingReply>,
    /// Replies to InstallSnapshot that are not sent yet.
    pub(crate) pending_snapshot_replies: VecDeque<PendingReply>,
    /// Snapshots whose last piece is being written: the ticket of the write, and the id of the snapshot's
    /// last entry.
    pub(crate) incoming: Vec<(RpcId, LogId)>,
    /// Pending writes that replace the log with a snapshot: the token of the write, and the id of the
    /// snapshot's last entry.
    pub(crate) discards: VecDeque<(Token, LogId)>,
    /// The last index that was handed to the state machine.
    pub(crate) handed: Index,
    /// The last index that the state machine reported as applied.
    pub(crate) fsm_index: Index,
    /// The reads that the server has not answered.
    pub(crate) pending_reads: Vec<PendingRead>,
    /// The calls for a transfer of leadership that the server has not answered.
    pub(crate) transfers: Vec<RequestId>,
    /// The settings that the checks need.
    pub(crate) limits: Limits,
    /// The peers that run HashiCorp Raft, as far as the server knows.
    pub(crate) hashicorp: ServerSet,
    /// The time of the last response of each peer, on the clock of the server, as long as the server leads.
    pub(crate) responses: [Option<Time>; ServerIdx::MAX_SERVERS],
    /// The heartbeats that the server sends as leader.
    pub(crate) heartbeats: Heartbeats,
    /// The time at which a snapshot became due, if a snapshot is due.
    pub(crate) due_snapshot: DueSnapshot,
    /// The appends that the server sent as leader and that followers have not answered.
    pub(crate) outstanding: Outstanding,
    /// The calls that ask the server, as leader, to stage another server.
    pub(crate) stagings: Stagings,
    /// The servers that this server, as leader, has removed.
    pub(crate) removals: Removals,
    /// The unanswered calls for which [`Asked`](super::Asked) has a variant.
    pub(crate) pending_calls: Vec<PendingCall>,
    /// The members that got a new address in the latest change of the configuration.
    pub(crate) moved: ServerSet,
    /// The members that the observers of the server know.
    pub(crate) told_members: Vec<Member>,
    /// The leader that the observers of the server know. `None` if the observers know no leader.
    pub(crate) told_leader: Option<Leader>,
}

/// Returns the match index of a follower in these progress records. Returns zero if the records do not
/// contain the follower.
pub(super) fn matched(followers: &[Follower], node: NodeId) -> Index {
    followers.iter().find(|follower| follower.node == node).map_or(Index::ZERO, |known| known.matched)
}

impl GhostServer {
    /// True if the server runs.
    #[must_use]
    pub(crate) fn is_up(&self) -> bool {
        self.status == ServerStatus::Up
    }

    /// Clears the volatile state of the server, for example after a crash.
    pub(crate) fn forget(&mut self) {
        if self.status != ServerStatus::Blank {
            self.status = ServerStatus::Down;
        }
        (self.store_failed, self.shutdown_requested) = (false, false);
        self.loads = self.loads.min(Loads::MayFail);
        (self.lost_vote_at, self.halting) = (None, None);
        self.campaign = None;
        self.verified = Index::ZERO;
        // A crash does not end the promise to a leader. But if the leader's term is not on the disk, then
        // the server has not answered this leader and has promised nothing.
        self.leader_contact = self.leader_contact.filter(|contact| contact.term <= self.disk.hard.term);
        self.followers.clear();
        self.pending_replies.clear();
        self.pending_snapshot_replies.clear();
        self.incoming.clear();
        self.discards.clear();
        self.pending_reads.clear();
        self.transfers.clear();
        self.pending_calls.clear();
        self.due_snapshot = DueSnapshot::default();
        self.hashicorp = ServerSet::NONE;
        self.forget_leadership();
    }

    /// Records a response of a peer. The server learns with the first response whether the peer runs
    /// HashiCorp Raft. `hashicorp` contains the servers that run HashiCorp Raft.
    pub(super) fn note_response(&mut self, peer: ServerIdx, at: Time, hashicorp: ServerSet) {
        self.hashicorp = self.hashicorp.or(ServerSet::only(peer).and(hashicorp));
        if self.view.leads() {
            self.responses[peer.at()] = Some(at);
        }
    }

    /// Returns the peers whose last response to the server as leader came at `begin` or later, on the
    /// server's clock.
    pub(super) fn answered_since(&self, begin: Time) -> ServerSet {
        let responses = (0..).map(ServerIdx).zip(&self.responses);
        responses.filter(|(_, at)| at.is_some_and(|at| begin <= at)).map(|(peer, _)| peer).collect()
    }

    /// True if the server knows that a peer runs HashiCorp Raft.
    #[must_use]
    pub(crate) fn knows_as_hashicorp(&self, peer: NodeId) -> bool {
        ServerIdx::of(peer).is_some_and(|peer| self.hashicorp.contains(peer))
    }

    /// Clears the state that the server had as leader.
    pub(super) fn forget_leadership(&mut self) {
        self.outstanding.clear();
        self.responses = [None; ServerIdx::MAX_SERVERS];
        self.heartbeats.clear();
        self.stagings.clear();
        self.removals.clear();
    }

    /// Records a leader's message, if the server follows that leader. `silence` is the time during which the
    /// server then refuses the vote requests of other servers.
    pub(super) fn note_leader_contact(&mut self, leader: NodeId, term: Term, at: Time, silence: Span) {
        if term == self.view.term && self.view.leader == Some(leader) {
            self.leader_contact = Some(LeaderContact { leader, term, at, until: at + silence });
        }
    }

    /// True if the disk contains the log up to an entry, as entries or in a snapshot.
    ///
    /// The snapshot is tested first. A conflicting old log may be on the disk beside a newer snapshot until
    /// the next start discards the old log.
    #[must_use]
    pub(crate) fn disk_holds(&self, index: Index, link: ChainLink) -> bool {
        self.disk_covers(index) || self.disk.log.link(index) == Some(link)
    }

    /// True if the disk has the entry with this index and term, in the log or in a snapshot.
    #[must_use]
    pub(crate) fn disk_has(&self, id: LogId) -> bool {
        self.disk_covers(id.index) || self.disk.log.has(id)
    }

    /// True if a durable snapshot or the compacted prefix of the log covers an index.
    #[must_use]
    pub(crate) fn disk_covers(&self, index: Index) -> bool {
        index <= self.disk.snapshot.index || index < self.disk.log.base().index
    }

    /// Returns the base index of the log in memory or of the log on the disk, whichever is lower. Ignores a
    /// log without entries. Returns `None` if both logs have no entries.
    #[must_use]
    pub(crate) fn first_kept(&self) -> Option<Index> {
        let first = |chain: &Chain| (!chain.is_empty()).then(|| chain.base().index);
        match (first(&self.log), first(&self.disk.log)) {
            (Some(memory), Some(disk)) => Some(memory.min(disk)),
            (Some(only), None) | (None, Some(only)) => Some(only),
            (None, None) => None,
        }
    }

    /// Returns the last known progress record that the server, as leader, keeps of a follower. Returns `None`
    /// if there is no such record.
    #[must_use]
    pub(crate) fn follower(&self, node: NodeId) -> Option<Follower> {
        self.followers.iter().find(|follower| follower.node == node).copied()
    }

    /// True if the log in memory has this entry or has compacted this entry.
    #[must_use]
    pub(crate) fn holds(&self, index: Index, link: ChainLink) -> bool {
        match self.log.link(index) {
            Some(mine) => mine == link,
            None => index < self.log.base().index,
        }
    }

    /// Removes and returns the pending reply to the request `rpc` of the server `to`. Returns `None` if no
    /// such reply is pending.
    pub(crate) fn take_pending(
        pending_replies: &mut VecDeque<PendingReply>,
        to: NodeId,
        rpc: RpcId,
    ) -> Option<PendingReply> {
        let at = pending_replies.iter().rposition(|reply| reply.to == to && reply.rpc == rpc)?;
        pending_replies.swap_remove_back(at)
    }

    /// Adds a pending reply. Removes the oldest reply if 256 replies are already pending.
    pub(crate) fn push_pending(pending_replies: &mut VecDeque<PendingReply>, reply: PendingReply) {
        const MOST: usize = 256;
        if MOST <= pending_replies.len() {
            pending_replies.pop_front();
        }
        pending_replies.push_back(reply);
    }
}
