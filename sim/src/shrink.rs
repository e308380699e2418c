//! From a plan that fails to the smallest one found that fails in the same way.
//!
//! In the room: which plans are tried, in which order (`Shrinker`), and what can be made simpler
//! in a plan (`edits.rs`). Not in the room: how a plan is run. All of it is a function of the first
//! plan: the same plan shrinks to the same plan.
//!
//! First everything that can be is switched off, set to what is usual, or made fewer; since that
//! stirs what happens, each such plan is tried under a few seeds. Then what went wrong in the run is
//! written down mishap by mishap, and those that are not needed are left out (Zeller's ddmin). Then
//! numbers are made round.

#[cfg(feature = "proptest")]
pub mod strategies;

pub(crate) mod edits;
mod source;

use crate::observe::report::{Class, Report, Verdict};
use crate::plan::Plan;
use crate::plan::fault_id::FaultId;
use crate::runner::Run;
use edits::Edit;
use std::collections::BTreeSet;
use std::fmt;
use wavetank_raft::{Span, Time};

/// How large a failing run is, the most important first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Size {
    /// How much goes wrong among servers and their links, and on their disks.
    pub faults: u64,
    /// How many servers there are.
    pub servers: u64,
    /// How many events the world handles.
    pub steps: u64,
}

/// What must stay as it is while everything else grows smaller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// This check speaks.
    Check(String),
    /// The code under test panics at this place.
    Panic(String),
}

/// Where a search is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShrinkProgress<'a> {
    /// How many plans were run.
    pub tries: u64,
    /// The smallest plan so far.
    pub best: &'a Plan,
    /// Its size.
    pub size: Size,
    /// Whether it was found just now.
    pub is_new: bool,
}

/// What a search found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shrunk {
    /// How the plan fails.
    pub failure: Failure,
    /// The plan.
    pub plan: Plan,
    /// The size of the run that the search began with.
    pub before: Size,
    /// The size of the plan's run.
    pub after: Size,
    /// How many plans were run.
    pub tries: u64,
}

/// The plan as Rust source, to be pasted into a test.
#[must_use]
pub fn source(plan: &Plan) -> String {
    source::of(plan)
}

impl Failure {
    /// How a run failed; `None` if it did not.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Option<Self> {
        match verdict {
            Verdict::Held | Verdict::Vacuous(_) => None,
            Verdict::Violated(violation) => Some(Self::Check(violation.check.clone())),
            // The numbers in the words change with the plan; the place does not.
            Verdict::Panicked(words) => {
                let place = words.rfind('(').map_or(words.as_str(), |at| &words[at..]);
                Some(Self::Panic(place.trim_matches(['(', ')']).to_owned()))
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check(check) => f.write_str(check),
            Self::Panic(place) => write!(f, "panic at {place}"),
        }
    }
}

impl Size {
    /// Not larger, but for a few steps: the simpler plan is worth them.
    const fn is_within(self, other: Self) -> bool {
        self.faults <= other.faults
            && self.servers <= other.servers
            && self.steps <= other.steps + other.steps / 4 + 8
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} steps, {} faults, {} servers", self.steps, self.faults, self.servers)
    }
}

/// Runs a plan, and does not write it down.
pub type RunPlan<'a> = dyn FnMut(Plan) -> Run<()> + 'a;

/// Looks for the smallest plan that fails as this one does; `None` if it does not fail. `go_on` is
/// asked after every run.
pub fn shrink(
    plan: Plan,
    run: &mut RunPlan<'_>,
    go_on: &mut dyn FnMut(&ShrinkProgress<'_>) -> bool,
) -> Option<Shrunk> {
    let tried = run(plan.clone());
    let failure = Failure::of(&tried.report.verdict)?;
    let before = size(&plan, &tried);
    let best = Best { plan: shortened(plan, &tried.report), size: before, fault_ids: tried.fault_ids };
    let mut shrinker = Shrinker { failure, best, tries: 1, run, go_on, is_over: false, is_small: false };
    shrinker.search();
    let Shrinker { failure, best, tries, .. } = shrinker;
    Some(Shrunk { failure, plan: best.plan, before, after: best.size, tries })
}

struct Best {
    plan: Plan,
    size: Size,
    fault_ids: Vec<FaultId>,
}

struct Shrinker<'a, 'b> {
    failure: Failure,
    best: Best,
    tries: u64,
    run: &'a mut RunPlan<'b>,
    go_on: &'a mut dyn FnMut(&ShrinkProgress<'_>) -> bool,
    is_over: bool,
    /// From here on nothing may grow much.
    is_small: bool,
}

