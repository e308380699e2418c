//! Checks of logs, and of the progress records that leaders keep of followers.

pub(crate) mod appends_are_limited;
pub(crate) mod leader_append_only;
pub(crate) mod log_is_written;
pub(crate) mod log_matching;
pub(crate) mod match_is_true;
pub(crate) mod progress_is_sane;
