//! What the harness knows of one server: its log in memory, its durable state, and everything that
//! it has already told others.

use super::{Chain, ChainLink, Conf, Follower, IndexedConf, ServerView, Stop};
use std::collections::VecDeque;
use std::sync::Arc;
use wavetank_raft::{
    Configuration, HardState, Index, LogId, NodeId, RequestId, RpcId, Span, Term, Time, Token,
};

/// What a crash at this instant would leave.
#[derive(Clone, Debug, Default)]
pub(crate) struct DurableState {
    /// The vote record.
    pub(crate) hard: HardState,
    pub(crate) log: Chain,
    /// The newest snapshot.
    pub(crate) snapshot: LogId,
}

impl DurableState {
    /// The last index that it has, as an entry or in a snapshot.
    pub(super) fn end(&self) -> Index {
        self.log.last().index.max(self.snapshot.index)
    }
}

/// A reply that a server has not sent yet, and what its success would promise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PendingReply {
    pub(crate) to: NodeId,
    pub(crate) rpc: RpcId,
    /// The term of the call.
    pub(crate) term: Term,
    /// Up to where the log or the snapshot would be durable.
    pub(crate) upto: LogId,
    /// How many bytes of the snapshot make it whole.
    pub(crate) size: u64,
}

/// The last contact with a leader: for a while the server helps no other candidate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LeaderContact {
    pub(crate) leader: NodeId,
    pub(crate) term: Term,
    /// What the follower's clock showed.
    pub(crate) at: Time,
    /// Until when, by the same clock, it helps no other candidate.
    pub(crate) until: Time,
}

/// A read that was requested, and what was true at that moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PendingRead {
    pub(crate) request: RequestId,
    /// The greatest committed index anywhere.
    pub(crate) committed: Index,
    /// The newest term that had a leader.
    pub(crate) led: Term,
    /// The term of the server that was asked.
    pub(crate) term: Term,
    /// Whether the answer carries an index to read at.
    pub(crate) indexed: bool,
    /// Whether the read relies on the lease.
    pub(crate) leased: bool,
}

/// Whether a server runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum ServerStatus {
    /// It has never started on this disk.
    #[default]
    Blank,
    Up,
    /// It has crashed.
    Down,
    /// It has stopped by its own decision.
    Halted,
}

/// What is known of one server.
#[derive(Clone, Debug, Default)]
pub(crate) struct GhostServer {
    /// Whether it runs.
    pub(crate) status: ServerStatus,
    /// The end of its log on a disk that was lost as a whole.
    pub(crate) lost: Index,
    /// Its store failed, and it has not restarted since.
    pub(crate) store_failed: bool,
    /// A fault has struck its disk.
    pub(crate) damaged: bool,
    /// It received a shutdown call.
    pub(crate) shutdown_requested: bool,
    /// The index of the configuration that last took its vote, as far as it knows.
    pub(crate) lost_vote_at: Option<Index>,
    /// The reason for the halt that it has announced.
    pub(crate) halting: Option<Stop>,
    /// Its view after its last step.
    pub(crate) view: ServerView,
    /// The log in memory, by the writes that the server requested.
    pub(crate) log: Chain,
    /// What is durable.
    pub(crate) disk: DurableState,
    /// The configuration that it says is in force.
    pub(crate) conf: Option<IndexedConf>,
    /// The same configuration, as the server holds it.
    pub(crate) configuration: Option<Arc<Configuration>>,
    /// The configuration with which it last began to campaign.
    pub(crate) campaign: Option<Conf>,
    /// The newest term that it has sent in a message.
    pub(crate) announced_term: Term,
    /// Up to where its log agrees with what the leader of its term sent.
    pub(crate) verified: Index,
    /// The last contact with a leader, unless the server has campaigned since.
    pub(crate) leader_contact: Option<LeaderContact>,
    /// A leader's last known progress records of its followers.
    pub(crate) followers: Vec<Follower>,
    /// Replies to AppendEntries that it has not sent yet.
    pub(crate) pending_replies: VecDeque<PendingReply>,
    /// Replies to InstallSnapshot that it has not sent yet.
    pub(crate) pending_snapshot_replies: VecDeque<PendingReply>,
    /// Snapshots whose last piece is being written.
    pub(crate) incoming: Vec<(RpcId, LogId)>,
    /// Pending writes that replace the log by a snapshot, each with the snapshot.
    pub(crate) discards: VecDeque<(Token, LogId)>,
    /// Entries have been handed to the state machine up to here.
    pub(crate) handed: Index,
    /// The state machine has reported entries up to here.
    pub(crate) fsm_index: Index,
    /// Reads that wait for an answer.
    pub(crate) pending_reads: Vec<PendingRead>,
    /// Transfers of leadership that wait for an answer.
    pub(crate) transfers: Vec<RequestId>,
}

