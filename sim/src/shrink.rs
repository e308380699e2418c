//! Shrinks a failing plan: searches for a smaller plan that fails in the same way.
//!
//! `Shrinker` chooses the plans that are tried, and the order of these plans. The file `edits.rs` lists the
//! edits that simplify a plan. The caller runs the plans. The search is deterministic: the same plan always
//! shrinks to the same plan.
//!
//! The search shrinks the schedule of the run (`elements.rs`): elements are left out until the failure needs
//! every remaining element. In a violation of liveness, events are missing. A schedule lists only the events
//! that happen. Therefore, after a violation of liveness, the schedule contains only the events before the
//! end of the faults. The random streams decide the later events. If a run of the schedule does not fail in
//! the same way, the search shrinks the plan (`plans.rs`).

#[cfg(feature = "proptest")]
pub mod strategies;

pub(crate) mod edits;
mod elements;
mod parts;
mod plans;
mod size;
mod source;
mod window;

pub use size::Size;
pub(crate) use size::many;
pub use window::Window;

use crate::observe::report::{Class, Report, Verdict};
use crate::plan::Plan;
use crate::plan::fault_id::FaultId;
use crate::runner::Run;
use crate::schedule::{EventOrder, Fit};
use std::fmt;
use wavetank_raft::{Span, Time};

/// The failure that must stay the same while the plan shrinks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The check with this name found a violation.
    Check(String),
    /// The code under test panicked at this place (file and line).
    Panic(String),
}

/// The progress of a search after a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShrinkProgress<'a> {
    /// The number of plans that were run so far.
    pub tries: u64,
    /// The smallest failing plan that was found so far.
    pub best: &'a Plan,
    /// The size of the run of the plan `best`.
    pub size: Size,
    /// True if the last run replaced the plan `best`.
    pub is_new: bool,
}

/// The result of a search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shrunk {
    /// The failure of the first plan. The smallest plan fails in the same way.
    pub failure: Failure,
    /// The smallest failing plan that was found.
    pub plan: Plan,
    /// The size of the run of the first plan.
    pub before: Size,
    /// The size of the run of the smallest plan.
    pub after: Size,
    /// The number of plans that were run in the whole search.
    pub tries: u64,
    /// True if the plan has a schedule, and the failure needs every single element of the schedule.
    pub is_minimal: bool,
    /// If healed servers make no progress: a part of the run that the servers can repeat without progress.
    /// `None` for other failures, or if the search found no such part.
    pub window: Option<Window>,
}

/// Returns the Rust source of the plan, for use in a test.
#[must_use]
pub fn source(plan: &Plan) -> String {
    source::of(plan)
}

/// Returns the Rust source of a test with this name. `run` is an expression that runs the plan in the variable
/// `plan` and has the type [`Run`], for example `storm(plan, Trace::default())`. The test fails if the run fails.
#[must_use]
pub fn test(name: &str, plan: &Plan, run: &str) -> String {
    source::test(name, plan, run)
}

/// The names that a printed test uses.
pub mod prelude {
    pub use super::Failure;
    pub use crate::plan::fault_id::{FaultId, MessageFault};
    pub use crate::plan::fault_kind::{Reactive, Scheduled};
    pub use crate::plan::rng::{Ratio, Spans};
    pub use crate::plan::{Budget, InitialState, Plan, RandomDelay, Recurrence, ReplacedOperation};
    pub use crate::schedule::{EventOrder, Fit};
    pub use crate::{JudgeLevel, ServerIdx};
    pub use std::time::Duration;
    pub use wavetank_raft::{ReadPath, Span};
}

