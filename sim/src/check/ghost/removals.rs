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
    /// The time on the leader's clock at which the leader committed the removal. `None` if the removal is not
    /// committed.
    committed: Option<Time>,
    /// The time on the leader's clock at which the leader first knew that the removal is committed and that
    /// the removed server has the entry of the removal. `None` if the leader does not know this yet.
    acknowledged: Option<Time>,
    /// The number of appends and heartbeats that the leader has sent to the removed server since the leader
    /// committed the removal.
    pub(crate) messages: u64,
    /// True if the leader sent the removed server an append or heartbeat with a commit index that includes
    /// the removal.
    pub(crate) is_told: bool,
}

impl Removal {
    /// True if the leader has known for two heartbeat intervals that the removal is committed and that the
    /// removed server has the entry of the removal.
    pub(crate) fn is_acknowledged(&self, now: Time, limits: &Limits) -> bool {
        self.acknowledged.is_some_and(|at| at + limits.heartbeat_interval.times(2) < now)
    }
}

impl Removals {
    /// The number of heartbeat intervals after which a leader has had time for a few heartbeats.
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

    /// Records an append or a heartbeat that the leader sends to the server `to`.
    pub(crate) fn sent(&mut self, to: NodeId, append: &AppendEntries) {
        for removal in self.recent.iter_mut().filter(|removal| removal.node == to) {
            removal.messages += u64::from(removal.committed.is_some());
            removal.is_told |= removal.at <= append.leader_commit;
        }
    }

    /// Removes and returns a removal after which the leader has had time for a few heartbeats. Returns `None`
    /// if there is no such removal.
    pub(crate) fn take_old(&mut self, now: Time, limits: &Limits) -> Option<Removal> {
        let span = limits.heartbeat_interval.times(Self::INTERVALS);
        let is_old = |removal: &Removal| removal.committed.is_some_and(|at| at + span < now);
        let place = self.recent.iter().position(is_old)?;
        Some(self.recent.swap_remove(place))
    }
}
