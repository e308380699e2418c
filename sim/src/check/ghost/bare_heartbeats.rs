//! The bare heartbeats of a leader. A server of HashiCorp Raft answers a bare heartbeat even while the state
//! machine of the server works.

use wavetank_raft::{NodeId, Span, Time};

/// For each server of HashiCorp Raft to which a leader sends appends: the last bare heartbeat
/// ([`is_bare_heartbeat`](wavetank_raft::AppendEntries::is_bare_heartbeat)). All times are times on the
/// leader's clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct BareHeartbeats(Vec<Beat>);

#[derive(Clone, Copy, Debug)]
struct Beat {
    to: NodeId,
    /// The time of the last bare heartbeat. Before the first bare heartbeat: the time of the first append.
    /// After a change of the heartbeat interval: the time at which the old interval ends.
    last: Time,
    /// The time of the first append that was sent although a bare heartbeat was overdue. `None` if no bare
    /// heartbeat is overdue.
    overdue: Option<Time>,
}

impl BareHeartbeats {
    /// Forgets all heartbeats.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Records an append. `interval` is the time from one heartbeat to the next.
    pub(crate) fn sent(&mut self, to: NodeId, is_bare: bool, now: Time, interval: Span) {
        let Some(beat) = self.0.iter_mut().find(|beat| beat.to == to) else {
            return self.0.push(Beat { to, last: now, overdue: None });
        };
        if is_bare {
            (beat.last, beat.overdue) = (now, None);
        } else if beat.last + interval + interval < now {
            beat.overdue.get_or_insert(now);
        }
    }

    /// Records that the time between heartbeats has changed. The next heartbeat still has the old interval.
    pub(crate) fn reloaded(&mut self, now: Time, old_interval: Span) {
        for beat in &mut self.0 {
            (beat.last, beat.overdue) = (now + old_interval, None);
        }
    }

    /// Returns a server to which the leader sends appends but no bare heartbeats, and the time of the last
    /// bare heartbeat. Returns `None` if there is no such server. The leader may send other appends for two
    /// intervals before an overdue bare heartbeat, because a leader that was paused sends other appends
    /// first.
    pub(crate) fn missing(&self, now: Time, interval: Span) -> Option<(NodeId, Time)> {
        let is_missing = |beat: &&Beat| beat.overdue.is_some_and(|since| since + interval + interval < now);
        self.0.iter().find(is_missing).map(|beat| (beat.to, beat.last))
    }
}
