//! How a story is told, and what is said of it in the end.

use super::{GOES_ON, Stage, Story, TRUE};
use crate::trace_form::TraceForm;
use wavetank_sim::sail::Sailed;
use wavetank_sim::{Plan, Verdict, caught, crew};

impl Story {
    /// Tells the story on a sea.
    pub(crate) fn told(&self, plan: Plan, form: TraceForm) -> Sailed<String> {
        let mut stage = Stage::new(plan, form);
        let panicked = caught::panics(|| (self.tell)(&mut stage)).err();
        stage.conclude(self.name, panicked)
    }
}

impl Stage {
    /// The story is over, or was ended: what is known of it, and its trace.
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
