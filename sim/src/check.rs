//! The checks. Each file in the folder of a theme, for example `election`, contains one property. A check
//! runs only after an observation with a fact that the check watches.
//!
//! A check reads the ghost state and returns a message if its property is violated. A check changes nothing
//! in the world and keeps only the number of cases that the check has judged. A check names the parts of a
//! server's state that the check needs. The check is off if a server in the run does not show all of these
//! parts. To add a check, write a file with a `CHECK` in the folder of its theme, and add a line to the list
//! `CHECKS` in this file. The compiler reports a `CHECK` that is not in the list.

pub(crate) mod calls;
pub(crate) mod commit;
mod conduct;
pub mod coverage;
pub(crate) mod election;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod ghost;
mod judges;
pub mod liveness;
pub(crate) mod log;
pub(crate) mod membership;
pub mod membership_stats;
pub(crate) mod reads;
pub(crate) mod snapshot;
pub(crate) mod storage;

use crate::check::ghost::{Facts, Ghost};
use crate::check::liveness::progress;
use crate::observe::requests;
use crate::plan::Plan;
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use std::fmt;
use wavetank_raft::HardState;

pub use judges::Judges;

/// All checks except `conduct`, `every_call_ends` and `progress`, in the order in which they run. Only the
/// first violation is reported, so a check that is closer to the cause of a bug runs earlier.
static CHECKS: [Check; 63] = [
    storage::recovered_log_is_whole::CHECK,
    storage::recovered_term_covers_log::CHECK,
    storage::synced_data_is_kept::CHECK,
    storage::recovery_covers_promises::CHECK,
    storage::persist_before_send::CHECK,
    storage::silent_after_disk_error::CHECK,
    storage::stops_for_a_reason::CHECK,
    election::vote_once_per_term::CHECK,
    election::pre_vote_is_free::CHECK,
    election::vote_is_justified::CHECK,
    election::promised_silence_is_kept::CHECK,
    election::only_voters_campaign::CHECK,
    election::new_disk_catches_up::CHECK,
    election::leader_has_quorum::CHECK,
    election::election_safety::CHECK,
    commit::leader_completeness::CHECK,
    election::leader_is_obeyed::CHECK,
    election::term_monotonic::CHECK,
    election::terms_begin_with_candidates::CHECK,
    election::transfer_discipline::CHECK,
    election::stale_is_inert::CHECK,
    log::leader_append_only::CHECK,
    log::log_matching::CHECK,
    commit::committed_never_dropped::CHECK,
    commit::committed_prefix_immutable::CHECK,
    snapshot::snapshot_install::CHECK,
    log::log_is_written::CHECK,
    log::match_is_true::CHECK,
    log::progress_is_sane::CHECK,
    membership::one_change_at_a_time::CHECK,
    membership::change_after_own_commit::CHECK,
    membership::legal_transition::CHECK,
    membership::voters_can_take_the_log::CHECK,
    membership::configurations_overlap::CHECK,
    membership::configuration_is_latest_in_log::CHECK,
    membership::only_voters_count::CHECK,
    membership::observers_are_told::CHECK,
    commit::commit_is_bounded::CHECK,
    commit::commit_own_term_only::CHECK,
    commit::committed_is_durable_on_quorum::CHECK,
    commit::follower_commit_is_verified::CHECK,
    commit::state_machine_safety::CHECK,
    membership::committed_configuration_agrees::CHECK,
    commit::applied_not_beyond_commit::CHECK,
    commit::applied_is_durable::CHECK,
    commit::state_digest::CHECK,
    snapshot::snapshot_is_committed_prefix::CHECK,
    snapshot::compaction_follows_snapshot::CHECK,
    snapshot::failed_load_stops::CHECK,
    snapshot::snapshot_is_taken_when_due::CHECK,
    snapshot::log_is_compacted::CHECK,
    log::appends_are_limited::CHECK,
    election::leaders_send_heartbeats::CHECK,
    membership::staged_voter_catches_up::CHECK,
    membership::removed_server_is_told::CHECK,
    calls::refused_for_a_reason::CHECK,
    calls::call_is_carried_out::CHECK,
    calls::entries_arrive_unchanged::CHECK,
    calls::barrier_is_fresh::CHECK,
    reads::verified_leader::CHECK,
    reads::read_index_bound::CHECK,
    reads::lease_rests_on_promises::CHECK,
    reads::lease_exclusivity::CHECK,
];

