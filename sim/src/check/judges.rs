//! Runs all checks. The facts of an observation select the checks that run. A typical step concerns three or
//! four checks. Most observations concern no check.

use super::conduct::Conduct;
use super::{CHECKS, Check, Options};
use crate::check::coverage::Sometimes;
use crate::check::ghost::{Facts, Ghost};
use crate::check::liveness::every_call_ends::EveryCallEnds;
use crate::check::liveness::progress::Progress;
use crate::engine::world::Unsettled;
use crate::observe::observer::Observer;
use crate::observe::report::{Class, Violation};
use crate::observe::{Observation, ObservationKind};
use crate::subject::{Exclusion, Subject};
use std::collections::BTreeMap;
use wavetank_raft::{Span, Time};

/// For each fact, the checks that watch this fact. Each check is one bit, in the order of `CHECKS`.
const WATCHERS: [u64; Facts::MOST] = {
    assert!(CHECKS.len() <= 64, "a `u64` has one bit for each check");
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
    /// The checks that run. Each check is one bit, in the order of `CHECKS`.
    enabled: u64,
    /// The number of cases that each check judged.
    witnessed: [u64; CHECKS.len()],
    calls: EveryCallEnds,
    conduct: Conduct,
    /// The checks that the documents of a subject exclude. The key is the name of a check. The value is the
    /// line of the document that excludes this check.
    excluded: BTreeMap<&'static str, &'static str>,
    election_timeout: Span,
    progress: Progress,
    sometimes: Sometimes,
    verdict: Option<Violation>,
}

// Inlining lets the compiler see the kind at the call, so the compiler removes the `match` on kinds.
impl<S: Subject> Observer<S> for Judges {
    #[inline(always)]
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        Self::on_observation(self, observation);
    }
}

