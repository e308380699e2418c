//! The time at which a server's snapshot became due, and the time after which this snapshot is late.

use super::{Limits, ServerView};
use wavetank_raft::{Index, Span, Time};

/// The time at which a snapshot of a server became due.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DueSnapshot {
    /// True while the state machine takes a snapshot.
    pub(crate) in_progress: bool,
    /// The time at which a snapshot became due, on the clock of the server. `None` if no snapshot is due, or
    /// if a snapshot is in progress.
    since: Option<Time>,
    /// The longest snapshot interval in the settings of the server since the server started.
    longest: Span,
}

impl DueSnapshot {
    /// The number of snapshot intervals within which a server must have tested whether a snapshot is due.
    const INTERVALS: u64 = 2;

    /// Records the settings of the server. With new settings, the server still waits for the end of the old
    /// interval before the server tests again whether a snapshot is due.
    pub(crate) fn set(&mut self, limits: &Limits) {
        self.longest = self.longest.max(limits.snapshot_interval);
        self.since = None;
    }

    /// True if a snapshot has been due for so long that the server should have taken the snapshot.
    pub(crate) fn is_late(&self, now: Time) -> bool {
        self.since.is_some_and(|since| since + self.longest.times(Self::INTERVALS) < now)
    }

    /// Records a step of the server. `handed` is the index of the last entry that the server's state machine
    /// has received.
    pub(crate) fn stepped(&mut self, now: Time, view: &ServerView, handed: Index, limits: &Limits) {
        let grown = view.last.index.since(view.snapshot.index);
        let is_due = !self.in_progress && view.snapshot.index < handed && limits.snapshot_threshold <= grown;
        self.since = if is_due { self.since.or(Some(now)) } else { None };
    }
}