impl GhostServer {
    /// Whether it runs.
    #[must_use]
    pub(crate) fn is_up(&self) -> bool {
        self.status == ServerStatus::Up
    }

    /// Clears the volatile state.
    pub(crate) fn forget(&mut self) {
        if self.status != ServerStatus::Blank {
            self.status = ServerStatus::Down;
        }
        (self.store_failed, self.shutdown_requested) = (false, false);
        (self.lost_vote_at, self.halting) = (None, None);
        self.campaign = None;
        self.verified = Index::ZERO;
        // A crash does not end a promise. But the server answered no leader whose term is not on its disk.
        self.leader_contact = self.leader_contact.filter(|contact| contact.term <= self.disk.hard.term);
        self.followers.clear();
        self.pending_replies.clear();
        self.pending_snapshot_replies.clear();
        self.incoming.clear();
        self.discards.clear();
        self.pending_reads.clear();
        self.transfers.clear();
    }

    /// Records a leader's message, if the server follows that leader.
    pub(super) fn note_leader_contact(&mut self, leader: NodeId, term: Term, at: Time, silence: Span) {
        if term == self.view.term && self.view.leader == Some(leader) {
            self.leader_contact = Some(LeaderContact { leader, term, at, until: at + silence });
        }
    }

    /// Whether its disk holds the log up to an entry: as entries, or in a snapshot. The snapshot
    /// counts first: a conflicting old log may still lie beside a newer snapshot, and a start
    /// discards it.
    #[must_use]
    pub(crate) fn disk_holds(&self, index: Index, link: ChainLink) -> bool {
        self.disk_covers(index) || self.disk.log.link(index) == Some(link)
    }

    /// Whether its disk holds an entry of this name: as an entry, or in a snapshot.
    #[must_use]
    pub(crate) fn disk_has(&self, id: LogId) -> bool {
        self.disk_covers(id.index) || self.disk.log.has(id)
    }

    /// Whether a durable snapshot, or the compacted prefix of the log, covers an index.
    #[must_use]
    pub(crate) fn disk_covers(&self, index: Index) -> bool {
        index <= self.disk.snapshot.index || index < self.disk.log.base().index
    }

    /// The first index that its log or its disk still has as an entry; `None` if it has none.
    #[must_use]
    pub(crate) fn first_kept(&self) -> Option<Index> {
        let first = |chain: &Chain| (!chain.is_empty()).then(|| chain.base().index);
        match (first(&self.log), first(&self.disk.log)) {
            (Some(memory), Some(disk)) => Some(memory.min(disk)),
            (Some(only), None) | (None, Some(only)) => Some(only),
            (None, None) => None,
        }
    }

    /// A leader's last known progress record of a follower.
    #[must_use]
    pub(crate) fn follower(&self, node: NodeId) -> Option<Follower> {
        self.followers.iter().find(|follower| follower.node == node).copied()
    }

    /// Whether it holds the log up to an entry in memory: as entries, or below its base.
    #[must_use]
    pub(crate) fn holds(&self, index: Index, link: ChainLink) -> bool {
        match self.log.link(index) {
            Some(mine) => mine == link,
            None => index < self.log.base().index,
        }
    }

    /// Removes the pending reply to a call.
    pub(crate) fn take_pending(
        pending_replies: &mut VecDeque<PendingReply>,
        to: NodeId,
        rpc: RpcId,
    ) -> Option<PendingReply> {
        let at = pending_replies.iter().rposition(|reply| reply.to == to && reply.rpc == rpc)?;
        pending_replies.swap_remove_back(at)
    }

    /// Adds a pending reply; the oldest one is dropped when there are too many.
    pub(crate) fn push_pending(pending_replies: &mut VecDeque<PendingReply>, reply: PendingReply) {
        const MOST: usize = 256;
        if MOST <= pending_replies.len() {
            pending_replies.pop_front();
        }
        pending_replies.push_back(reply);
    }
}
