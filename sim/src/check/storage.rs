//! Checks of storage: a server writes the data of a promise to its disk before the server sends the promise,
//! and a restarted server has all durable data.

pub(crate) mod persist_before_send;
pub(crate) mod recovered_log_is_whole;
pub(crate) mod recovered_term_covers_log;
pub(crate) mod recovery_covers_promises;
pub(crate) mod silent_after_disk_error;
pub(crate) mod stops_for_a_reason;
pub(crate) mod synced_data_is_kept;