impl Shrinker<'_, '_> {
    /// Under how many seeds a plan is tried that stirs everything.
    const SEEDS: u64 = 6;
    /// How often what is left is gone through once more.
    const ROUNDS: u64 = 4;
    /// Under how many seeds a simple plan is tried, for the one with the shortest story.
    const MORE_SEEDS: u64 = 64;

    fn search(&mut self) {
        while self.simplify(&edits::off(), Self::SEEDS) {}
        while self.simplify(&edits::fewer(), Self::SEEDS) | self.simplify(&edits::off(), Self::SEEDS) {}
        self.find_shortest();
        for _ in 0..Self::ROUNDS {
            self.minimize_fault_ids();
            self.is_small = true;
            let was = self.best.plan.clone();
            self.simplify(&edits::off(), 0);
            self.simplify(&edits::rounder(), 0);
            if was == self.best.plan {
                return;
            }
        }
    }

    /// Makes as many edits as go together: all, then halves, then quarters. Whether any was made.
    fn simplify(&mut self, edits: &[Edit], seeds: u64) -> bool {
        let mut made = false;
        let mut width = edits.len();
        while 0 < width && !self.is_over {
            for some in edits.chunks(width) {
                made |= self.make(some, seeds);
            }
            width /= 2;
        }
        made
    }

    fn make(&mut self, edits: &[Edit], seeds: u64) -> bool {
        let mut plan = self.best.plan.clone();
        edits.iter().for_each(|edit| edit(&mut plan));
        if plan == self.best.plan {
            return false;
        }
        self.attempt(plan.clone()) || (0..seeds).any(|seed| self.attempt(Plan { seed, ..plan.clone() }))
    }

    /// Runs a plan, and takes it if it fails as it should.
    fn attempt(&mut self, plan: Plan) -> bool {
        let is_small = self.is_small;
        self.attempt_if(plan, |size, best| !is_small || size.is_within(best))
    }

    fn attempt_if(&mut self, plan: Plan, wants: impl FnOnce(Size, Size) -> bool) -> bool {
        if self.is_over || plan.sound().is_err() {
            return false;
        }
        let tried = (self.run)(plan.clone());
        self.tries += 1;
        let fails = Failure::of(&tried.report.verdict).as_ref() == Some(&self.failure);
        let size = size(&plan, &tried);
        let is_new = fails && wants(size, self.best.size);
        if is_new {
            let plan = shortened(plan, &tried.report);
            self.best = Best { plan, size, fault_ids: tried.fault_ids };
        }
        let progress =
            ShrinkProgress { tries: self.tries, best: &self.best.plan, size: self.best.size, is_new };
        self.is_over = !(self.go_on)(&progress);
        is_new
    }

    /// The same plan under other seeds.
    fn find_shortest(&mut self) {
        for seed in 0..Self::MORE_SEEDS {
            let plan = Plan { seed, ..self.best.plan.clone() };
            self.attempt_if(plan, |size, best| size < best);
        }
    }

    /// Writes down what went wrong, and leaves out what is not needed.
    fn minimize_fault_ids(&mut self) {
        let mut width = self.best.fault_ids.len();
        let only =
            |fault_ids: BTreeSet<FaultId>, plan: &Plan| Plan { fault_ids: Some(fault_ids), ..plan.clone() };
        if !self.attempt(only(self.happened(), &self.best.plan)) {
            return;
        }
        while 0 < width && !self.is_over {
            let all: Vec<FaultId> = self.happened().into_iter().collect();
            let mut is_less = false;
            for some in all.chunks(width) {
                let left: BTreeSet<FaultId> =
                    self.happened().into_iter().filter(|fault_id| !some.contains(fault_id)).collect();
                is_less |= left.len() < self.happened().len() && self.attempt(only(left, &self.best.plan));
            }
            width = if is_less { width.min(self.happened().len()) } else { width / 2 };
        }
    }

