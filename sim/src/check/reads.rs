//! Checks of reads and leases.

pub(crate) mod lease_exclusivity;
pub(crate) mod lease_rests_on_promises;
pub(crate) mod read_index_bound;
pub(crate) mod verified_leader;
