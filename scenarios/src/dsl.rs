//! The language of the stories: a [`Cluster`] in a tank, and methods that act on it, wait and assert.
//!
//! This file begins, waits for and ends a story. `act.rs` has faults, commands and membership
//! changes, `operate.rs` the other calls of operators and forged requests, `until.rs` the
//! conditions that a story waits for, `expect.rs` the assertions, `ask.rs` the queries, `record.rs`
//! the facts of a run that no server can be asked for, `report.rs` the report of a run.
//!
//! A wait that takes longer than its limit ends the story with a liveness violation. The limit is
//! five virtual seconds, unless the story sets another. The judges see every step, and the first
//! violation ends the story.

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

/// How long a story waits for a condition, unless it sets another limit.
const WAIT_LIMIT: Span = Span::s(5);

/// The check that fails when a wait takes longer than its limit.
const GOES_ON: &str = "story_goes_on";

/// The check that fails when an assertion of a story does.
const TRUE: &str = "story_is_true";

type Tank = World<CommandLog, Observers<Record, Trace>>;

/// A span of time, as a multiple of the longest election timeout.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ElectionTimeouts(u64);

/// `count` times the longest election timeout.
#[must_use]
pub const fn election_timeouts(count: u64) -> ElectionTimeouts {
    ElectionTimeouts(count)
}

/// A call to a server, which will be granted or refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PendingCall(RequestId);

/// The cluster of a story, in its tank.
#[derive(Debug)]
pub struct Cluster {
    tank: Tank,
    /// The calls that proposed commands, by command.
    proposed: BTreeMap<String, PendingCall>,
    /// The limit of the next wait.
    wait_limit: Span,
}

/// The payload that unwinds out of a story that has ended; the cluster knows why.
struct Ended;

impl Cluster {
    /// The servers of a plan, started, without clients: only the story calls them.
    fn new(plan: Plan, trace: Trace) -> Self {
        let observers = Observers::new(Options::of(&plan), Record::default(), trace);
        let tank = World::new(plan, |_| CommandLog::default(), Box::new(NoClients), observers);
        Self { tank, proposed: BTreeMap::new(), wait_limit: WAIT_LIMIT }
    }

    /// Limits the next wait.
    pub fn within(&mut self, timeouts: ElectionTimeouts) -> &mut Self {
        self.wait_limit = self.span(timeouts);
        self
    }

    fn span(&self, timeouts: ElectionTimeouts) -> Span {
        self.tank.plan().election_timeout().times(timeouts.0)
    }

    /// Waits until `is_there`; `what` says for a violation what did not happen.
    fn until(
        &mut self,
        what: impl FnOnce(&Tank) -> String,
        mut is_there: impl FnMut(&Tank) -> bool,
    ) -> &mut Self {
        self.tank.observer_mut().custom.waited += 1;
        let wait_limit = std::mem::replace(&mut self.wait_limit, WAIT_LIMIT);
        let limit = self.tank.now() + wait_limit;
        let in_vain = self.tank.run_while(limit, |tank| !is_there(tank) && has_not_spoken(tank));
        self.check_judges();
        if in_vain {
            let what = format!("waited {wait_limit} in vain until {}", what(&self.tank));
            self.end(Class::Liveness, GOES_ON, what);
        }
        self
    }

    /// Lets time pass, and asserts that something holds all the time.
    fn while_passes(&mut self, timeouts: ElectionTimeouts, what: &str, mut holds: impl FnMut(&Tank) -> bool) {
        self.tank.observer_mut().custom.checked += 1;
        let limit = self.tank.now() + self.span(timeouts);
        let held = self.tank.run_while(limit, |tank| holds(tank) && has_not_spoken(tank));
        self.check_judges();
        if !held {
            self.end(Class::Safety, TRUE, what.to_owned());
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

    /// Leaves the story. Not a panic: no hook runs, and nothing is printed.
    fn unwind(&self) -> ! {
        panic::resume_unwind(Box::new(Ended))
    }
}

/// Whether no judge has found a violation yet.
fn has_not_spoken(tank: &Tank) -> bool {
    tank.observer().judges.verdict().is_none()
}