    fn happened(&self) -> BTreeSet<FaultId> {
        self.best.fault_ids.iter().copied().collect()
    }
}

fn size(plan: &Plan, tried: &Run<()>) -> Size {
    // What a cut link loses follows from the cut; what a disk and a crash do is counted with them.
    let disks = ["stall", "write_failure"].iter().filter_map(|&family| tried.report.faults.get(family));
    Size {
        faults: tried.fault_ids.len() as u64 + disks.sum::<u64>(),
        servers: plan.server_count() as u64,
        steps: tried.report.events,
    }
}

/// Nothing has to go wrong after the failure, and nothing to be healed.
fn shortened(mut plan: Plan, report: &Report) -> Plan {
    let at = match &report.verdict {
        Verdict::Violated(violation) if violation.class == Class::Safety => violation.at,
        Verdict::Panicked(_) => report.virtual_time,
        Verdict::Violated(_) | Verdict::Held | Verdict::Vacuous(_) => return plan,
    };
    let until = Span::ms(at.since(Time(0)).0.div_ceil(1_000));
    if until < plan.chaos {
        plan.chaos = until;
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::kv::Kv;
    use crate::clients::kv::clients::{ClientPlan, Clients};
    use crate::observe::observer::Observer;
    use crate::observe::report::Violation;
    use crate::observe::{Observation, Seen};
    use crate::plan::server_set::ServerSet;
    use crate::runner::Runner;
    use crate::runner::observers::CustomChecks;
    use wavetank_raft::Term;

    #[test]
    fn a_storm_shrinks_to_what_the_property_needs() {
        // Nothing is wrong with terms that grow: it is only rare enough to be looked for.
        let found = (0..200).find(|&seed| fails(Plan::storm(seed)).is_some()).expect("terms grow somewhere");
        let shrunk = shrink(Plan::storm(found), &mut run, &mut |_| true).expect("it fails");
        assert_eq!(shrunk.failure, Failure::Check("terms_stay_low".to_owned()));
        assert_eq!(fails(shrunk.plan.clone()), Some(shrunk.failure.clone()));
        let (before, after) = (shrunk.before, shrunk.after);
        assert!(after.faults <= 12 && after.faults * 5 < before.faults, "{before} to {after}");
        assert!(after.servers <= before.servers, "{before} to {after}");
        let again = shrink(Plan::storm(found), &mut run, &mut |_| true).expect("it fails");
        assert_eq!(shrunk, again);
    }

    #[test]
    fn a_search_that_is_stopped_has_the_best_so_far() {
        let found = (0..200).find(|&seed| fails(Plan::storm(seed)).is_some()).expect("terms grow somewhere");
        let shrunk = shrink(Plan::storm(found), &mut run, &mut |progress| progress.tries < 30).unwrap();
        assert_eq!(shrunk.tries, 30);
        assert!(fails(shrunk.plan).is_some());
        assert!(shrink(Plan::calm(1, 3), &mut run, &mut |_| true).is_none());
    }

    fn fails(plan: Plan) -> Option<Failure> {
        Failure::of(&run(plan).report.verdict)
    }

    fn run(plan: Plan) -> Run<()> {
        let servers = ServerSet::first(usize::from(plan.servers));
        let clients = Clients::new(ClientPlan::from(&plan.clients), servers, plan.seed);
        Runner {
            name: "terms".to_owned(),
            plan,
            make: Box::new(|_| Kv::default()),
            workload: Box::new(clients),
            custom: LowTerms(None),
            trace: (),
        }
        .run()
    }

    struct LowTerms(Option<Violation>);

    impl Observer for LowTerms {
        fn on_observation(&mut self, seen: &Observation<'_>) {
            if let Seen::Stepped { idx, server, .. } = seen.seen
                && Term(5) < server.node().term()
                && self.0.is_none()
            {
                self.0 = Some(Violation {
                    check: "terms_stay_low".to_owned(),
                    class: Class::Safety,
                    section: "-".to_owned(),
                    what: format!("{idx} is in {}", server.node().term()),
                    at: seen.at,
                    step: seen.step,
                });
            }
        }
    }

    impl CustomChecks for LowTerms {
        fn verdict(&self) -> Option<&Violation> {
            self.0.as_ref()
        }
    }
}
