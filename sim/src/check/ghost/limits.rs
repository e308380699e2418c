//! The server settings that the checks need.

use wavetank_raft::{Server, Span};

/// The server settings that the checks need.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Limits {
    /// The maximum number of entries in one AppendEntries request.
    pub(crate) append_entries: u64,
    /// The maximum number of bytes in one AppendEntries request with several entries. A request with one
    /// entry may be larger.
    pub(crate) append_bytes: u64,
    /// The maximum number of unanswered AppendEntries requests with entries for one follower.
    pub(crate) inflight: u64,
    /// The number of old entries that stay in the log after a compaction.
    pub(crate) trailing_logs: u64,
    /// A snapshot is due when the log has at least this number of entries after the last snapshot.
    pub(crate) snapshot_threshold: u64,
    /// The minimum time between two tests whether a snapshot is due. The maximum time is twice as long.
    pub(crate) snapshot_interval: Span,
    /// The election timeout. A staged server has caught up when a catch-up round takes less than this time.
    pub(crate) election_timeout: Span,
    /// The maximum number of catch-up rounds.
    pub(crate) catch_up_rounds: u64,
    /// The length of a lease.
    pub(crate) lease: Span,
    /// The time from one heartbeat of a leader to the next.
    pub(crate) heartbeat_interval: Span,
}

impl Limits {
    /// Returns the limits in the current settings of a server.
    #[must_use]
    pub(crate) fn of(server: &Server) -> Self {
        let settings = server.node().settings();
        Self {
            append_entries: settings.max_append_entries,
            append_bytes: settings.max_append_bytes,
            inflight: settings.max_inflight,
            trailing_logs: settings.trailing_logs,
            snapshot_threshold: settings.snapshot_threshold,
            snapshot_interval: settings.snapshot_interval(),
            election_timeout: settings.election_timeout(),
            catch_up_rounds: settings.max_catch_up_rounds,
            lease: settings.lease(),
            heartbeat_interval: settings.heartbeat_interval(),
        }
    }
}
