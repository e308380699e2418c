//! All checks together. Which of them look is found by what happened, not by asking each: of some
//! forty a step concerns three or four, and most observations concern none.

use super::every_call_ends::EveryCallEnds;
use super::progress::Progress;
use super::{Check, Facts, Ledger, Options};
use crate::observe::{Observation, Seen};
use crate::report::{Class, Violation};
use crate::sometimes::Sometimes;
use crate::watch::Watch;
use std::collections::BTreeMap;
use wavetank_raft::Time;

/// A check that spoke.
struct Spoke {
    name: &'static str,
    section: &'static str,
    what: String,
}

macro_rules! checks {
    ($($field:ident: $check:ident),* $(,)?) => {
        /// One field a check, in the order in which they look.
        #[derive(Debug, Default)]
        struct Checks {
            $($field: super::$field::$check,)*
        }

        impl Checks {
            const COUNT: usize = [$(<super::$field::$check as Check>::NAME),*].len();

            /// What each looks for.
            const WATCHES: [Facts; Self::COUNT] = [$(<super::$field::$check as Check>::WATCHES),*];

            /// How each is asked.
            const LOOKS: [Look; Self::COUNT] = [$(
                |checks, ledger, facts| {
                    let breach = checks.$field.judge(ledger, facts)?;
                    Some(spoke::<super::$field::$check>(&breach))
                },
            )*];

            /// Those that a run of this kind wants, as bits.
            fn wanted(options: &Options) -> u64 {
                let wanted = [$(<super::$field::$check as Check>::wanted(options)),*];
                wanted.iter().rev().fold(0, |bits, &wanted| bits << 1 | u64::from(wanted))
            }

            /// The names of those that a run of this kind wants.
            fn names(options: &Options) -> Vec<&'static str> {
                let mut names = Vec::new();
                $(if <super::$field::$check as Check>::wanted(options) {
                    names.push(<super::$field::$check as Check>::NAME);
                })*
                names
            }

            fn witnessed(&self, options: &Options) -> BTreeMap<String, u64> {
                let mut counts = BTreeMap::new();
                $(if <super::$field::$check as Check>::wanted(options) {
                    counts.insert(
                        <super::$field::$check as Check>::NAME.to_owned(),
                        self.$field.witnessed(),
                    );
                })*
                counts
            }
        }
    };
}

// The more a property says about what went wrong, the earlier it looks: the first one to speak
// is the one that is reported.
checks! {
    recovered_log_is_whole: RecoveredLogIsWhole,
    synced_data_is_kept: SyncedDataIsKept,
    recovery_covers_exposure: RecoveryCoversExposure,
    persist_before_send: PersistBeforeSend,
    silent_after_disk_error: SilentAfterDiskError,
    stops_for_a_reason: StopsForAReason,
    vote_once_per_term: VoteOncePerTerm,
    pre_vote_is_free: PreVoteIsFree,
    vote_is_justified: VoteIsJustified,
    promised_silence_is_kept: PromisedSilenceIsKept,
    only_voters_campaign: OnlyVotersCampaign,
    leader_has_quorum: LeaderHasQuorum,
    election_safety: ElectionSafety,
    leader_completeness: LeaderCompleteness,
    leader_is_obeyed: LeaderIsObeyed,
    term_monotonic: TermMonotonic,
    transfer_discipline: TransferDiscipline,
    stale_is_inert: StaleIsInert,
    leader_append_only: LeaderAppendOnly,
    log_matching: LogMatching,
    committed_never_dropped: CommittedNeverDropped,
    committed_prefix_immutable: CommittedPrefixImmutable,
    snapshot_install: SnapshotInstall,
    log_is_written: LogIsWritten,
    match_is_true: MatchIsTrue,
    progress_is_sane: ProgressIsSane,
    one_change_at_a_time: OneChangeAtATime,
    change_after_own_commit: ChangeAfterOwnCommit,
    legal_transition: LegalTransition,
    configurations_overlap: ConfigurationsOverlap,
    configuration_is_latest_in_log: ConfigurationIsLatestInLog,
    only_voters_count: OnlyVotersCount,
    commit_is_bounded: CommitIsBounded,
    commit_own_term_only: CommitOwnTermOnly,
    committed_is_durable_on_quorum: CommittedIsDurableOnQuorum,
    follower_commit_is_verified: FollowerCommitIsVerified,
    state_machine_safety: StateMachineSafety,
    committed_configuration_agrees: CommittedConfigurationAgrees,
    applied_not_beyond_commit: AppliedNotBeyondCommit,
    applied_is_durable: AppliedIsDurable,
    state_digest: StateDigest,
    snapshot_is_committed_prefix: SnapshotIsCommittedPrefix,
    compaction_follows_snapshot: CompactionFollowsSnapshot,
    verified_leader: VerifiedLeader,
    read_index_bound: ReadIndexBound,
    lease_exclusivity: LeaseExclusivity,
}

/// A check, as all of them are asked.
type Look = fn(&mut Checks, &Ledger, Facts) -> Option<Box<Spoke>>;

