//! Changes of the membership (thesis chapter 4) and the staging of new voters (§4.2.1).
//!
//! 1. The leader uses a new configuration as soon as the entry with this configuration is appended.
//! 2. A change begins only when the previous change is committed.
//! 3. A change begins only when the leader has committed an entry of its own term.

use super::{Leader, Peer, RemovedPeer};
use crate::configuration::{Change, Configuration};
use crate::entry::Payload;
use crate::node::io::{Effect, Effects, Refusal};
use crate::node::state::NodeState;
use crate::role::leader::progress::Progress;
use crate::types::{Index, LogId, NodeId, RequestId, Time};
use alloc::sync::Arc;

/// The number of heartbeats that a removed server still receives after its removal is committed. From these
/// heartbeats, the server learns of its removal.
const HEARTBEATS_AFTER_REMOVAL: u8 = 10;

/// The staging of a non-voter. The leader makes the non-voter a voter after the non-voter has caught up. A
/// round ends when the non-voter has all entries that the log had at the start of the round (thesis §4.2.1).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(super) struct Staging {
    request: RequestId,
    node: NodeId,
    round: u64,
    target: Index,
    began: Time,
    caught_up: bool,
}

impl Leader {
    /// Handles a request to change the membership.
    pub(crate) fn on_change(
        &mut self,
        state: &mut NodeState,
        change: &Change,
        prev_index: Option<Index>,
        now: Time,
        fx: &mut Effects,
    ) {
        match self.next_configuration(state, change, prev_index) {
            Ok(next) => {
                let first = self.append_configuration(state, next, now, fx);
                fx.push(Effect::Appended { first, count: 1 });
            }
            Err(refusal) => fx.push(Effect::Refused(refusal)),
        }
    }

    fn next_configuration(
        &self,
        state: &NodeState,
        change: &Change,
        prev_index: Option<Index>,
    ) -> Result<Configuration, Refusal> {
        let Some((latest, configuration)) = state.membership.latest() else {
            return Err(Refusal::NotLeader(None));
        };
        if self.transfer.is_some() {
            return Err(Refusal::TransferInProgress);
        }
        if let Some(since) = prev_index.filter(|index| *index != latest) {
            return Err(Refusal::ConfigurationChanged { since, latest });
        }
        // Without this check, two leaders of different terms could each commit a change with
        // majorities that do not overlap (Ongaro, raft-dev, July 2015).
        if !self.has_commit_in_term(state) {
            return Err(Refusal::NoCommitInTerm);
        }
        if state.commit < latest || configuration.is_joint() {
            return Err(Refusal::ChangeInProgress);
        }
        let next = configuration.next(change).map_err(Refusal::Configuration)?;
        if let Some(unsupported) = next.is_joint().then(|| state.unsupported_by(&next)).flatten() {
            return Err(Refusal::Unsupported(unsupported));
        }
        match self.entry_that_may_block(state, &next) {
            Some(past) => Err(Refusal::NeedsSnapshot { past }),
            None => Ok(next),
        }
    }

    /// Returns the index up to which a snapshot is needed before the voters of `next` can commit entries.
    /// Returns `None` if no snapshot is needed. A server of HashiCorp Raft gets a snapshot in place of an entry
    /// that it does not understand. A leader can take this snapshot only after the commit of the entry.
    /// Therefore a quorum of the voters must understand the entry, or must already have this entry.
    fn entry_that_may_block(&self, state: &NodeState, next: &Configuration) -> Option<Index> {
        let past = state.log.last_beyond_hashicorp();
        if past <= state.snapshot.index {
            return None;
        }
        let is_past = |node| self.peer(node).is_some_and(|peer| past <= peer.progress.matched);
        let takes = |node| node == state.id || state.is_wavetank(node) || is_past(node);
        (!next.voters().is_quorum(takes)).then_some(past)
    }

    fn append_configuration(
        &mut self,
        state: &mut NodeState,
        configuration: Configuration,
        now: Time,
        fx: &mut Effects,
    ) -> LogId {
        let first = state.append([Payload::Configuration(Arc::new(configuration))], now, fx);
        self.update_peers(state, now);
        self.drop_lost_target(state, fx);
        self.drop_lost_staging(state, fx);
        self.replicate_to_all(state, now, fx);
        first
    }

    /// Leaves a joint configuration as soon as the joint configuration is committed (thesis §4.3). Another
    /// leader may have appended the joint configuration.
    pub(super) fn leave_joint(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) {
        let Some((index, latest)) = state.membership.latest() else { return };
        if latest.is_joint() && index <= state.commit {
            let next = latest.next(&Change::LeaveJoint).expect("a joint configuration accepts LeaveJoint");
            self.append_configuration(state, next, now, fx);
        }
    }

