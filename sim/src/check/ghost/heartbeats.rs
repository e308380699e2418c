//! The heartbeats of a leader.

use crate::plan::server_set::{ServerIdx, ServerSet};
use wavetank_raft::{NodeId, Span, Time};

/// For each other member of the cluster, the last heartbeat of a leader. All times are on the leader's clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heartbeats(Vec<Heartbeat>);

#[derive(Clone, Copy, Debug)]
struct Heartbeat {
    to: NodeId,
    /// The time of the last heartbeat. Before the first heartbeat, the time at which a timer of the leader
    /// first fired after the server became a member. After a change of the interval, the time at which the
    /// next heartbeat is due.
    last: Time,
    /// The first time at which a timer of the leader fired while the next heartbeat was overdue. A heartbeat
    /// is overdue when two intervals have passed since `last`. `None` if no timer has fired since then.
    overdue: Option<Time>,
}

impl Heartbeats {
    /// Forgets all heartbeats.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Records a heartbeat.
    pub(crate) fn sent(&mut self, to: NodeId, now: Time) {
        let sent = Heartbeat { to, last: now, overdue: None };
        match self.0.iter_mut().find(|heartbeat| heartbeat.to == to) {
            Some(heartbeat) => *heartbeat = sent,
            None => self.0.push(sent),
        }
    }

    /// Records that a timer of the leader fired, and that the leader has these other members. `interval` is the time
    /// from one heartbeat to the next.
    pub(crate) fn timer_fired(&mut self, now: Time, interval: Span, members: ServerSet) {
        self.0.retain(|heartbeat| ServerIdx::of(heartbeat.to).is_some_and(|to| members.contains(to)));
        for member in members.iter().map(ServerIdx::node) {
            match self.0.iter_mut().find(|heartbeat| heartbeat.to == member) {
                Some(heartbeat) if heartbeat.last + interval + interval < now => {
                    heartbeat.overdue.get_or_insert(now);
                }
                Some(_) => {}
                None => self.sent(member, now),
            }
        }
    }

    /// Records that the time between heartbeats has changed. The next heartbeat still comes after the old interval.
    pub(crate) fn reloaded(&mut self, now: Time, old_interval: Span) {
        for heartbeat in &mut self.0 {
            (heartbeat.last, heartbeat.overdue) = (now + old_interval, None);
        }
    }

    /// Returns a member whose next heartbeat has been overdue for more than two intervals, and the time of
    /// the last heartbeat. The leader has these two intervals because its process may have been stopped. When
    /// the process continues, other timers may fire before the timer of the heartbeat. Returns `None` if
    /// there is no such member.
    pub(crate) fn missing(&self, now: Time, interval: Span) -> Option<(NodeId, Time)> {
        let is_missing =
            |heartbeat: &&Heartbeat| heartbeat.overdue.is_some_and(|since| since + interval + interval < now);
        self.0.iter().find(is_missing).map(|heartbeat| (heartbeat.to, heartbeat.last))
    }
}