/// The function of a check. The function runs after an observation with a fact that the check watches. The
/// function adds the number of judged cases to `witnessed`, and returns a message if the property is
/// violated.
type JudgeFn = fn(&Ghost, Facts, witnessed: &mut u64) -> Option<String>;

/// A property that is checked after every observation that could break the property.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    /// The name of the check, which is also the name of its file.
    pub(crate) name: &'static str,
    /// The source of the property, for example sections of the thesis or a part of HashiCorp Raft.
    pub(crate) section: &'static str,
    /// The lowest level of judges that includes this check.
    pub(crate) level: JudgeLevel,
    /// The facts that make this check run.
    watches: Facts,
    /// The parts of a server's state that the check reads. The check is off if a server in the run does not
    /// show all of these parts.
    pub(crate) needs: Parts,
    /// True if the check judges only runs in which clocks keep the bound that leases assume.
    bounded_clocks: bool,
    judge: JudgeFn,
}

impl Check {
    const fn new(
        name: &'static str,
        section: &'static str,
        level: JudgeLevel,
        watches: Facts,
        judge: JudgeFn,
    ) -> Self {
        Self { name, section, level, watches, needs: Parts::ALL, bounded_clocks: false, judge }
    }

    const fn needing(mut self, needs: Parts) -> Self {
        self.needs = needs;
        self
    }

    const fn with_bounded_clocks(mut self) -> Self {
        self.bounded_clocks = true;
        self
    }

    /// True if the check runs with these options.
    fn is_enabled(&self, options: &Options) -> bool {
        let clocks = !self.bounded_clocks || options.clocks == ClockBound::Bounded;
        clocks && self.level <= options.level
    }
}

/// Returns this sentence as the message of a violated property. Replaces each request id with the name of the
/// request. Never returns `None`.
// Only a failing run formats a message, so the compiler keeps this code out of the hot path.
#[cold]
fn violated(sentence: fmt::Arguments<'_>) -> Option<String> {
    Some(requests::with_names(&sentence.to_string()))
}

/// Returns a text with a term and the vote in this term, for messages.
#[cold]
pub(crate) fn vote_record(HardState { term, vote }: HardState) -> String {
    vote.map_or_else(|| format!("{term} without a vote"), |vote| format!("{term} with a vote for {vote}"))
}

/// Tells whether the clocks of a run keep the bound on which leases rely. The bound limits the rate at which
/// two clocks move apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
pub enum ClockBound {
    /// Clocks drift at most as much as the configuration allows, and no clock jumps.
    #[default]
    Bounded,
    /// Clocks may drift more than the configuration allows, or jump. Leases then guarantee nothing.
    Unbounded,
}

/// The options of a run: the checks that run, and the bounds for the progress of the run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Options {
    /// The highest level of the checks that run.
    pub level: JudgeLevel,
    /// The behaviour of the clocks. This behaviour decides whether leases are judged.
    pub clocks: ClockBound,
    /// The progress that is required after all faults have ended.
    pub liveness: progress::LivenessBounds,
}

impl Options {
    /// Derives the options from a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let jumps = plan.nemesis.scheduled.keys().any(|kind| kind.breaks_leases());
        // Two clocks that drift in opposite directions move apart twice as fast.
        let apart = 2 * u64::from(plan.clocks.drift_ppm);
        let bounded = !jumps && apart <= plan.config.lease_clock_drift_ppm;
        Self {
            level: plan.judges,
            clocks: if bounded { ClockBound::Bounded } else { ClockBound::Unbounded },
            liveness: progress::LivenessBounds {
                election_timeout: plan.election_timeout(),
                timeouts: Plan::LIVENESS_TIMEOUTS,
                slack: Plan::LIVENESS_TIMEOUTS / 4,
                changes_most: (!plan.config.pre_vote_disabled).then_some(1),
                has_time_to_elect: plan.has_time_to_elect(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_check_has_the_name_of_its_file() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/check");
        for check in CHECKS {
            let is_there =
                std::fs::read_dir(&folder).expect("the folder of the checks can be read").any(|theme| {
                    theme.expect("its entries too").path().join(check.name).with_extension("rs").exists()
                });
            assert!(is_there, "no file is named `{}`", check.name);
        }
    }
}
