//! The leader: its data, its deadlines, and its refusals.
//!
//! Replication is in `replicate` and commits are in `commit`. The other duties have a module each:
//! `change` (membership and staging), `reads`, `snapshot`, `transfer`.

pub(crate) mod progress;

mod change;
mod commit;
mod reads;
mod replicate;
mod snapshot;
mod transfer;

use crate::entry::Payload;
use crate::node::io::{Deadline, DeadlineReason, Effect, Effects, Refusal};
use crate::node::state::NodeState;
use crate::role::Transition;
use crate::role::leader::progress::Progress;
use crate::types::{Index, NodeId, Time};
use alloc::vec::Vec;
use change::Staging;
use reads::Reads;
use transfer::Transfer;

/// A leader.
///
/// 1. `peers` holds every other member of the latest configuration, sorted, and for a while those
///    that just left it.
/// 2. `first_of_term` is the index of the first entry of its term: nothing below it commits by counting.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Leader {
    pub(crate) peers: Vec<Peer>,
    first_of_term: Index,
    heartbeat_at: Time,
    commit_flush_at: Option<Time>,
    reads: Reads,
    transfer: Option<Transfer>,
    /// TimeoutNow was sent in this term. Its receiver may be elected inside this leader's lease,
    /// however late the message arrives, so the lease no longer holds.
    lease_given_up: bool,
    staging: Option<Staging>,
}

/// A follower, as its leader sees it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    pub(crate) progress: Progress,
    /// Set once the follower is no longer a member. It still gets a few heartbeats.
    removed: Option<RemovedPeer>,
}

/// A follower that was removed from the configuration at index `since`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct RemovedPeer {
    since: Index,
    heartbeats_left: u8,
}

impl Leader {
    /// The winner of an election: nothing is known of the followers, and the term begins with an
    /// entry of its own (thesis §6.4).
    pub(crate) fn new(state: &mut NodeState, now: Time, fx: &mut Effects) -> Self {
        let mut leader = Self {
            peers: Vec::new(),
            first_of_term: state.log.last().index.next(),
            heartbeat_at: now + state.settings.heartbeat_interval(),
            commit_flush_at: None,
            reads: Reads::default(),
            transfer: None,
            lease_given_up: false,
            staging: None,
        };
        leader.update_peers(state, now);
        state.append([Payload::Noop], now, fx);
        leader.replicate_to_all(state, now, fx);
        leader
    }

    /// The earliest deadline.
    pub(crate) fn deadline(&self, state: &NodeState) -> Deadline {
        let mut soonest = Deadline { at: self.heartbeat_at, reason: DeadlineReason::Heartbeat };
        soonest.bring_forward(self.commit_flush_at, DeadlineReason::CommitFlush);
        soonest.bring_forward(self.transfer.as_ref().map(Transfer::deadline), DeadlineReason::Transfer);
        soonest.bring_forward(state.stalls_at(), DeadlineReason::DiskStall);
        // This runs after every step. Nearly always all followers or a quorum answered lately, and
        // this is cheaper to check than computing the exact deadline.
        let (voters, lease) = (state.membership.voters(), state.settings.leader_lease_timeout);
        let lasts = |last_contact: Time| soonest.at < last_contact + lease;
        let all = !voters.is_empty() && self.peers.iter().all(|peer| lasts(peer.progress.last_contact));
        if all || voters.is_quorum(|node| lasts(self.last_contact(node))) {
            return soonest;
        }
        soonest.bring_forward(self.deposed_at(state), DeadlineReason::Lease);
        soonest
    }

    /// The time at which the last contact with a quorum is too old (thesis §6.2). Contact counts
    /// from the sending of the answered requests: a response that was slow proves nothing newer.
    fn deposed_at(&self, state: &NodeState) -> Time {
        let quorum = state.membership.voters().agreed(|node| self.last_contact(node)).unwrap_or(Time(0));
        quorum + state.settings.leader_lease_timeout
    }

    /// The time of the last contact with a server. The leader is always in contact with itself.
    fn last_contact(&self, node: NodeId) -> Time {
        self.peer(node).map_or(Time::NEVER, |peer| peer.progress.last_contact)
    }

    fn peer(&self, node: NodeId) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.id == node)
    }

    pub(crate) fn on_timer(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) -> Transition {
        if self.deposed_at(state) <= now || state.is_disk_stalled(now) {
            return Transition::Follow(state.term, None);
        }
        self.expire_transfer(now, fx);
        if self.heartbeat_at <= now {
            self.heartbeat(state, now, fx);
        } else if self.commit_flush_at.is_some_and(|commit_flush_at| commit_flush_at <= now) {
            self.send_commit(state, now, fx);
        }
        Transition::Stay
    }

    /// Appends the proposals of clients.
    pub(crate) fn on_propose(
        &mut self,
        state: &mut NodeState,
        payloads: Vec<Payload>,
        now: Time,
        fx: &mut Effects,
    ) {
        if self.transfer.is_some() {
            return fx.push(Effect::Refused(Refusal::TransferInProgress));
        }
        let count = payloads.len() as u64;
        if count == 0 {
            return;
        }
        let first = state.append(payloads, now, fx);
        fx.push(Effect::Appended { first, count });
        self.replicate_to_all(state, now, fx);
    }

    /// A write is persisted: the leader's own copy counts (thesis §10.2.1).
    pub(crate) fn on_persisted(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) -> Transition {
        self.advance_commit(state, now, fx)
    }

    /// The settings changed: a shorter heartbeat interval applies at once.
    pub(crate) fn on_reload(&mut self, state: &NodeState, now: Time) {
        self.heartbeat_at = self.heartbeat_at.min(now + state.settings.heartbeat_interval());
    }

    /// Leadership is over: all waiting requests are answered.
    pub(crate) fn resign(&mut self, fx: &mut Effects) {
        self.fail_reads(fx);
        self.end_transfer(None, fx);
        self.abort_staging(fx);
    }
}
