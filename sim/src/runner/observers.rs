//! The observers of a run: the judges of the protocol, the counters of the report, the user's checks, and a
//! trace.

use crate::check::membership_stats::MembershipStats;
use crate::check::{Judges, Options};
use crate::observe::observer::Observer;
use crate::observe::refusals::Refusals;
use crate::observe::report::{Report, Violation};
use crate::observe::{Observation, ObservationKind};
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::subject::{Subject, View};
use std::collections::BTreeMap;
use wavetank_raft::{RoleName, Span, Term, Time};

/// Checks that the user adds to the checks of the protocol. These checks observe the run as an [`Observer`].
/// The default implementation finds no violation.
pub trait CustomChecks {
    /// Judges the properties of the whole run. This method is called once, when the run is over.
    fn end(&mut self, _: Time) {}

    /// Returns the first violation that these checks found. Returns `None` if the checks found no violation.
    fn verdict(&self) -> Option<&Violation> {
        None
    }

    /// Returns the number of situations that each check has judged. The key is the name of the check.
    fn witnessed(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }
}

impl CustomChecks for () {}

/// All observers of a run.
#[derive(Debug)]
pub struct Observers<E, T> {
    /// The judges of the protocol.
    pub judges: Judges,
    /// The counters of the report.
    pub tally: Tally,
    /// The statistics of the membership changes.
    pub changes: MembershipStats,
    /// The trace that the run writes.
    pub trace: T,
    /// Checks that the user adds to the checks of the protocol.
    pub custom: E,
    /// The refusals between servers; `None` if the run does not collect refusals.
    pub refusals: Option<Box<Refusals>>,
}

impl<E, T> Observers<E, T> {
    /// Creates the observers for a run with these options.
    #[must_use]
    pub fn new(options: Options, custom: E, trace: T) -> Self {
        let judges = Judges::new(options);
        let (tally, changes) = (Tally::default(), MembershipStats::default());
        Self { judges, tally, changes, trace, custom, refusals: None }
    }
}

impl<E: CustomChecks, T> Observers<E, T> {
    /// Judges the properties of the whole run. `at` is the virtual time at which the run ended.
    pub fn end(&mut self, at: Time) {
        self.judges.end(at);
        self.custom.end(at);
    }

    /// Returns the earliest violation of any check. Returns `None` if no check found a violation.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        let violations = [self.judges.verdict(), self.custom.verdict()];
        violations.into_iter().flatten().min_by_key(|violation| violation.step)
    }

    /// Adds the counters to the report.
    pub fn describe(&self, report: &mut Report) {
        report.elections = self.tally.elections;
        report.commits = self.tally.commits;
        report.witnessed = self.judges.witnessed();
        report.off = self.judges.off();
        report.excluded = self.judges.excluded();
        report.witnessed.extend(self.custom.witnessed());
        report.sometimes = self.judges.sometimes().counts();
        report.membership = self.changes.counts();
        report.situations = self.judges.sometimes().situations().collect();
        report.leaderless.clone_from(&self.tally.leaderless);
    }
}

impl<S: Subject, E: Observer<S>, T: Observer<S>> Observer<S> for Observers<E, T> {
    #[inline(always)]
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        self.judges.on_observation(observation);
        // The judges no longer update the ghost state after a violation, so nothing may read the ghost state.
        if self.judges.verdict().is_none() {
            self.changes.on_observation(observation, self.judges.ghost());
        }
        self.tally.on_observation(observation);
        self.custom.on_observation(observation);
        self.trace.on_observation(observation);
        if let Some(refusals) = &mut self.refusals {
            refusals.on_observation(observation);
        }
    }
}

/// The counters of a report: elections, commits, and the times without a leader.
#[derive(Debug, Default)]
pub struct Tally {
    standings: [Option<(RoleName, Term)>; ServerIdx::MAX_SERVERS],
    leaders: ServerSet,
    leaderless_since: Option<Time>,
    /// The number of observations so far.
    pub steps: u64,
    /// The number of elections in which a candidate became the leader.
    pub elections: u64,
    /// The number of committed entries.
    pub commits: u64,
    /// The lengths of the ended periods without a leader, in microseconds.
    pub leaderless: Vec<Span>,
}

impl<S: Subject> Observer<S> for Tally {
    #[inline(always)]
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        self.steps = observation.step;
        match observation.kind {
            ObservationKind::Stepped { idx, server, .. } => {
                let view = server.view();
                self.update(idx, &view, observation.at);
                self.commits = self.commits.max(view.commit.unwrap_or_default().0);
            }
            ObservationKind::Booted { idx, server, .. } => self.update(idx, &server.view(), observation.at),
            ObservationKind::Crashed { idx, .. } | ObservationKind::Halted(idx) => {
                // The role is forgotten, so that a restarted server that leads again counts as elected
                // again.
                self.standings[idx.at()] = None;
                self.stops_leading(idx, observation.at);
            }
            ObservationKind::Paused(idx) => self.stops_leading(idx, observation.at),
            ObservationKind::Resumed(idx) => self.resumes(idx, observation.at),
            _ => {}
        }
    }
}

impl Tally {
    #[inline]
    fn update(&mut self, idx: ServerIdx, view: &View, at: Time) {
        let now = (view.role.unwrap_or(RoleName::Follower), view.term.unwrap_or_default());
        if self.standings[idx.at()].replace(now) == Some(now) {
            return;
        }
        if now.0 == RoleName::Leader {
            self.elections += 1;
            self.leads(idx, at);
        } else {
            self.stops_leading(idx, at);
        }
    }

    fn resumes(&mut self, idx: ServerIdx, at: Time) {
        if self.standings[idx.at()].is_some_and(|(role, _)| role == RoleName::Leader) {
            self.leads(idx, at);
        }
    }

    fn leads(&mut self, idx: ServerIdx, at: Time) {
        self.leaders = self.leaders.with(idx);
        if let Some(since) = self.leaderless_since.take() {
            self.leaderless.push(at.since(since));
        }
    }

    /// Records that a server does not lead. If no other server leads, a period without a leader begins,
    /// unless such a period has already begun.
    fn stops_leading(&mut self, idx: ServerIdx, at: Time) {
        self.leaders = self.leaders.without(idx);
        if self.leaders.is_empty() {
            self.leaderless_since.get_or_insert(at);
        }
    }
}
