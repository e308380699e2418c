//! Who looks on while a run goes: the judges, a tally for the report, a trace if one is wanted, and
//! whoever else the run needs.

use crate::changes::Changes;
use crate::check::{Judges, Options};
use crate::observe::{Observation, Seen};
use crate::plan::Plan;
use crate::report::{Report, Verdict, Violation};
use crate::slot::{Slot, Slots};
use crate::watch::Watch;
use crate::workload::TankFsm;
use crate::world::World;
use std::collections::BTreeMap;
use wavetank_raft::{RoleName, Server, Span, Term, Time};

/// Judges of what stands above the protocol.
pub trait CustomChecks: Watch {
    /// The run is over: what can only be told of the whole is told now.
    fn end(&mut self, at: Time);

    /// The first property that did not hold.
    fn verdict(&self) -> Option<&Violation>;

    /// How often each check saw what it judges.
    fn witnessed(&self) -> BTreeMap<String, u64>;
}

impl CustomChecks for () {
    fn end(&mut self, _: Time) {}

    fn verdict(&self) -> Option<&Violation> {
        None
    }

    fn witnessed(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }
}

/// Everybody who looks on.
#[derive(Debug)]
pub struct Observers<E, T> {
    /// The judges of the protocol.
    pub judges: Judges,
    /// Counts for the report.
    pub tally: Tally,
    /// What became of changes of membership.
    pub changes: Changes,
    /// Whoever writes the run down.
    pub trace: T,
    /// Whoever else the run needs.
    pub own: E,
}

impl<E, T> Observers<E, T> {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(plan: &Plan, own: E, trace: T) -> Self {
        Self::judged_by(Options::of(plan), own, trace)
    }

    /// The same for a run without a plan.
    #[must_use]
    pub fn judged_by(options: Options, own: E, trace: T) -> Self {
        let judges = Judges::new(options);
        Self { judges, tally: Tally::default(), changes: Changes::default(), trace, own }
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

/// What is known of a run that is over.
pub fn report<F: TankFsm, E: Watch, T: Watch>(
    name: &str,
    world: &World<F, Observers<E, T>>,
    verdict: Verdict,
) -> Report {
    let Observers { judges, tally, changes, .. } = world.watch();
    Report {
        scenario: name.to_owned(),
        seed: world.plan().seed,
        verdict,
        events: world.events(),
        virtual_time: world.now(),
        elections: tally.elections,
        commits: tally.commits,
        messages: world.messages(),
        faults: world.faults(),
        witnessed: judges.witnessed(),
        sometimes: judges.sometimes().counts(),
        membership: changes.counts(),
        situations: judges.sometimes().situations().collect(),
        leaderless: tally.leaderless.clone(),
        digest: world.digest(),
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
            Seen::Stepping { .. }
            | Seen::Durable { .. }
            | Seen::Applied { .. }
            | Seen::SnapshotTaken { .. }
            | Seen::Restored { .. }
            | Seen::Sent { .. }
            | Seen::Invoked { .. }
            | Seen::Returned { .. }
            | Seen::Network(_)
            | Seen::Healed { .. }
            | Seen::Refused { .. }
            | Seen::Harmed { .. } => {}
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