impl Checks {
    /// For each fact, those that watch it, as bits in the order in which they look.
    const WATCHERS: [u64; Facts::MOST] = {
        assert!(Self::COUNT <= 64, "one bit a check");
        let mut watchers = [0; Facts::MOST];
        let mut check = 0;
        while check < Self::COUNT {
            let mut fact = 0;
            while fact < Facts::MOST {
                if Self::WATCHES[check].has(fact) {
                    watchers[fact] |= 1 << check;
                }
                fact += 1;
            }
            check += 1;
        }
        watchers
    };

    /// Asks those that are wanted and watch any of the facts.
    fn see(&mut self, ledger: &Ledger, facts: Facts, wanted: u64) -> Option<Box<Spoke>> {
        let mut due = facts.iter().fold(0, |due, fact| due | Self::WATCHERS[fact]) & wanted;
        while due != 0 {
            let next = due.trailing_zeros() as usize;
            due &= due - 1;
            if let Some(spoke) = Self::LOOKS[next](self, ledger, facts) {
                return Some(spoke);
            }
        }
        None
    }
}

// Formatting is for the one time that something is wrong; it must not be in the way before.
#[cold]
fn spoke<C: Check>(breach: &C::Breach) -> Box<Spoke> {
    Box::new(Spoke { name: C::NAME, section: C::SECTION, what: breach.to_string() })
}

impl Watch for Judges {
    #[inline]
    fn see(&mut self, observation: &Observation<'_>) {
        Self::see(self, observation);
    }
}

/// The judges of one run.
#[derive(Debug)]
pub struct Judges {
    options: Options,
    ledger: Ledger,
    checks: Checks,
    wanted: u64,
    calls: EveryCallEnds,
    progress: Progress,
    sometimes: Sometimes,
    verdict: Option<Violation>,
}

impl Judges {
    /// The judges of a run of this kind.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            ledger: Ledger::default(),
            checks: Checks::default(),
            wanted: Checks::wanted(&options),
            calls: EveryCallEnds::new(options.patience.election_timeout),
            progress: Progress::new(options.patience),
            sometimes: Sometimes::default(),
            verdict: None,
        }
    }

    /// Looks at an observation. After the first violation nothing is looked at any more.
    #[inline]
    pub fn see(&mut self, observation: &Observation<'_>) {
        if self.verdict.is_some() {
            return;
        }
        match &observation.seen {
            // What a message says its sender's actions and its receiver's event tell; and what an
            // event does is judged when it is done.
            Seen::Sent { .. } | Seen::Invoked { .. } | Seen::Returned { .. } => {}
            Seen::Stepping { slot, event, clock, .. } => {
                self.ledger.stepping(*slot, event, *clock);
                self.verdict = self.calls.see(observation);
            }
            Seen::Stepped { .. }
            | Seen::Booted { .. }
            | Seen::Crashed { .. }
            | Seen::Paused(_)
            | Seen::Resumed(_)
            | Seen::Halted(_)
            | Seen::Durable { .. }
            | Seen::Applied { .. }
            | Seen::SnapshotTaken { .. }
            | Seen::Restored { .. }
            | Seen::Network(_)
            | Seen::Refused { .. }
            | Seen::Harmed { .. }
            | Seen::Healed { .. } => {
                self.verdict = self.calls.see(observation);
                self.look(observation);
            }
        }
    }

    fn look(&mut self, observation: &Observation<'_>) {
        let facts = self.ledger.see(observation);
        if facts == Facts::NONE {
            return;
        }
        if let Some(spoke) = self.checks.see(&self.ledger, facts, self.wanted) {
            self.verdict = Some(Violation {
                check: spoke.name.to_owned(),
                class: Class::Safety,
                section: spoke.section.to_owned(),
                what: spoke.what,
                at: observation.at,
                step: observation.step,
            });
        }
        self.sometimes.see(&self.ledger, facts);
        self.progress.see(&self.ledger, facts);
    }

    /// The run is over: what should have happened by now must have.
    pub fn end(&mut self, at: Time) {
        if self.verdict.is_some() {
            return;
        }
        if let Some(stuck) = self.progress.end(&self.ledger, at) {
            self.verdict = Some(Violation {
                check: Progress::NAME.to_owned(),
                class: Class::Liveness,
                section: Progress::SECTION.to_owned(),
                what: stuck.to_string(),
                at,
                step: self.ledger.number,
            });
        }
    }

    /// The first property that did not hold.
    #[must_use]
    pub const fn verdict(&self) -> Option<&Violation> {
        self.verdict.as_ref()
    }

    /// How often each check saw what it judges.
    #[must_use]
    pub fn witnessed(&self) -> BTreeMap<String, u64> {
        let mut counts = self.checks.witnessed(&self.options);
        counts.insert(EveryCallEnds::NAME.to_owned(), self.calls.witnessed());
        counts.insert(Progress::NAME.to_owned(), self.progress.witnessed());
        counts
    }

    /// The checks that look in a run of this kind.
    #[must_use]
    pub fn names(options: &Options) -> Vec<&'static str> {
        let mut names = Checks::names(options);
        names.extend([EveryCallEnds::NAME, Progress::NAME]);
        names
    }

    /// How often each thing that should sometimes happen happened.
    #[must_use]
    pub const fn sometimes(&self) -> &Sometimes {
        &self.sometimes
    }

    /// What was demanded after the healing, and how long it took.
    #[must_use]
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What the judges know. For other judges, which may look at the same step.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}
