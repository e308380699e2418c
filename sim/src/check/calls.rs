//! Checks of calls from clients and operators: each call has the requested effect and the right answer.

pub(crate) mod barrier_is_fresh;
pub(crate) mod call_is_carried_out;
pub(crate) mod entries_arrive_unchanged;
pub(crate) mod refused_for_a_reason;
