//! Runs a story and makes its report.

use super::{Cluster, GOES_ON, Story, TRUE};
use crate::watchers::TraceForm;
use wavetank_sim::sail::Sailed;
use wavetank_sim::{Plan, Verdict, caught, crew};

impl Story {
    /// Tells the story by a plan.
    pub(crate) fn told(&self, plan: Plan, form: TraceForm) -> Sailed<String> {
        let mut cluster = Cluster::new(plan, form);
        let panicked = caught::panics(|| (self.tell)(&mut cluster)).err();
        cluster.conclude(self.name, panicked)
    }
}

impl Cluster {
    /// The report and the trace of a story that has ended.
    fn conclude(mut self, name: &str, panicked: Option<String>) -> Sailed<String> {
        let at = self.tank.now();
        self.tank.watch_mut().judges.end(at);
        let violation = self.tank.watch().judges.verdict().or(self.ended.as_ref());
        let verdict = match (violation, panicked) {
            (Some(violation), _) => Verdict::Violated(violation.clone()),
            (None, Some(words)) => Verdict::Panicked(words),
            (None, None) if self.checked == 0 => Verdict::Vacuous(vec![TRUE.to_owned()]),
            (None, None) => Verdict::Held,
        };
        let mut report = crew::report(name, &self.tank, verdict);
        report.witnessed.insert(GOES_ON.to_owned(), self.waited);
        report.witnessed.insert(TRUE.to_owned(), self.checked);
        Sailed { report, mishaps: Vec::new(), trace: self.tank.watch_mut().trace.take() }
    }
}
