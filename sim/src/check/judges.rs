//! All checks together. Which of them look is found by what happened, not by asking each: of some
//! forty a step concerns three or four, and most observations concern none.

use super::{CHECKS, Check, Options};
use crate::check::coverage::Sometimes;
use crate::check::ghost::{Facts, Ghost};
use crate::check::liveness::every_call_ends::EveryCallEnds;
use crate::check::liveness::progress::Progress;
use crate::observe::observer::Observer;
use crate::observe::report::{Class, Violation};
use crate::observe::{Observation, ObservationKind};
use std::collections::BTreeMap;
use wavetank_raft::Time;

/// For each fact, the checks that watch it, as bits in the order in which they look.
const WATCHERS: [u64; Facts::MOST] = {
    assert!(CHECKS.len() <= 64, "one bit a check");
    let mut watchers = [0; Facts::MOST];
    let mut check = 0;
    while check < CHECKS.len() {
        let mut fact = 0;
        while fact < Facts::MOST {
            if CHECKS[check].watches.has(fact) {
                watchers[fact] |= 1 << check;
            }
            fact += 1;
        }
        check += 1;
    }
    watchers
};

/// The judges of one run.
#[derive(Debug)]
pub struct Judges {
    ghost: Ghost,
    /// The checks that look in this run, as bits in the order in which they look.
    wanted: u64,
    /// How often each check saw what it judges.
    witnessed: [u64; CHECKS.len()],
    calls: EveryCallEnds,
    progress: Progress,
    sometimes: Sometimes,
    verdict: Option<Violation>,
}

impl Observer for Judges {
    #[inline]
    fn on_observation(&mut self, observation: &Observation<'_>) {
        Self::on_observation(self, observation);
    }
}

impl Judges {
    /// The judges of a run of this kind.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let bit = |(at, check): (usize, &Check)| u64::from(check.is_wanted(&options)) << at;
        Self {
            ghost: Ghost::default(),
            wanted: CHECKS.iter().enumerate().map(bit).sum(),
            witnessed: [0; CHECKS.len()],
            calls: EveryCallEnds::new(options.patience.election_timeout),
            progress: Progress::new(options.patience),
            sometimes: Sometimes::default(),
            verdict: None,
        }
    }

    /// Looks at an observation. After the first violation nothing is looked at any more.
    #[inline]
    pub fn on_observation(&mut self, observation: &Observation<'_>) {
        if self.verdict.is_some() {
            return;
        }
        match &observation.kind {
            // What a message says its sender's actions and its receiver's event tell; and what an
            // event does is judged when it is done.
            ObservationKind::Sent { .. }
            | ObservationKind::Invoked { .. }
            | ObservationKind::Returned { .. } => {}
            ObservationKind::Stepping { idx, event, clock, .. } => {
                self.ghost.stepping(*idx, event, *clock);
                self.calls(observation);
            }
            _ => {
                self.calls(observation);
                self.look(observation);
            }
        }
    }

    fn calls(&mut self, observation: &Observation<'_>) {
        if let Some((class, what)) = self.calls.on_observation(observation) {
            let (at, step) = (observation.at, observation.step);
            self.speak(EveryCallEnds::NAME, EveryCallEnds::SECTION, class, what, at, step);
        }
    }

    fn look(&mut self, observation: &Observation<'_>) {
        let facts = self.ghost.on_observation(observation);
        if facts == Facts::NONE {
            return;
        }
        if let Some((check, what)) = self.ask(facts) {
            let (at, step) = (observation.at, observation.step);
            self.speak(check.name, check.section, Class::Safety, what, at, step);
        }
        self.sometimes.on_observation(&self.ghost, facts);
        self.progress.on_observation(&self.ghost, facts);
    }

    /// Asks the checks that are wanted and watch any of the facts.
    fn ask(&mut self, facts: Facts) -> Option<(&'static Check, String)> {
        let mut due = facts.iter().fold(0, |due, fact| due | WATCHERS[fact]) & self.wanted;
        while due != 0 {
            let next = due.trailing_zeros() as usize;
            due &= due - 1;
            let check = &CHECKS[next];
            if let Some(what) = (check.judge)(&self.ghost, facts, &mut self.witnessed[next]) {
                return Some((check, what));
            }
        }
        None
    }

    #[cold]
    fn speak(&mut self, check: &str, section: &str, class: Class, what: String, at: Time, step: u64) {
        let (check, section) = (check.to_owned(), section.to_owned());
        self.verdict = Some(Violation { check, class, section, what, at, step });
    }

    /// The run is over: what should have happened by now must have.
    pub fn end(&mut self, at: Time) {
        if self.verdict.is_some() {
            return;
        }
        if let Some(what) = self.progress.end(&self.ghost, at) {
            let (name, section, step) = (Progress::NAME, Progress::SECTION, self.ghost.number);
            self.speak(name, section, Class::Liveness, what, at, step);
        }
    }

    /// The first property that did not hold.
    #[must_use]
    pub const fn verdict(&self) -> Option<&Violation> {
        self.verdict.as_ref()
    }

    /// How often each check saw what it judges.
    #[must_use]
    pub fn witnessed(&self) -> BTreeMap<String, u64> {
        let all = CHECKS.iter().zip(self.witnessed).enumerate();
        let wanted = all.filter(|(at, _)| self.wanted >> at & 1 == 1);
        let mut counts: BTreeMap<_, _> =
            wanted.map(|(_, (check, count))| (check.name.to_owned(), count)).collect();
        counts.insert(EveryCallEnds::NAME.to_owned(), self.calls.witnessed());
        counts.insert(Progress::NAME.to_owned(), self.progress.witnessed());
        counts
    }

    /// The checks that look in a run of this kind.
    #[must_use]
    pub fn names(options: &Options) -> Vec<&'static str> {
        let wanted = CHECKS.iter().filter(|check| check.is_wanted(options));
        wanted.map(|check| check.name).chain([EveryCallEnds::NAME, Progress::NAME]).collect()
    }

    /// How often each thing that should sometimes happen happened.
    #[must_use]
    pub const fn sometimes(&self) -> &Sometimes {
        &self.sometimes
    }

    /// What was demanded after the healing, and how long it took.
    #[must_use]
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What the judges know. For other judges, which may look at the same step.
    #[must_use]
    pub(crate) const fn ghost(&self) -> &Ghost {
        &self.ghost
    }
}
