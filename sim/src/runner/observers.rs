//! Everybody who looks on while a run goes: the judges of the protocol, counts for the report, a trace
//! if one is wanted, and checks of what stands above the protocol.

use crate::check::membership_stats::MembershipStats;
use crate::check::{Judges, Options};
use crate::observe::observer::Observer;
use crate::observe::report::{Report, Violation};
use crate::observe::{Observation, ObservationKind};
use crate::plan::server_set::{ServerIdx, ServerSet};
use std::collections::BTreeMap;
use wavetank_raft::{RoleName, Server, Span, Term, Time};

/// Checks besides those of the protocol. By default a check says nothing.
pub trait CustomChecks: Observer {
    /// The run is over: what can only be told of the whole run is judged now.
    fn end(&mut self, _: Time) {}

    /// The first property that did not hold.
    fn verdict(&self) -> Option<&Violation> {
        None
    }

    /// How often each check saw what it judges.
    fn witnessed(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }
}

impl CustomChecks for () {}

/// Everybody who looks on.
#[derive(Debug)]
pub struct Observers<E, T> {
    /// The judges of the protocol.
    pub judges: Judges,
    /// Counts for the report.
    pub tally: Tally,
    /// What became of changes of membership.
    pub changes: MembershipStats,
    /// What is written down of the run.
    pub trace: T,
    /// The checks besides those of the protocol.
    pub custom: E,
}

impl<E, T> Observers<E, T> {
    /// Observers of a run of this kind, which have seen nothing yet.
    #[must_use]
    pub fn new(options: Options, custom: E, trace: T) -> Self {
        let judges = Judges::new(options);
        Self { judges, tally: Tally::default(), changes: MembershipStats::default(), trace, custom }
    }
}

impl<E: CustomChecks, T> Observers<E, T> {
    /// The run is over: what can only be told of the whole run is judged now.
    pub fn end(&mut self, at: Time) {
        self.judges.end(at);
        self.custom.end(at);
    }

    /// What the judge that spoke first has to say.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        let spoken = [self.judges.verdict(), self.custom.verdict()];
        spoken.into_iter().flatten().min_by_key(|violation| violation.step)
    }

    /// Adds to the report what was counted.
    pub fn describe(&self, report: &mut Report) {
        report.elections = self.tally.elections;
        report.commits = self.tally.commits;
        report.witnessed = self.judges.witnessed();
        report.witnessed.extend(self.custom.witnessed());
        report.sometimes = self.judges.sometimes().counts();
        report.membership = self.changes.counts();
        report.situations = self.judges.sometimes().situations().collect();
        report.leaderless.clone_from(&self.tally.leaderless);
    }
}

impl<E: Observer, T: Observer> Observer for Observers<E, T> {
    #[inline(always)]
    fn on_observation(&mut self, observation: &Observation<'_>) {
        self.judges.on_observation(observation);
        // Once a judge has spoken the ledger takes down nothing more.
        if self.judges.verdict().is_none() {
            self.changes.on_observation(observation, self.judges.ghost());
        }
        self.tally.on_observation(observation);
        self.custom.on_observation(observation);
        self.trace.on_observation(observation);
    }
}

/// What a report counts: elections, commits, and how long nobody led.
#[derive(Debug, Default)]
pub struct Tally {
    standings: [Option<(RoleName, Term)>; ServerIdx::MAX_SERVERS],
    leaders: ServerSet,
    leaderless_since: Option<Time>,
    /// How many observations there were.
    pub steps: u64,
    /// How often a leader was elected.
    pub elections: u64,
    /// How many entries were committed.
    pub commits: u64,
    /// How long nobody led, each time that somebody came to.
    pub leaderless: Vec<Span>,
}

impl Observer for Tally {
    #[inline(always)]
    fn on_observation(&mut self, observation: &Observation<'_>) {
        self.steps = observation.step;
        match observation.kind {
            ObservationKind::Stepped { idx, server, .. } => {
                self.stands(idx, server, observation.at);
                self.commits = self.commits.max(server.node().commit().0);
            }
            ObservationKind::Booted { idx, server, .. } => self.stands(idx, server, observation.at),
            ObservationKind::Crashed { idx, .. } | ObservationKind::Halted(idx) => {
                self.standings[idx.at()] = None;
                self.is_gone(idx, observation.at);
            }
            ObservationKind::Paused(idx) => self.is_gone(idx, observation.at),
            ObservationKind::Resumed(idx) => self.is_back(idx, observation.at),
            _ => {}
        }
    }
}

impl Tally {
    fn stands(&mut self, idx: ServerIdx, server: &Server, at: Time) {
        let now = (server.node().role(), server.node().term());
        if self.standings[idx.at()].replace(now) == Some(now) {
            return;
        }
        if now.0 == RoleName::Leader {
            self.elections += 1;
            self.leads(idx, at);
        } else {
            self.is_gone(idx, at);
        }
    }

    fn is_back(&mut self, idx: ServerIdx, at: Time) {
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

    /// A server does not lead, if it did.
    fn is_gone(&mut self, idx: ServerIdx, at: Time) {
        self.leaders = self.leaders.without(idx);
        if self.leaders.is_empty() {
            self.leaderless_since.get_or_insert(at);
        }
    }
}
