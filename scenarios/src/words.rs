//! The words that stories are told in: a [`Stage`] with servers on it, seen as whoever tells the
//! story sees them.
//!
//! Here is how a story begins, waits and ends. `act.rs` has what is done to the tank, `operate.rs`
//! what its operators do besides, `until.rs` what is waited for, `expect.rs` what is asserted,
//! `ask.rs` what is asked in between, `record.rs` what is written down of a run because no server
//! can be asked for it, `report.rs` what is said of the run in the end.
//!
//! Waiting ends with what is waited for, or with a liveness violation when patience ends: five
//! virtual seconds, unless the story says otherwise. The judges look on at every step, and end the
//! story when one of them speaks.

mod act;
mod ask;
mod expect;
mod idle;
mod operate;
mod record;
mod report;
mod until;

use crate::chronicle::Chronicle;
use crate::watchers::Trace;
use idle::Nobody;
use record::Record;
use std::collections::BTreeMap;
use std::panic;
use wavetank_raft::{RequestId, Span};
use wavetank_sim::observers::Observers;
use wavetank_sim::{Class, Options, Plan, Violation, World};

pub use report::Story;

/// How long a story waits for anything.
const PATIENCE: Span = Span::s(5);

/// The check that speaks when patience ends.
const GOES_ON: &str = "story_goes_on";

/// The check that speaks when the story is not as it was told.
const TRUE: &str = "story_is_true";

type Tank = World<Chronicle, Observers<Record, Trace>>;

/// So many times the longest election timeout.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ElectionTimeouts(u64);

/// So many times the longest election timeout.
#[must_use]
pub const fn election_timeouts(count: u64) -> ElectionTimeouts {
    ElectionTimeouts(count)
}

/// Something that was asked of a server, and will be granted or refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked(RequestId);

/// A tank, and a story that is told in it.
#[derive(Debug)]
pub struct Stage {
    tank: Tank,
    /// What was said, and the number of the call.
    said: BTreeMap<String, Asked>,
    /// How long the next wait may take.
    patience: Span,
}

/// What unwinds out of a story that has ended; the stage knows why.
struct Curtain;

impl Stage {
    /// The servers of a plan, started, and nobody who asks anything of them but the story.
    fn new(plan: Plan, trace: Trace) -> Self {
        let observers = Observers::new(Options::of(&plan), Record::default(), trace);
        let tank = World::new(plan, |_| Chronicle::default(), Box::new(Nobody), observers);
        Self { tank, said: BTreeMap::new(), patience: PATIENCE }
    }

    /// The next wait may take so long, and no longer.
    pub fn within(&mut self, timeouts: ElectionTimeouts) -> &mut Self {
        self.patience = self.span(timeouts);
        self
    }

    fn span(&self, timeouts: ElectionTimeouts) -> Span {
        self.tank.plan().election_timeout().times(timeouts.0)
    }

    /// Waits for something, in the words in which it would be missed.
    fn until(
        &mut self,
        what: impl FnOnce(&Tank) -> String,
        mut is_there: impl FnMut(&Tank) -> bool,
    ) -> &mut Self {
        self.tank.watch_mut().own.waited += 1;
        let patience = std::mem::replace(&mut self.patience, PATIENCE);
        let limit = self.tank.now() + patience;
        let in_vain = self.tank.run_while(limit, |tank| !is_there(tank) && has_not_spoken(tank));
        self.heed_judges();
        if in_vain {
            let what = format!("waited {patience} in vain until {}", what(&self.tank));
            self.end(Class::Liveness, GOES_ON, what);
        }
        self
    }

    /// Lets time pass while something holds.
    fn while_passes(&mut self, timeouts: ElectionTimeouts, what: &str, mut holds: impl FnMut(&Tank) -> bool) {
        self.tank.watch_mut().own.checked += 1;
        let limit = self.tank.now() + self.span(timeouts);
        let held = self.tank.run_while(limit, |tank| holds(tank) && has_not_spoken(tank));
        self.heed_judges();
        if !held {
            self.end(Class::Safety, TRUE, what.to_owned());
        }
    }

    /// A judge has the last word.
    fn heed_judges(&mut self) {
        if !has_not_spoken(&self.tank) {
            self.fall();
        }
    }

    /// The story ends here, with this.
    fn end(&mut self, class: Class, check: &str, what: String) -> ! {
        let violation = Violation {
            check: check.to_owned(),
            class,
            section: "the story".to_owned(),
            what,
            at: self.tank.now(),
            step: self.tank.watch().tally.steps,
        };
        self.tank.watch_mut().own.ended = Some(violation);
        self.fall()
    }

    /// Leaves the story. Not a panic: no hook runs, and nothing is printed.
    fn fall(&self) -> ! {
        panic::resume_unwind(Box::new(Curtain))
    }
}

/// Whether no judge has spoken yet.
fn has_not_spoken(tank: &Tank) -> bool {
    tank.watch().judges.verdict().is_none()
}
