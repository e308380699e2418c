//! Leading: what a leader holds, when it acts, and what it refuses.
//!
//! How entries flow is in `replicate`, what is committed in `commit`, and the side jobs have a
//! room each: `change` (membership and staging), `reads`, `snapshot`, `transfer`.

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
    /// A call to campaign has left in this term: whoever obeys it, whenever it arrives, may be
    /// elected inside this leader's lease, so there is no lease any more.
    lease_given_up: bool,
    staging: Option<Staging>,
}

/// A follower, as its leader sees it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    pub(crate) progress: Progress,
    /// It is no longer a member since this index, and is told so for a few heartbeats more.
    removed: Option<RemovedPeer>,
}

/// A member that has left.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct RemovedPeer {
    since: Index,
    heartbeats_left: u8,
}

impl Leader {
    /// Wins the election: all followers are unknown, and an entry of the new term begins it
    /// (thesis §6.4).
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

    /// The soonest of what it waits for.
    pub(crate) fn deadline(&self, state: &NodeState) -> Deadline {
        let mut soonest = Deadline { at: self.heartbeat_at, reason: DeadlineReason::Heartbeat };
        soonest.bring_forward(self.commit_flush_at, DeadlineReason::CommitFlush);
        soonest.bring_forward(self.transfer.as_ref().map(Transfer::deadline), DeadlineReason::Transfer);
        soonest.bring_forward(state.stalls_at(), DeadlineReason::DiskStall);
        // Asked after every step: nearly always everybody was heard lately, or a quorum, which is
        // cheaper to see than when it will be too long ago.
        let (voters, lease) = (state.membership.voters(), state.settings.leader_lease_timeout);
        let lasts = |last_contact: Time| soonest.at < last_contact + lease;
        let all = !voters.is_empty() && self.peers.iter().all(|peer| lasts(peer.progress.last_contact));
        if all || voters.is_quorum(|node| lasts(self.last_contact(node))) {
            return soonest;
        }
        soonest.bring_forward(self.deposed_at(state), DeadlineReason::Lease);
        soonest
    }

    /// When the last quorum that was heard is too long ago (thesis §6.2). Counted from when the
    /// answered calls were sent: an answer that took long to arrive proves nothing newer.
    fn deposed_at(&self, state: &NodeState) -> Time {
        let quorum = state.membership.voters().agreed(|node| self.last_contact(node)).unwrap_or(Time(0));
        quorum + state.settings.leader_lease_timeout
    }

    /// When it was last heard; itself it hears always.
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

    /// Clients want these in the log.
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

    /// A write is on disk: this server's own copy counts (thesis §10.2.1).
    pub(crate) fn on_persisted(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) -> Transition {
        self.advance_commit(state, now, fx)
    }

    /// Knobs changed: a shorter heartbeat interval counts at once.
    pub(crate) fn on_reload(&mut self, state: &NodeState, now: Time) {
        self.heartbeat_at = self.heartbeat_at.min(now + state.settings.heartbeat_interval());
    }

    /// Leadership is over: whoever waits for it hears so.
    pub(crate) fn resign(&mut self, fx: &mut Effects) {
        self.fail_reads(fx);
        self.end_transfer(None, fx);
        self.abort_staging(fx);
    }
}
