//! The leader role: the data and the deadlines of a leader, and its handling of proposals.
//!
//! Replication is in `replicate`, and commits are in `commit`. Each other duty has its own module: `change`
//! (membership and staging), `reads`, `snapshot`, `transfer`.

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

/// The state of a leader.
///
/// 1. `peers` contains each member of the latest configuration, except this server. `peers` also contains each
///    removed server until the leader has sent the server a few more heartbeats. `peers` is sorted by id.
/// 2. `first_of_term` is the index of the first entry of the leader's term. Earlier entries are committed
///    only together with this entry (thesis §3.6.2).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Leader {
    pub(crate) peers: Vec<Peer>,
    first_of_term: Index,
    heartbeat_at: Time,
    commit_flush_at: Option<Time>,
    reads: Reads,
    transfer: Option<Transfer>,
    /// True after TimeoutNow was sent in this term. The receiver may be elected before this leader's lease
    /// expires, even if TimeoutNow arrives late. Therefore the leader refuses reads under the lease after
    /// TimeoutNow was sent.
    lease_given_up: bool,
    staging: Option<Staging>,
}

/// A server to which the leader replicates.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    pub(crate) progress: Progress,
    /// The removal of the server; `None` while the server is a member. A removed server still gets a few
    /// heartbeats.
    removed: Option<RemovedPeer>,
}

/// The removal of a follower. The configuration at index `since` is the first configuration without the
/// follower.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct RemovedPeer {
    since: Index,
    heartbeats_left: u8,
}

impl Leader {
    /// Makes the state of a server that has just won an election. The leader knows nothing about the
    /// followers' logs yet. The leader appends a no-op entry, because a leader can commit earlier entries
    /// only together with an entry of its own term (thesis §3.6.2, §6.4).
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

    /// Returns the earliest deadline of the leader, and the reason for this deadline.
    pub(crate) fn deadline(&self, state: &NodeState) -> Deadline {
        let mut soonest = Deadline { at: self.heartbeat_at, reason: DeadlineReason::Heartbeat };
        soonest.bring_forward(self.commit_flush_at, DeadlineReason::CommitFlush);
        soonest.bring_forward(self.transfer.as_ref().map(Transfer::deadline), DeadlineReason::Transfer);
        soonest.bring_forward(state.stalls_at(), DeadlineReason::DiskStall);
        // This runs after every step. Almost always a quorum has answered recently, and checking
        // that is cheaper than computing the exact time at which the leader must step down.
        let (voters, lease) = (state.membership.voters(), state.settings.leader_lease_timeout());
        let lasts = |last_contact: Time| soonest.at < last_contact + lease;
        let all = !voters.is_empty() && self.peers.iter().all(|peer| lasts(peer.progress.last_contact));
        if all || voters.is_quorum(|node| lasts(self.last_contact(node))) {
            return soonest;
        }
        soonest.bring_forward(self.deposed_at(state), DeadlineReason::Lease);
        soonest
    }

    /// Returns the time at which the leader must step down if no more responses arrive (thesis §6.2). A
    /// response counts as a contact at the time at which its request was sent, because a slow response does not
    /// prove that the follower still follows now.
    fn deposed_at(&self, state: &NodeState) -> Time {
        let quorum = state.membership.voters().agreed(|node| self.last_contact(node)).unwrap_or(Time(0));
        quorum + state.settings.leader_lease_timeout()
    }

    /// Returns the time of the last contact with a server. The leader is always in contact with
    /// itself.
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

    /// Appends entries with these payloads, and sends these entries to the followers.
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

    /// Handles a durable write. From now on, the leader counts its own copy of the written entries (thesis
    /// §10.2.1).
    pub(crate) fn on_persisted(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) -> Transition {
        self.advance_commit(state, now, fx)
    }

    /// Makes the next heartbeat earlier if the new heartbeat interval is shorter than the old interval.
    pub(crate) fn on_reload(&mut self, state: &NodeState, now: Time) {
        self.heartbeat_at = self.heartbeat_at.min(now + state.settings.heartbeat_interval());
    }

    /// Ends all waiting reads, the transfer and the staging, because this server no longer leads. Also
    /// answers the requests for these reads, for the transfer and for the staging.
    pub(crate) fn resign(&mut self, fx: &mut Effects) {
        self.fail_reads(fx);
        self.end_transfer(None, fx);
        self.abort_staging(fx);
    }
}
