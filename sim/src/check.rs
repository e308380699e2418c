//! The judges: one property a file, called only when something it watches has changed.
//!
//! A check looks at the [`Ledger`] and answers with a sentence if its property does not hold. Nothing
//! here moves the world, and nothing is kept but counts. A new check is a file with a `CHECK` in it, and
//! a line in the list below.

use crate::ledger::{Facts, Ledger};
use crate::plan::Plan;
use std::fmt;

mod every_call_ends;
mod judges;
pub mod progress;
#[cfg(test)]
pub(crate) mod tale;

pub use judges::Judges;

macro_rules! checks {
    ($($name:ident),* $(,)?) => {
        $(pub(crate) mod $name;)*

        /// All checks, in the order in which they look.
        static CHECKS: [Check; [$(stringify!($name)),*].len()] = [$($name::CHECK),*];

        #[test]
        fn a_check_has_the_name_of_its_file() {
            assert_eq!(CHECKS.map(|check| check.name), [$(stringify!($name)),*]);
        }
    };
}

// The more a property says about what went wrong, the earlier it looks: the first one to speak
// is the one that is reported.
checks! {
    recovered_log_is_whole,
    synced_data_is_kept,
    recovery_covers_exposure,
    persist_before_send,
    silent_after_disk_error,
    stops_for_a_reason,
    vote_once_per_term,
    pre_vote_is_free,
    vote_is_justified,
    promised_silence_is_kept,
    only_voters_campaign,
    leader_has_quorum,
    election_safety,
    leader_completeness,
    leader_is_obeyed,
    term_monotonic,
    transfer_discipline,
    stale_is_inert,
    leader_append_only,
    log_matching,
    committed_never_dropped,
    committed_prefix_immutable,
    snapshot_install,
    log_is_written,
    match_is_true,
    progress_is_sane,
    one_change_at_a_time,
    change_after_own_commit,
    legal_transition,
    configurations_overlap,
    configuration_is_latest_in_log,
    only_voters_count,
    commit_is_bounded,
    commit_own_term_only,
    committed_is_durable_on_quorum,
    follower_commit_is_verified,
    state_machine_safety,
    committed_configuration_agrees,
    applied_not_beyond_commit,
    applied_is_durable,
    state_digest,
    snapshot_is_committed_prefix,
    compaction_follows_snapshot,
    verified_leader,
    read_index_bound,
    lease_exclusivity,
}

/// What a check does when one of the facts that it watches is there: it counts what it judges, and
/// says what is wrong.
type Judge = fn(&Ledger, Facts, witnessed: &mut u64) -> Option<String>;

/// A property that is looked at after every observation that could break it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    /// The name of its file.
    pub(crate) name: &'static str,
    /// Where the property is stated.
    pub(crate) section: &'static str,
    /// The least selection that it is part of.
    pub(crate) column: Column,
    /// The facts without which it need not look.
    watches: Facts,
    /// It judges only runs in which clocks keep the bound that leases assume.
    bounded_clocks: bool,
    judge: Judge,
}

impl Check {
    const fn new(
        name: &'static str,
        section: &'static str,
        column: Column,
        watches: Facts,
        judge: Judge,
    ) -> Self {
        Self { name, section, column, watches, bounded_clocks: false, judge }
    }

    const fn with_bounded_clocks(mut self) -> Self {
        self.bounded_clocks = true;
        self
    }

    /// Whether it looks in a run of this kind.
    fn is_wanted(&self, options: &Options) -> bool {
        let clocks = !self.bounded_clocks || options.clocks == Clocks::Bounded;
        clocks && self.column <= options.column
    }
}

/// The sentence of a check whose property does not hold.
// Formatting is for the one time that something is wrong; it must not be in the way before.
#[cold]
fn say(words: fmt::Arguments<'_>) -> Option<String> {
    Some(words.to_string())
}

/// How much is judged. Each column holds the ones before it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
pub enum Column {
    /// What anybody could see from outside: two leaders, two truths, no progress.
    Outcomes,
    /// And what the harness's own memory shows.
    Ghosts,
    /// And every rule of the protocol, step by step.
    #[default]
    Steps,
}

/// Whether clocks keep the bound that leases assume.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
pub enum Clocks {
    /// They drift no more than the configuration says, and nobody sets them.
    #[default]
    Bounded,
    /// They may do anything: leases show nothing.
    Unbounded,
}

/// What the judges of a run have to know of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Options {
    /// How much is judged.
    pub column: Column,
    /// Whether leases may be judged.
    pub clocks: Clocks,
    /// What progress is demanded once the world is healed.
    pub patience: progress::Patience,
}

impl Options {
    /// What may be judged of a run by this plan, as far as its servers keep to it.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let jumps = plan.nemesis.scheduled.keys().any(|kind| kind.breaks_leases());
        let apart = 2 * u64::from(plan.clocks.drift_ppm);
        let bounded = !jumps && apart <= plan.config.lease_clock_drift_ppm;
        Self {
            column: plan.judges,
            clocks: if bounded { Clocks::Bounded } else { Clocks::Unbounded },
            patience: progress::Patience {
                election_timeout: plan.election_timeout(),
                timeouts: Plan::LIVENESS_TIMEOUTS,
                slack: Plan::LIVENESS_TIMEOUTS / 4,
                changes_most: (!plan.config.pre_vote_disabled).then_some(1),
            },
        }
    }
}
