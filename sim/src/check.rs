//! The judges: one property a file, called only when something it watches has changed.
//!
//! A check looks at the [`Ledger`] and answers with its own kind of breach. Nothing here moves the
//! world, and nothing is kept but counts.

use crate::ledger::{Facts, Ledger};
use crate::plan::Plan;
use std::fmt;

pub mod every_call_ends;
mod judges;
pub mod progress;
#[cfg(test)]
pub(crate) mod tale;

macro_rules! rooms {
    ($($room:ident),* $(,)?) => { $(pub mod $room;)* };
}

rooms! {
    applied_is_durable,
    applied_not_beyond_commit,
    change_after_own_commit,
    commit_is_bounded,
    commit_own_term_only,
    committed_configuration_agrees,
    committed_is_durable_on_quorum,
    committed_never_dropped,
    committed_prefix_immutable,
    compaction_follows_snapshot,
    configuration_is_latest_in_log,
    configurations_overlap,
    election_safety,
    follower_commit_is_verified,
    leader_append_only,
    leader_completeness,
    leader_has_quorum,
    leader_is_obeyed,
    lease_exclusivity,
    legal_transition,
    log_is_written,
    log_matching,
    match_is_true,
    one_change_at_a_time,
    only_voters_campaign,
    only_voters_count,
    persist_before_send,
    pre_vote_is_free,
    progress_is_sane,
    promised_silence_is_kept,
    read_index_bound,
    recovered_log_is_whole,
    recovery_covers_exposure,
    silent_after_disk_error,
    snapshot_install,
    snapshot_is_committed_prefix,
    stale_is_inert,
    state_digest,
    state_machine_safety,
    stops_for_a_reason,
    synced_data_is_kept,
    term_monotonic,
    transfer_discipline,
    verified_leader,
    vote_is_justified,
    vote_once_per_term,
}

pub use judges::Judges;

/// A property that is looked at after every observation that could break it.
pub trait Check: Default {
    /// As its file is named.
    const NAME: &'static str;
    /// Where it is stated.
    const SECTION: &'static str;
    /// The least selection that it is part of.
    const COLUMN: Column;
    /// The facts without which it need not look.
    const WATCHES: Facts;
    /// How it can fail.
    type Breach: fmt::Display;

    /// Looks. At least one of the facts is among those it watches.
    fn judge(&mut self, ledger: &Ledger, facts: Facts) -> Option<Self::Breach>;

    /// How often it saw what it judges.
    fn witnessed(&self) -> u64;

    /// Whether a run of this kind wants it.
    #[must_use]
    fn wanted(options: &Options) -> bool {
        Self::COLUMN <= options.column
    }
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
