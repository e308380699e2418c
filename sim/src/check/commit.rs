//! Checks of the entries that are committed and applied.

pub(crate) mod applied_is_durable;
pub(crate) mod applied_not_beyond_commit;
pub(crate) mod commit_is_bounded;
pub(crate) mod commit_own_term_only;
pub(crate) mod committed_is_durable_on_quorum;
pub(crate) mod committed_never_dropped;
pub(crate) mod committed_prefix_immutable;
pub(crate) mod follower_commit_is_verified;
pub(crate) mod leader_completeness;
pub(crate) mod state_digest;
pub(crate) mod state_machine_safety;
