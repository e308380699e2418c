//! Runs a story and makes the report of the run.

use super::{Cluster, GOES_ON, Record, Story, TRUE};
use crate::trace::Trace;
use std::collections::BTreeMap;
use wavetank_raft::Time;
use wavetank_sim::runner::observers::{CustomChecks, Observers};
use wavetank_sim::runner::{self, Run, Simulation};
use wavetank_sim::{Plan, Report, Verdict, Violation};

impl Story {
    /// Runs the story with a plan.
    pub(crate) fn run(&self, plan: Plan, trace: Trace) -> Run<Trace> {
        let (seed, script) = (plan.seed, self.script);
        runner::run(self.name, seed, || StoryRun { cluster: Cluster::new(plan, trace), script })
    }
}

/// A story that is running.
struct StoryRun {
    cluster: Cluster,
    script: fn(&mut Cluster),
}

impl Simulation for StoryRun {
    type Checks = Record;
    type Trace = Trace;
    type DriveOutcome = ();

    fn drive(&mut self) {
        (self.script)(&mut self.cluster);
    }

    fn now(&self) -> Time {
        self.cluster.tank.now()
    }

    fn observers(&mut self) -> &mut Observers<Record, Trace> {
        self.cluster.tank.observer_mut()
    }

    fn verdict(&mut self, (): ()) -> Verdict {
        match self.observers().custom.checked {
            0 => Verdict::Vacuous(vec![TRUE.to_owned()]),
            _ => Verdict::Held,
        }
    }

    fn describe(&self, report: &mut Report) {
        self.cluster.tank.describe(report);
    }
}

/// The custom checks of a story: the waits and the assertions of the story.
impl CustomChecks for Record {
    fn verdict(&self) -> Option<&Violation> {
        self.ended.as_ref()
    }

    fn witnessed(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([(GOES_ON.to_owned(), self.waited), (TRUE.to_owned(), self.checked)])
    }
}
