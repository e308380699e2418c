//! Checks of elections: terms, votes and leaders.

pub(crate) mod election_safety;
pub(crate) mod leader_has_quorum;
pub(crate) mod leader_is_obeyed;
pub(crate) mod leaders_send_heartbeats;
pub(crate) mod new_disk_catches_up;
pub(crate) mod only_voters_campaign;
pub(crate) mod pre_vote_is_free;
pub(crate) mod promised_silence_is_kept;
pub(crate) mod stale_is_inert;
pub(crate) mod term_monotonic;
pub(crate) mod terms_begin_with_candidates;
pub(crate) mod transfer_discipline;
pub(crate) mod vote_is_justified;
pub(crate) mod vote_once_per_term;