impl Failure {
    /// Returns the failure of a run with this verdict; `None` if the run did not fail.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Option<Self> {
        match verdict {
            Verdict::Held | Verdict::Vacuous(_) => None,
            Verdict::Violated(violation) => Some(Self::Check(violation.check.clone())),
            // The numbers in the message change with the plan, but the place does not change.
            Verdict::Panicked(message) => {
                let place = message.rfind('(').map_or(message.as_str(), |at| &message[at..]);
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

/// A function that runs a plan without a trace.
pub type RunPlan<'a> = dyn FnMut(Plan) -> Run<()> + 'a;

/// Searches for the smallest plan that fails in the same way as `plan`. Returns `None` if the run of `plan`
/// does not fail. The search calls `go_on` after every attempt, and continues if `go_on` returns true.
pub fn shrink(
    plan: Plan,
    run: &mut RunPlan<'_>,
    go_on: &mut dyn FnMut(&ShrinkProgress<'_>) -> bool,
) -> Option<Shrunk> {
    let mut shrinker = Shrinker::new(plan, run, go_on)?;
    let before = shrinker.best.size;
    shrinker.search();
    let window = shrinker.find_window();
    let Shrinker { failure, best, tries, .. } = shrinker;
    let Best { plan, size: after, is_minimal, .. } = best;
    Some(Shrunk { failure, plan, before, after, tries, is_minimal, window })
}

#[derive(Clone)]
struct Best {
    plan: Plan,
    size: Size,
    fault_ids: Vec<FaultId>,
    /// For each element of the schedule, the hash of the state before the element ([`Run::states`]).
    states: Vec<u64>,
    /// True if the failure needs every single element of the schedule.
    is_minimal: bool,
}

struct Shrinker<'a, 'b> {
    failure: Failure,
    class: Class,
    best: Best,
    tries: u64,
    run: &'a mut RunPlan<'b>,
    go_on: &'a mut dyn FnMut(&ShrinkProgress<'_>) -> bool,
    is_over: bool,
    /// True if the caller has stopped the search.
    is_stopped: bool,
    /// The best plan before the search for another minimum began; `None` outside this search.
    shortest: Option<Best>,
    /// The number of events that the current part of the search may still handle; `None` if this part has no
    /// limit.
    work_left: Option<u64>,
    /// True if a simpler plan is kept only if the size of the run does not grow much (`Size::is_within`).
    is_small: bool,
}

impl<'a, 'b> Shrinker<'a, 'b> {
    /// The work to set up a run. The unit is the work to handle one event.
    const WORK_OF_A_RUN: u64 = 500;

    /// Runs the plan. Returns `None` if the run does not fail.
    fn new(
        plan: Plan,
        run: &'a mut RunPlan<'b>,
        go_on: &'a mut dyn FnMut(&ShrinkProgress<'_>) -> bool,
    ) -> Option<Self> {
        let tried = run(plan.clone());
        let failure = Failure::of(&tried.report.verdict)?;
        let class = elements::class_of(&tried.report.verdict);
        let size = Size::of(&plan, &tried);
        let plan = shortened(plan, &tried.report);
        let Run { fault_ids, states, .. } = tried;
        let best = Best { plan, size, fault_ids, states, is_minimal: false };
        Some(Self {
            failure,
            class,
            best,
            tries: 1,
            run,
            go_on,
            is_over: false,
            is_stopped: false,
            shortest: None,
            work_left: None,
            is_small: false,
        })
    }

    fn search(&mut self) {
        if self.search_schedule() {
            return;
        }
        self.search_plan();
        if self.class == Class::Liveness {
            // A run of the smaller plan may also fail in the same way if a schedule decides the order of
            // events until the faults end.
            self.search_schedule();
        }
    }

    /// Runs a plan, and keeps the plan if the run fails in the same way and is not too large. Returns true if
    /// the plan was kept.
    fn attempt(&mut self, mut plan: Plan) -> bool {
        if let EventOrder::Scheduled(fit, _) | EventOrder::HealedAfter(fit, _) = &mut plan.order {
            *fit = Fit::Similar;
            return self.attempt_if(plan, |size, best| size.steps <= best.steps);
        }
        let is_small = self.is_small;
        self.attempt_if(plan, |size, best| !is_small || size.is_within(best))
    }

    fn attempt_if(&mut self, plan: Plan, wants: impl FnOnce(Size, Size) -> bool) -> bool {
        plan.validate().is_ok() && self.attempt_valid(plan, wants)
    }

    fn attempt_valid(&mut self, mut plan: Plan, wants: impl FnOnce(Size, Size) -> bool) -> bool {
        if self.is_over {
            return false;
        }
        let tried = (self.run)(plan.clone());
        self.tries += 1;
        self.count_work(&tried.report);
        let fails = Failure::of(&tried.report.verdict).as_ref() == Some(&self.failure);
        let mut size = Size::of(&plan, &tried);
        let is_drawn = plan.order == EventOrder::Drawn;
        if !is_drawn {
            plan.order = self.order(Fit::Exact, tried.schedule);
            size.steps = plan.order.elements().len() as u64;
        }
        let is_new = fails && wants(size, self.best.size) && (is_drawn || self.fails_exactly(&plan));
        if is_new {
            let plan = shortened(plan, &tried.report);
            let Run { fault_ids, states, .. } = tried;
            self.best = Best { plan, size, fault_ids, states, is_minimal: false };
        }
        self.report_progress(is_new);
        is_new
    }

    /// Runs a plan that cannot replace the best plan, and reports the progress.
    fn play(&mut self, plan: Plan) -> Run<()> {
        let run = (self.run)(plan);
        self.tries += 1;
        self.report_progress(false);
        run
    }

    fn report_progress(&mut self, is_new: bool) {
        let shorter = |other: &&Best| other.size.steps <= self.best.size.steps;
        let best = self.shortest.as_ref().filter(shorter).unwrap_or(&self.best);
        let progress = ShrinkProgress { tries: self.tries, best: &best.plan, size: best.size, is_new };
        self.is_stopped = !(self.go_on)(&progress);
        self.is_over = self.is_stopped || self.work_left == Some(0);
    }

    /// Subtracts the work of a run, its set-up included, from the work that is left.
    const fn count_work(&mut self, report: &Report) {
        if let Some(left) = &mut self.work_left {
            *left = left.saturating_sub(report.events + Self::WORK_OF_A_RUN);
        }
    }

    /// Runs a plan with an exact schedule. Returns true if the run fails in the same way. The run may end
    /// without the failure: a panic ends a run in the middle of an element, so the recorded schedule lacks
    /// this element. The run belongs to the same attempt, so `tries` does not count the run.
    fn fails_exactly(&mut self, plan: &Plan) -> bool {
        let tried = (self.run)(plan.clone());
        Failure::of(&tried.report.verdict).as_ref() == Some(&self.failure)
    }
}

/// Ends the chaos phase of a plan at the time of the failure, because later faults are not needed. Returns the
/// plan without a change if the plan has a schedule, which decides when the faults end. Also returns the plan
/// without a change if the failure is a violation of liveness, which appears only after the faults.
fn shortened(mut plan: Plan, report: &Report) -> Plan {
    if !plan.order.elements().is_empty() {
        return plan;
    }
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
    use crate::clients::kv::clients::{Clients, KvPlan};
    use crate::observe::observer::Observer;
    use crate::observe::report::Violation;
    use crate::observe::{Observation, ObservationKind};
    use crate::plan::server_set::ServerSet;
    use crate::runner::Runner;
    use crate::runner::observers::CustomChecks;
    use wavetank_raft::Term;

    #[test]
    fn a_storm_shrinks_to_what_the_property_needs() {
        // Growing terms are not a bug. This test needs an event that is rare, so that shrinking has to
        // search for it.
        let found = (0..200).find(|&seed| fails(Plan::storm(seed)).is_some()).expect("terms grow somewhere");
        let shrunk = shrink(Plan::storm(found), &mut run, &mut |_| true).expect("it fails");
        assert_eq!(shrunk.failure, Failure::Check("terms_stay_low".to_owned()));
        assert_eq!(fails(shrunk.plan.clone()), Some(shrunk.failure.clone()));
        let (before, after) = (shrunk.before, shrunk.after);
        assert!(after.steps <= 10 && after.servers <= 2 && 1_000 < before.steps, "{before} to {after}");
        let again = shrink(Plan::storm(found), &mut run, &mut |_| true).expect("it fails");
        assert_eq!(shrunk, again);
    }

    #[test]
    fn no_element_of_a_minimal_schedule_can_be_left_out() {
        for seed in (0..200).filter(|&seed| fails(Plan::storm(seed)).is_some()).take(2) {
            let shrunk = shrink(Plan::storm(seed), &mut run, &mut |_| true).expect("it fails");
            let EventOrder::Scheduled(Fit::Exact, elements) = &shrunk.plan.order else {
                panic!("{shrunk:?}")
            };
            assert!(shrunk.is_minimal, "storm {seed}: {} tries", shrunk.tries);
            for at in 0..elements.len() {
                let mut left = elements.clone();
                left.remove(at);
                for fit in [Fit::Exact, Fit::Similar] {
                    let order = EventOrder::Scheduled(fit, left.clone());
                    assert_eq!(
                        fails(Plan { order, ..shrunk.plan.clone() }),
                        None,
                        "without {}",
                        elements[at]
                    );
                }
            }
        }
    }

    #[test]
    fn a_schedule_shrinks_to_a_part_of_itself() {
        let found = (0..200).find(|&seed| fails(Plan::storm(seed)).is_some()).expect("terms grow somewhere");
        let shrunk = shrink(Plan::storm(found), &mut run, &mut |_| true).expect("it fails");
        let EventOrder::Scheduled(_, elements) = &shrunk.plan.order else { panic!("{shrunk:?}") };
        let doubled = elements.iter().flat_map(|element| [element.clone(), element.clone()]).collect();
        let order = EventOrder::Scheduled(Fit::Exact, doubled);
        for plan in [shrunk.plan.clone(), Plan { order, ..shrunk.plan.clone() }] {
            let again = shrink(plan, &mut run, &mut |_| true).expect("it fails");
            assert!(again.is_minimal && again.after.steps <= shrunk.after.steps, "{}", again.after);
        }
    }

    #[test]
    fn intervals_between_equal_states_are_left_out() {
        let mut run = |plan: Plan| {
            let mut tried = run(plan);
            // Without equal states, there are no intervals.
            tried.states.iter_mut().enumerate().for_each(|(at, state)| *state = at as u64);
            tried
        };
        let without = after_intervals(&mut run);
        let with = after_intervals(&mut self::run);
        assert!(0 < with && with < without / 2, "{with} of {without} elements are left");
    }

    /// Records the first storm that fails, leaves out its intervals, and returns the number of elements.
    fn after_intervals(run: &mut RunPlan<'_>) -> usize {
        let found = (0..200).map(Plan::storm).find(|plan| fails(plan.clone()).is_some());
        let plan = Plan { order: EventOrder::Recorded, ..found.expect("terms grow somewhere") };
        let mut go_on = |_: &ShrinkProgress<'_>| true;
        let mut shrinker = Shrinker::new(plan.clone(), run, &mut go_on).expect("the run fails");
        assert!(shrinker.attempt_valid(plan, |_, _| true));
        shrinker.remove_intervals();
        assert_eq!(fails(shrinker.best.plan.clone()).as_ref(), Some(&shrinker.failure));
        shrinker.best.plan.order.elements().len()
    }

    #[test]
    fn a_stopped_search_returns_the_best_so_far() {
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
        let clients = Clients::new(KvPlan::from(&plan.clients), servers, plan.seed);
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
        fn on_observation(&mut self, observation: &Observation<'_>) {
            if let ObservationKind::Stepped { idx, server, .. } = observation.kind
                && Term(5) < server.node().term()
                && self.0.is_none()
            {
                self.0 = Some(Violation {
                    check: "terms_stay_low".to_owned(),
                    class: Class::Safety,
                    section: "-".to_owned(),
                    what: format!("{idx} is in {}", server.node().term()),
                    at: observation.at,
                    step: observation.step,
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
