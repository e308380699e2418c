//! A story with its sea, and what is said of it in the end.

use super::{GOES_ON, Stage, TRUE};
use crate::registry::TraceForm;
use wavetank_sim::catch_panic::catch_panic;
use wavetank_sim::runner::Run;
use wavetank_sim::{Plan, Verdict, observers};

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
    pub(crate) fn told(&self, name: &str, plan: Plan, form: TraceForm) -> Run<String> {
        let mut stage = Stage::new(plan, form);
        let panicked = catch_panic(|| (self.tell)(&mut stage)).err();
        stage.conclude(name, panicked)
    }
}

impl Stage {
    /// The story is over, or was ended: what is known of it, and its trace.
    fn conclude(mut self, name: &str, panicked: Option<String>) -> Run<String> {
        let at = self.tank.now();
        self.tank.watch_mut().judges.end(at);
        let violation = self.tank.watch().judges.verdict().or(self.ended.as_ref());
        let verdict = match (violation, panicked) {
            (Some(violation), _) => Verdict::Violated(violation.clone()),
            (None, Some(words)) => Verdict::Panicked(words),
            (None, None) if self.checked == 0 => Verdict::Vacuous(vec![TRUE.to_owned()]),
            (None, None) => Verdict::Held,
        };
        let mut report = observers::report(name, &self.tank, verdict);
        report.witnessed.insert(GOES_ON.to_owned(), self.waited);
        report.witnessed.insert(TRUE.to_owned(), self.checked);
        Run { report, mishaps: Vec::new(), trace: self.tank.watch_mut().trace.take() }
    }
}
