//! Who looks on while a run goes: the judges, a tally for the report, a trace if one is wanted, and
//! whoever else the run needs.

use crate::registry::TraceForm;
use wavetank_raft::{RoleName, Server, Span, Term, Time};
use wavetank_sim::trace::{Full, Json, Story};
use wavetank_sim::workload::TankFsm;
use wavetank_sim::{Judges, Observation, Options, Plan, Report, Seen, Slot, Slots, Verdict, Watch, World};

/// Everybody who looks on.
#[derive(Debug)]
pub(crate) struct Watchers<E> {
    pub(crate) judges: Judges,
    pub(crate) tally: Tally,
    pub(crate) trace: Trace,
    /// Whoever else the run needs.
    pub(crate) own: E,
}

impl<E> Watchers<E> {
    /// Nothing seen yet.
    pub(crate) fn new(plan: &Plan, form: TraceForm, own: E) -> Self {
        Self {
            judges: Judges::new(Options::of(plan)),
            tally: Tally::default(),
            trace: Trace::new(form, plan.slots()),
            own,
        }
    }
}

impl<E: Watch> Watch for Watchers<E> {
    fn see(&mut self, observation: &Observation<'_>) {
        self.judges.see(observation);
        self.tally.see(observation);
        self.own.see(observation);
        self.trace.see(observation);
    }
}

/// What is known of a run that is over.
pub(crate) fn report<F: TankFsm, E: Watch>(
    name: &str,
    world: &World<F, Watchers<E>>,
    verdict: Verdict,
) -> Report {
    let Watchers { judges, tally, .. } = world.watch();
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
        leaderless: tally.leaderless.clone(),
        digest: world.digest(),
    }
}

/// A trace in the form that was asked for.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one a run")]
pub(crate) enum Trace {
    Story(Story),
    Full(Full),
    Json(Json),
    None,
}

impl Trace {
    /// The trace of a tank of so many servers, with nothing in it.
    pub(crate) fn new(form: TraceForm, servers: usize) -> Self {
        match form {
            TraceForm::Story => Self::Story(Story::new(servers)),
            TraceForm::Full => Self::Full(Full::new()),
            TraceForm::Json => Self::Json(Json::default()),
            TraceForm::None => Self::None,
        }
    }

    /// What was written down.
    pub(crate) fn take(&mut self) -> String {
        match self {
            Self::Story(story) => story.take(),
            Self::Full(full) => full.take(),
            Self::Json(json) => json.take(),
            Self::None => String::new(),
        }
    }
}

impl Watch for Trace {
    fn see(&mut self, observation: &Observation<'_>) {
        match self {
            Self::Story(story) => story.see(observation),
            Self::Full(full) => full.see(observation),
            Self::Json(json) => json.see(observation),
            Self::None => {}
        }
    }
}

/// What a report counts: elections, commits, and how long nobody led.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    standings: [Option<(RoleName, Term)>; Slot::MOST],
    leaders: Slots,
    leaderless_since: Option<Time>,
    pub(crate) steps: u64,
    pub(crate) elections: u64,
    pub(crate) commits: u64,
    pub(crate) leaderless: Vec<Span>,
}

impl Watch for Tally {
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
            | Seen::Healed { .. } => {}
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
