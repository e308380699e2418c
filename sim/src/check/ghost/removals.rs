//! The servers that a leader has removed, and the messages that the leader has sent to these servers since
//! the removal.

use super::Limits;
use crate::plan::server_set::ServerSet;
use wavetank_raft::{AppendEntries, Index, NodeId, Time};

/// The servers that a leader has recently removed. The leader may not have committed the removal yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Removals {
    recent: Vec<Removal>,
}

/// The removal of one server. The leader has appended the removal, and may have committed the removal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Removal {
    pub(crate) node: NodeId,
    /// The index of the configuration without the server.
    pub(crate) at: Index,
    /// The time at which the leader committed the removal, on the clock of the leader.
    committed: Option<Time>,
    /// The time at which the leader first knew that the removal is committed and that the server has
    /// acknowledged the removal, on the clock of the leader.
    acknowledged: Option<Time>,
    /// The number of appends and heartbeats that the leader has sent to the server since the commit.
    pub(crate) messages: u64,
    /// True if an append or heartbeat to the server had a commit index that includes the removal.
    pub(crate) is_told: bool,
}

impl Removal {
    /// True if the server has the entry of its removal, and the leader has known for two heartbeat intervals
    /// that the server has this entry.
    pub(crate) fn is_acknowledged(&self, now: Time, limits: &Limits) -> bool {
        self.acknowledged.is_some_and(|at| at + limits.heartbeat_interval.times(2) < now)
    }
}

impl Removals {
    /// The number of heartbeat intervals within which a leader must have sent a few heartbeats.
    const INTERVALS: u64 = 6;

    pub(crate) fn clear(&mut self) {
        self.recent.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.recent.is_empty()
    }

    /// Records that the configuration at index `at` changes the members from `was` to `now`. Forgets the
    /// removals of servers that are members again.
    pub(crate) fn configured(&mut self, was: ServerSet, now: ServerSet, at: Index) {
        let is_member = |node| now.iter().any(|idx| idx.node() == node);
        self.recent.retain(|removal| !is_member(removal.node));
        let new =
            |node| Removal { node, at, committed: None, acknowledged: None, messages: 0, is_told: false };
        self.recent.extend(was.minus(now).iter().map(|idx| new(idx.node())));
    }

    /// Records the commit index of the leader, and the leader's match index of each removed server.
    pub(crate) fn stepped(&mut self, now: Time, commit: Index, matched: impl Fn(NodeId) -> Index) {
        for removal in self.recent.iter_mut().filter(|removal| removal.at <= commit) {
            removal.committed.get_or_insert(now);
            if removal.at <= matched(removal.node) {
                removal.acknowledged.get_or_insert(now);
            }
        }
    }

    /// Records an append or a heartbeat to a server.
    pub(crate) fn sent(&mut self, to: NodeId, append: &AppendEntries) {
        for removal in self.recent.iter_mut().filter(|removal| removal.node == to) {
            removal.messages += u64::from(removal.committed.is_some());
            removal.is_told |= removal.at <= append.leader_commit;
        }
    }

    /// Removes and returns a removal after which the leader had time for a few heartbeats.
    pub(crate) fn take_old(&mut self, now: Time, limits: &Limits) -> Option<Removal> {
        let span = limits.heartbeat_interval.times(Self::INTERVALS);
        let is_old = |removal: &Removal| removal.committed.is_some_and(|at| at + span < now);
        let place = self.recent.iter().position(is_old)?;
        Some(self.recent.swap_remove(place))
    }
}