impl Judges {
    /// Creates the judges of a run with these options.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let bit = |(at, check): (usize, &Check)| u64::from(check.is_enabled(&options)) << at;
        Self {
            ghost: Ghost::default(),
            enabled: CHECKS.iter().enumerate().map(bit).sum(),
            witnessed: [0; CHECKS.len()],
            calls: EveryCallEnds::new(options.liveness.election_timeout),
            conduct: Conduct::default(),
            excluded: BTreeMap::new(),
            election_timeout: options.liveness.election_timeout,
            progress: Progress::new(options.liveness),
            sometimes: Sometimes::default(),
            verdict: None,
        }
    }

    /// Judges an observation. After the first violation, this method ignores all further observations.
    #[inline(always)]
    pub fn on_observation<S: Subject>(&mut self, observation: &Observation<'_, S>) {
        if self.verdict.is_some() {
            return;
        }
        match &observation.kind {
            // The sender's actions and the receiver's event carry the same message. The effect of an
            // event is judged after the step.
            ObservationKind::Sent { .. }
            | ObservationKind::Invoked { .. }
            | ObservationKind::Returned { .. } => {}
            ObservationKind::Stepping { idx, event, server, clock } => {
                self.ghost.stepping(*idx, event, *clock);
                self.judge_calls(observation);
                if let Some(what) = self.conduct.stepping(*idx, *server, event, observation.at) {
                    let (at, step) = (observation.at, observation.step);
                    self.report(Conduct::NAME, Conduct::SECTION, Class::Safety, what, at, step);
                }
            }
            _ => {
                if let ObservationKind::Booted { idx, server, .. } = &observation.kind {
                    self.conduct.booted(*idx, *server, observation.at);
                    self.disable_blind_checks();
                    self.exclude(server.exclusions());
                }
                self.judge_calls(observation);
                self.judge(observation);
            }
        }
    }

    fn judge_calls<S: Subject>(&mut self, observation: &Observation<'_, S>) {
        if let Some((class, what)) = self.calls.on_observation(observation) {
            let (at, step) = (observation.at, observation.step);
            self.report(EveryCallEnds::NAME, EveryCallEnds::SECTION, class, what, at, step);
        }
    }

    /// Switches off the checks that need a part of the state that some server does not show.
    fn disable_blind_checks(&mut self) {
        let shown = self.conduct.shown();
        let blind = CHECKS.iter().enumerate().filter(|(_, check)| !shown.has(check.needs));
        self.enabled = blind.fold(self.enabled, |enabled, (at, _)| enabled & !(1 << at));
    }

    /// Switches off the checks that the documents of a server's implementation exclude. Panics if an excluded
    /// check does not exist.
    fn exclude(&mut self, exclusions: &'static [Exclusion]) {
        for Exclusion { check, line } in exclusions {
            let place = CHECKS.iter().position(|it| it.name == *check);
            let at = place.unwrap_or_else(|| panic!("a subject excludes `{check}`, which is not a check"));
            self.enabled &= !(1 << at);
            self.excluded.insert(check, line);
        }
    }

    fn judge<S: Subject>(&mut self, observation: &Observation<'_, S>) {
        let facts = self.ghost.on_observation(observation);
        if facts == Facts::NONE {
            return;
        }
        if let Some((check, what)) = self.run_checks(facts) {
            let (at, step) = (observation.at, observation.step);
            self.report(check.name, check.section, Class::Safety, what, at, step);
        } else if let Some(what) = Conduct::stepped(&self.ghost, facts) {
            let (at, step) = (observation.at, observation.step);
            self.report(Conduct::NAME, Conduct::SECTION, Class::Safety, what, at, step);
        }
        self.sometimes.on_observation(&self.ghost, facts);
        self.progress.on_observation(&self.ghost, facts);
    }

    /// Runs the enabled checks that watch any of the facts. Returns the first check that finds a violation,
    /// and the message of this check. Returns `None` if no check finds a violation.
    fn run_checks(&mut self, facts: Facts) -> Option<(&'static Check, String)> {
        let mut due = facts.iter().fold(0, |due, fact| due | WATCHERS[fact]) & self.enabled;
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

    /// Records a violation as the verdict. If the server of the newest step is not our own implementation,
    /// adds the name of its implementation to the message.
    #[cold]
    fn report(&mut self, check: &str, section: &str, class: Class, what: String, at: Time, step: u64) {
        let (check, section) = (check.to_owned(), section.to_owned());
        let what = self.conduct.named(self.ghost.step.idx, what);
        self.verdict = Some(Violation { check, class, section, what, at, step });
    }

    /// Judges liveness at the end of the run.
    pub fn end(&mut self, at: Time) {
        if self.verdict.is_some() {
            return;
        }
        let step = self.ghost.number;
        if let Some((idx, what)) = self.conduct.sleeper(&self.ghost, at, self.election_timeout) {
            self.ghost.step.idx = idx;
            return self.report(Conduct::NAME, Conduct::SECTION, Class::Liveness, what, at, step);
        }
        if !self.conduct.shown().has(Progress::NEEDS) {
            return;
        }
        if let Some(what) = self.progress.end(&self.ghost, at) {
            self.report(Progress::NAME, Progress::SECTION, Class::Liveness, what, at, step);
        }
    }

    /// Returns the first violation. Returns `None` if no check found a violation.
    #[must_use]
    pub const fn verdict(&self) -> Option<&Violation> {
        self.verdict.as_ref()
    }

    /// Returns the number of cases that each check judged, by the name of the check. Checks that are off have
    /// no entry.
    #[must_use]
    pub fn witnessed(&self) -> BTreeMap<String, u64> {
        let all = CHECKS.iter().zip(self.witnessed).enumerate();
        let enabled = all.filter(|(at, _)| self.enabled >> at & 1 == 1);
        let mut counts: BTreeMap<_, _> =
            enabled.map(|(_, (check, count))| (check.name.to_owned(), count)).collect();
        counts.insert(EveryCallEnds::NAME.to_owned(), self.calls.witnessed());
        if self.conduct.shown().has(Progress::NEEDS) {
            counts.insert(Progress::NAME.to_owned(), self.progress.witnessed());
        }
        counts
    }

    /// Returns the checks that are off because some server does not show all parts that they need. The key is
    /// the name of a check. The value names the missing parts.
    #[must_use]
    pub fn off(&self) -> BTreeMap<String, String> {
        let shown = self.conduct.shown();
        let needs = CHECKS.iter().map(|check| (check.name, check.needs));
        let all = needs.chain([(Progress::NAME, Progress::NEEDS), (Unsettled::CHECK, Unsettled::NEEDS)]);
        let blind = all.filter(|(_, needs)| !shown.has(*needs));
        blind.map(|(name, needs)| (name.to_owned(), needs.missing_in(shown).to_string())).collect()
    }

    /// Returns the checks that the documents of a subject exclude. The key is the name of a check. The value
    /// is the line of the document that excludes this check.
    #[must_use]
    pub fn excluded(&self) -> BTreeMap<String, String> {
        self.excluded.iter().map(|(check, line)| ((*check).to_owned(), (*line).to_owned())).collect()
    }

    /// Returns the names of the checks that run with these options.
    #[must_use]
    pub fn names(options: &Options) -> Vec<&'static str> {
        let enabled = CHECKS.iter().filter(|check| check.is_enabled(options));
        enabled.map(|check| check.name).chain([EveryCallEnds::NAME, Progress::NAME]).collect()
    }

    /// Returns the counts of the events that should happen in some runs.
    #[must_use]
    pub const fn sometimes(&self) -> &Sometimes {
        &self.sometimes
    }

    /// Returns the check that judges progress after all faults have ended.
    #[must_use]
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Returns the ghost state. Other judges read the ghost state in the same step.
    #[must_use]
    pub(crate) const fn ghost(&self) -> &Ghost {
        &self.ghost
    }
}
