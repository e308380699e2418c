//! Checks of membership changes.

pub(crate) mod change_after_own_commit;
pub(crate) mod committed_configuration_agrees;
pub(crate) mod configuration_is_latest_in_log;
pub(crate) mod configurations_overlap;
pub(crate) mod legal_transition;
pub(crate) mod observers_are_told;
pub(crate) mod one_change_at_a_time;
pub(crate) mod only_voters_count;
pub(crate) mod removed_server_is_told;
pub(crate) mod staged_voter_catches_up;
pub(crate) mod voters_can_take_the_log;