    /// Adds a record for each new member, and marks the members that were removed.
    pub(super) fn update_peers(&mut self, state: &NodeState, now: Time) {
        let Some((index, latest)) = state.membership.latest() else { return };
        let next = state.log.last().index.next();
        for peer in &mut self.peers {
            let is_member = latest.server(peer.id).is_some();
            // A server that lost entries is a new server once it has no vote.
            peer.progress.has_lost_entries &= latest.voters().contains(peer.id);
            peer.removed = match (is_member, peer.removed) {
                (true, None) if !state.membership.has_moved(peer.id) => None,
                // A server that is added again, or at another address, may have lost its disk, so the old
                // match index of this server is not valid any more.
                (true, Some(_) | None) => {
                    peer.progress = Progress::new(next, now);
                    None
                }
                (false, None) => {
                    peer.progress.end_snapshot();
                    Some(RemovedPeer { since: index, heartbeats_left: HEARTBEATS_AFTER_REMOVAL })
                }
                (false, removed) => removed,
            };
        }
        for member in latest.members().map(|member| member.id.node()) {
            if member != state.id && self.peer(member).is_none() {
                let progress = Progress::new(next, now);
                self.peers.push(Peer { id: member, progress, removed: None });
            }
        }
        self.peers.sort_unstable_by_key(|peer| peer.id);
    }

    /// Drops the record of each removed server after the removal is committed and the last heartbeats to the
    /// server were sent.
    pub(super) fn drop_removed_peers(&mut self, state: &NodeState) {
        for removed in self.peers.iter_mut().filter_map(|peer| peer.removed.as_mut()) {
            if removed.since <= state.commit {
                removed.heartbeats_left = removed.heartbeats_left.saturating_sub(1);
            }
        }
        self.peers.retain(|peer| peer.removed.is_none_or(|removed| 0 < removed.heartbeats_left));
    }

    /// Begins to stage a non-voter. The leader makes the non-voter a voter when the non-voter has caught up.
    pub(crate) fn on_stage(
        &mut self,
        state: &NodeState,
        request: RequestId,
        node: NodeId,
        now: Time,
        fx: &mut Effects,
    ) {
        let peer = self.peer(node).filter(|peer| peer.removed.is_none());
        let Some(peer) = peer.filter(|_| self.staging.is_none()) else {
            let refusal = peer.map_or(Refusal::UnknownTarget(node), |_| Refusal::ChangeInProgress);
            return fx.push(Effect::Staged { request, result: Err(refusal) });
        };
        let target = state.log.last().index;
        // If the server already has all entries and no client proposes, no response would report
        // progress, and the staging would never end.
        let caught_up = target <= peer.progress.matched;
        self.staging = Some(Staging { request, node, round: 1, target, began: now, caught_up });
    }

    /// Handles progress of a follower. A leadership transfer to the follower may continue, and a catch-up
    /// round of the follower may end.
    pub(super) fn on_progress(&mut self, state: &mut NodeState, from: NodeId, now: Time, fx: &mut Effects) {
        self.try_transfer(state, from, fx);
        let Some(peer) = self.peers.iter().find(|peer| peer.id == from) else { return };
        let Some(staging) = self.staging.as_mut().filter(|staging| staging.node == from) else { return };
        if peer.progress.matched < staging.target || staging.caught_up {
            return;
        }
        if now.since(staging.began) < state.settings.election_timeout() {
            staging.caught_up = true;
            self.try_promote(state, now, fx);
        } else if staging.round < state.settings.max_catch_up_rounds {
            staging.round += 1;
            staging.began = now;
            staging.target = state.log.last().index;
            // If nothing was appended during the round, the new round ends at once.
            staging.caught_up = staging.target <= peer.progress.matched;
            if staging.caught_up {
                self.try_promote(state, now, fx);
            }
        } else {
            self.end_staging(Err(Refusal::TooSlow), fx);
        }
    }

    /// Makes the staged server a voter if the staged server has caught up and no other change is in progress.
    /// Ends the staging if a round takes too long.
    pub(super) fn try_promote(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) {
        let Some(staging) = &self.staging else { return };
        let longest = state.settings.election_timeout().times(state.settings.max_catch_up_rounds);
        if !staging.caught_up {
            // A staged server that is down never ends a round. Without this limit, no other server could ever
            // be staged.
            if staging.began + longest < now {
                self.end_staging(Err(Refusal::TooSlow), fx);
            }
            return;
        }
        let Some(member) = state.membership.latest().and_then(|(_, latest)| latest.server(staging.node))
        else {
            return self.end_staging(Err(Refusal::StagingAborted), fx);
        };
        let change = Change::AddVoter(member.id.clone(), member.address.clone());
        match self.next_configuration(state, &change, None) {
            Ok(next) => {
                let at = self.append_configuration(state, next, now, fx);
                self.end_staging(Ok(at), fx);
            }
            Err(Refusal::ChangeInProgress | Refusal::NoCommitInTerm | Refusal::TransferInProgress) => {}
            Err(refusal) => self.end_staging(Err(refusal), fx),
        }
    }

    /// Ends the staging of a server that is no longer a member or has another address. The server may have
    /// lost its disk, so the completed rounds do not count any more.
    fn drop_lost_staging(&mut self, state: &NodeState, fx: &mut Effects) {
        let is_same = |node| {
            let is_member =
                state.membership.latest().is_some_and(|(_, latest)| latest.server(node).is_some());
            is_member && !state.membership.has_moved(node)
        };
        if self.staging.as_ref().is_some_and(|staging| !is_same(staging.node)) {
            self.abort_staging(fx);
        }
    }

    fn end_staging(&mut self, result: Result<LogId, Refusal>, fx: &mut Effects) {
        if let Some(Staging { request, .. }) = self.staging.take() {
            fx.push(Effect::Staged { request, result });
        }
    }

    pub(super) fn abort_staging(&mut self, fx: &mut Effects) {
        self.end_staging(Err(Refusal::StagingAborted), fx);
    }
}
