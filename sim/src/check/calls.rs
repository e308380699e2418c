//! Checks of the calls of clients and operators: what was asked, and what became of it.

pub(crate) mod barrier_is_fresh;
pub(crate) mod call_is_carried_out;
pub(crate) mod entries_arrive_unchanged;
pub(crate) mod refused_for_a_reason;
