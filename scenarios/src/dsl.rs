//! The functions for stories: a [`Cluster`] in a tank, and methods that act on the cluster, wait for an event,
//! or assert a condition.
//!
//! The functions in this file begin a story, wait, and end the story. `act.rs` has faults, commands and
//! membership changes. `operate.rs` has the other calls of operators and forged requests. `until.rs` has the
//! conditions that a story waits for. `expect.rs` has the assertions. `ask.rs` has the queries. `record.rs` has
//! the facts of a run that no server can report. `story.rs` has the type of a story. `report.rs` runs a story
//! and makes the report of the run.
//!
//! If a wait takes longer than the limit, the story ends with a liveness violation. The limit is five virtual
//! seconds, unless the story sets another limit. The judges examine every step, and the first violation ends
//! the story.

mod act;
mod ask;
mod expect;
mod operate;
mod record;
mod report;
mod story;
mod until;

use crate::command_log::CommandLog;
use crate::trace::Trace;
use record::Record;
use std::collections::BTreeMap;
use std::panic;
use wavetank_raft::{RequestId, Span};
use wavetank_sim::engine::workload::NoClients;
use wavetank_sim::runner::observers::Observers;
use wavetank_sim::{Class, Options, Plan, Violation, World};

pub use story::Story;

/// The time limit of a wait, unless the story sets another limit.
const WAIT_LIMIT: Span = Span::s(5);

/// The name of the check that fails when a wait takes longer than the limit.
const GOES_ON: &str = "story_goes_on";

/// The name of the check that fails when an assertion of a story fails.
const TRUE: &str = "story_is_true";

type Tank = World<CommandLog, Observers<Record, Trace>>;

/// A span of time in units of the longest election timeout.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ElectionTimeouts(u64);

/// Returns a span of `count` times the longest election timeout.
#[must_use]
pub const fn election_timeouts(count: u64) -> ElectionTimeouts {
    ElectionTimeouts(count)
}

/// A call that was sent to a server. The answer may come later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PendingCall(RequestId);

/// The cluster of a story. The cluster runs in a tank.
#[derive(Debug)]
pub struct Cluster {
    tank: Tank,
    /// The calls that proposed commands. The key is the command.
    proposed: BTreeMap<String, PendingCall>,
    /// The time limit of the next wait.
    wait_limit: Span,
}

/// The payload of the unwind that ends a story early. The observers of the cluster have the violation that
/// ended the story.
struct Ended;

impl Cluster {
    /// Starts the servers of a plan. The tank has no clients: only the story calls the servers.
    fn new(plan: Plan, trace: Trace) -> Self {
        let observers = Observers::new(Options::of(&plan), Record::default(), trace);
        let tank = World::new(plan, |_| CommandLog::default(), Box::new(NoClients), observers);
        Self { tank, proposed: BTreeMap::new(), wait_limit: WAIT_LIMIT }
    }

    /// Sets the time limit of the next wait.
    pub fn within(&mut self, timeouts: ElectionTimeouts) -> &mut Self {
        self.wait_limit = self.span(timeouts);
        self
    }

    fn span(&self, timeouts: ElectionTimeouts) -> Span {
        self.tank.plan().election_timeout().times(timeouts.0)
    }

    /// Waits until `is_there` returns true. `what` describes the awaited event in a sentence. If the wait takes
    /// too long, this sentence is part of the violation.
    fn until(
        &mut self,
        what: impl FnOnce(&Tank) -> String,
        mut is_there: impl FnMut(&Tank) -> bool,
    ) -> &mut Self {
        self.tank.observer_mut().custom.waited += 1;
        let wait_limit = std::mem::replace(&mut self.wait_limit, WAIT_LIMIT);
        let limit = self.tank.now() + wait_limit;
        let is_late = self.tank.run_while(limit, |tank| !is_there(tank) && has_not_spoken(tank));
        self.check_judges();
        if is_late {
            let what =
                format!("the story waited {wait_limit}, but this event did not happen: {}", what(&self.tank));
            self.end(Class::Liveness, GOES_ON, what);
        }
        self
    }

    /// Lets the time `timeouts` pass, and asserts that `holds` returns true during this whole time. `what`
    /// describes the condition in a sentence, for the text of a violation.
    fn while_passes(&mut self, timeouts: ElectionTimeouts, what: &str, mut holds: impl FnMut(&Tank) -> bool) {
        self.tank.observer_mut().custom.checked += 1;
        let limit = self.tank.now() + self.span(timeouts);
        let held = self.tank.run_while(limit, |tank| holds(tank) && has_not_spoken(tank));
        self.check_judges();
        if !held {
            self.end(Class::Safety, TRUE, format!("the story expected that {what}"));
        }
    }

    /// Ends the story if a judge has found a violation.
    fn check_judges(&mut self) {
        if !has_not_spoken(&self.tank) {
            self.unwind();
        }
    }

    /// Ends the story with a violation.
    fn end(&mut self, class: Class, check: &str, what: String) -> ! {
        let violation = Violation {
            check: check.to_owned(),
            class,
            section: "the story".to_owned(),
            what,
            at: self.tank.now(),
            step: self.tank.observer().tally.steps,
        };
        self.tank.observer_mut().custom.ended = Some(violation);
        self.unwind()
    }

    /// Unwinds out of the story. The unwind does not call the panic hook, so nothing is printed.
    fn unwind(&self) -> ! {
        panic::resume_unwind(Box::new(Ended))
    }
}

/// True if no judge has found a violation yet.
fn has_not_spoken(tank: &Tank) -> bool {
    tank.observer().judges.verdict().is_none()
}
