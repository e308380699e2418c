//! Who looks on while a story is told, and what is said of it in the end.

use super::Stage;
use super::record::Record;
use crate::caught;
use crate::registry::TraceForm;
use crate::watchers::{Tally, Trace};
use std::collections::BTreeMap;
use wavetank_sim::{Observation, Plan, Report, Verdict, Violation, Watch};

/// A story, and the sea that it is told on.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    /// How many servers there are.
    pub(crate) servers: u8,
    /// How many blank servers stand by.
    pub(crate) spares: u8,
    /// What is unusual about them and about the sea.
    pub(crate) sea: fn(&mut Plan),
    /// What happens.
    pub(crate) tell: fn(&mut Stage),
}

impl Story {
    /// Tells the story under a seed.
    pub(crate) fn told(&self, name: &str, seed: u64, form: TraceForm) -> (Report, String) {
        let mut plan = Plan::calm(seed, self.servers);
        plan.spares = self.spares;
        (self.sea)(&mut plan);
        let mut stage = Stage::new(plan, form);
        let panicked = caught::panics(|| (self.tell)(&mut stage)).err();
        stage.conclude(name, panicked)
    }
}

/// Everybody who looks on.
#[derive(Debug)]
pub(super) struct Watchers {
    record: Record,
    tally: Tally,
    trace: Trace,
}

impl Watchers {
    pub(super) fn new(plan: &Plan, form: TraceForm) -> Self {
        let trace = Trace::new(form, plan.slots());
        Self { record: Record::default(), tally: Tally::default(), trace }
    }

    /// What is written down.
    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    /// What a judge has to say, if it has spoken.
    pub(super) fn verdict(&self) -> Option<&Violation> {
        None
    }

    /// How much was seen.
    pub(super) fn steps(&self) -> u64 {
        self.tally.steps
    }
}

impl Watch for Watchers {
    fn see(&mut self, observation: &Observation<'_>) {
        self.record.see(observation);
        self.tally.see(observation);
        self.trace.see(observation);
    }
}

impl Stage {
    /// The story is over, or was ended: what is known of it, and its trace.
    fn conclude(mut self, name: &str, panicked: Option<String>) -> (Report, String) {
        let watchers = self.tank.watch();
        let verdict = match (watchers.verdict().or(self.ended.as_ref()), panicked) {
            (Some(violation), _) => Verdict::Violated(violation.clone()),
            (None, Some(words)) => Verdict::Panicked(words),
            (None, None) => Verdict::Held,
        };
        let tally = &watchers.tally;
        let report = Report {
            scenario: name.to_owned(),
            seed: self.tank.plan().seed,
            verdict,
            events: self.tank.events(),
            virtual_time: self.tank.now(),
            elections: tally.elections,
            commits: tally.commits,
            messages: self.tank.messages(),
            faults: self.tank.faults(),
            witnessed: BTreeMap::from([("story".to_owned(), 1)]),
            sometimes: BTreeMap::new(),
            leaderless: tally.leaderless.clone(),
            digest: self.tank.digest(),
        };
        (report, self.tank.watch_mut().trace.take())
    }
}
