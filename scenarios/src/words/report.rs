//! A story with its sea, and what is said of it in the end.

use super::{GOES_ON, Record, Stage, TRUE};
use crate::watchers::Trace;
use std::collections::BTreeMap;
use wavetank_raft::Time;
use wavetank_sim::observers::{CustomChecks, Observers};
use wavetank_sim::runner::{self, Run, Simulation};
use wavetank_sim::{Plan, Report, Verdict, Violation};

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
    /// Its sea under a seed.
    pub(crate) fn plan(&self, seed: u64) -> Plan {
        let mut plan = Plan::calm(seed, self.servers);
        plan.spares = self.spares;
        (self.sea)(&mut plan);
        plan
    }

    /// Tells the story on a sea.
    pub(crate) fn run(&self, name: &str, plan: Plan, trace: Trace) -> Run<Trace> {
        runner::run(name, plan.seed, || Telling { stage: Stage::new(plan, trace), tell: self.tell })
    }
}

/// A story that is told.
struct Telling {
    stage: Stage,
    tell: fn(&mut Stage),
}

impl Simulation for Telling {
    type Checks = Record;
    type Trace = Trace;
    type Ending = ();

    fn drive(&mut self) {
        (self.tell)(&mut self.stage);
    }

    fn now(&self) -> Time {
        self.stage.tank.now()
    }

    fn observers(&mut self) -> &mut Observers<Record, Trace> {
        self.stage.tank.watch_mut()
    }

    fn verdict(&mut self, (): ()) -> Verdict {
        match self.observers().own.checked {
            0 => Verdict::Vacuous(vec![TRUE.to_owned()]),
            _ => Verdict::Held,
        }
    }

    fn describe(&self, report: &mut Report) {
        self.stage.tank.describe(report);
    }
}

/// A story is judged by what its words wait for and assert.
impl CustomChecks for Record {
    fn verdict(&self) -> Option<&Violation> {
        self.ended.as_ref()
    }

    fn witnessed(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([(GOES_ON.to_owned(), self.waited), (TRUE.to_owned(), self.checked)])
    }
}
