//! Checks of snapshots.

pub(crate) mod compaction_follows_snapshot;
pub(crate) mod failed_load_stops;
pub(crate) mod log_is_compacted;
pub(crate) mod snapshot_install;
pub(crate) mod snapshot_is_committed_prefix;
pub(crate) mod snapshot_is_taken_when_due;
