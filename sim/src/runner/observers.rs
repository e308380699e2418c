//! Everybody who looks on while a run goes: the judges of the protocol, counts for the report, a trace
//! if one is wanted, and checks of what stands above the protocol.

use crate::check::membership_stats::Changes;
use crate::check::{Judges, Options};
use crate::observe::observer::Watch;
use crate::observe::report::{Report, Violation};
use crate::observe::{Observation, Seen};
use crate::plan::server_set::{Slot, Slots};
use std::collections::BTreeMap;
use wavetank_raft::{RoleName, Server, Span, Term, Time};

/// Checks besides those of the protocol. By default a check says nothing.
pub trait CustomChecks: Watch {
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
    pub changes: Changes,
    /// What is written down of the run.
    pub trace: T,
    /// The checks besides those of the protocol.
    pub own: E,
}

impl<E, T> Observers<E, T> {
    /// Observers of a run of this kind, which have seen nothing yet.
    #[must_use]
    pub fn new(options: Options, own: E, trace: T) -> Self {
        let judges = Judges::new(options);
        Self { judges, tally: Tally::default(), changes: Changes::default(), trace, own }
    }
}

impl<E: CustomChecks, T> Observers<E, T> {
    /// The run is over: what can only be told of the whole run is judged now.
    pub fn end(&mut self, at: Time) {
        self.judges.end(at);
        self.own.end(at);
    }

    /// What the judge that spoke first has to say.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        let spoken = [self.judges.verdict(), self.own.verdict()];
        spoken.into_iter().flatten().min_by_key(|violation| violation.step)
    }

    /// Adds to the report what was counted.
    pub fn describe(&self, report: &mut Report) {
        report.elections = self.tally.elections;
        report.commits = self.tally.commits;
        report.witnessed = self.judges.witnessed();
        report.witnessed.extend(self.own.witnessed());
        report.sometimes = self.judges.sometimes().counts();
        report.membership = self.changes.counts();
        report.situations = self.judges.sometimes().situations().collect();
        report.leaderless.clone_from(&self.tally.leaderless);
    }
}

impl<E: Watch, T: Watch> Watch for Observers<E, T> {
    #[inline(always)]
    fn see(&mut self, observation: &Observation<'_>) {
        self.judges.see(observation);
        // Once a judge has spoken the ledger takes down nothing more.
        if self.judges.verdict().is_none() {
            self.changes.see(observation, self.judges.ledger());
        }
        self.tally.see(observation);
        self.own.see(observation);
        self.trace.see(observation);
    }
}

/// What a report counts: elections, commits, and how long nobody led.
#[derive(Debug, Default)]
pub struct Tally {
    standings: [Option<(RoleName, Term)>; Slot::MOST],
    leaders: Slots,
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

impl Watch for Tally {
    #[inline(always)]
    fn see(&mut self, observation: &Observation<'_>) {
        self.steps = observation.step;
        match observation.seen {
            Seen::Stepped { slot, server, .. } => {
                self.stands(slot, server, observation.at);
                self.commits = self.commits.max(server.node().commit().0);
            }
            Seen::Booted { slot, server, .. } => self.stands(slot, server, observation.at),
            Seen::Crashed { slot, .. } | Seen::Halted(slot) => {
                self.standings[slot.at()] = None;
                self.is_gone(slot, observation.at);
            }
            Seen::Paused(slot) => self.is_gone(slot, observation.at),
            Seen::Resumed(slot) => self.is_back(slot, observation.at),
            _ => {}
        }
    }
}

impl Tally {
    fn stands(&mut self, slot: Slot, server: &Server, at: Time) {
        let now = (server.node().role(), server.node().term());
        if self.standings[slot.at()].replace(now) == Some(now) {
            return;
        }
        if now.0 == RoleName::Leader {
            self.elections += 1;
            self.leads(slot, at);
        } else {
            self.is_gone(slot, at);
        }
    }

    fn is_back(&mut self, slot: Slot, at: Time) {
        if self.standings[slot.at()].is_some_and(|(role, _)| role == RoleName::Leader) {
            self.leads(slot, at);
        }
    }

    fn leads(&mut self, slot: Slot, at: Time) {
        self.leaders = self.leaders.with(slot);
        if let Some(since) = self.leaderless_since.take() {
            self.leaderless.push(at.since(since));
        }
    }

    /// A server does not lead, if it did.
    fn is_gone(&mut self, slot: Slot, at: Time) {
        self.leaders = self.leaders.without(slot);
        if self.leaders.is_empty() {
            self.leaderless_since.get_or_insert(at);
        }
    }
}
